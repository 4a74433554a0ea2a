/** The text of `victims`: what it means, what is refused and where; and who goes first. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { MultisnapError } from "../../src/errors.ts";
import {
  chooseVictim,
  parseVictims,
  priorityOf,
  VICTIMS_BYTES_MAX,
} from "../../src/volume/full/victims.ts";
import { Random } from "../model/prng.ts";

function refusal(text: string): string {
  try {
    parseVictims(text);
  } catch (error) {
    assert.instance(error, MultisnapError);
    assert.is((error as MultisnapError).code, "Invalid", text);
    return (error as MultisnapError).message;
  }
  throw new Error(`taken for a list of victims: ${JSON.stringify(text)}`);
}

test("patterns with and without a priority, blanks around them", () => {
  const patterns = parseVictims("tmp-*=0, auto-*=1 ,nightly-? = -5,x y,a=b=999999999");
  assert.equal(
    patterns.map(({ characters, priority }) => [characters.join(""), priority]),
    [
      ["tmp-*", 0],
      ["auto-*", 1],
      ["nightly-?", -5],
      ["x y", 0],
      ["a=b", 999_999_999],
    ],
  );
  for (const none of ["", " ", "\t"]) assert.equal(parseVictims(none), []);
});

test("the first pattern that fits counts; without one it is no victim", () => {
  const patterns = parseVictims("auto-1*=3,auto-*=1,a?c=2");
  const found = ["auto-12", "auto-2", "abc", "a😀c", "ac", "abcd", "xauto-1", "AUTO-1"];
  assert.equal(
    found.map((name) => priorityOf(patterns, name)),
    [3, 1, 2, 2, null, null, null, null],
  );
});

test("what is refused, and the position", () => {
  for (const [text, character] of [
    [",a", 1],
    ["a,", 3],
    ["a, ,b", 3],
    ["a=1,=2", 5],
    ["tmp-*=", 7],
    ["tmp-*=x", 7],
    ["tmp-*=1.5", 7],
    ["tmp-*=1234567890", 7],
    ["ok, b@d", 6],
    ["ok,\n", 4],
    ["a\nb", 2],
    ["ab\ud800", 3],
  ] as const) {
    assert.match(refusal(text), `character ${character}: `, JSON.stringify(text));
  }
  assert.is(parseVictims("é".repeat(254)).length, 1);
  assert.match(refusal("é".repeat(255)), `510 bytes of UTF-8, at most ${VICTIMS_BYTES_MAX}`);
  for (const other of [null, 7, ["a"]]) refusal(other as unknown as string);
});

test("random patterns and names, against regular expressions", () => {
  const random = new Random(1);
  let fitting = 0;
  for (let round = 0; round < 20_000; round++) {
    const draw = (letters: string[], most: number) =>
      Array.from({ length: random.between(1, most) }, () => random.pick(letters)).join("");
    const pattern = draw(["*", "?", "a", "b", "."], 6);
    const name = draw(["a", "b", ".", "é"], 7);
    const source = pattern.replaceAll(".", "\\.").replaceAll("?", ".").replaceAll("*", ".*");
    const expected = new RegExp(`^${source}$`, "u").test(name);
    const found = priorityOf(parseVictims(pattern), name) !== null;
    assert.is(found, expected, `${pattern} and ${name}`);
    if (found) fitting++;
  }
  assert.ok(fitting > 2000 && fitting < 18_000, `${fitting} fit`);
});

test("a pattern of stars alone takes no time", () => {
  const patterns = parseVictims(`${"*a".repeat(250)}*b`);
  for (let i = 0; i < 200; i++) assert.is(priorityOf(patterns, "a".repeat(255)), null);
});

test("lowest priority, then oldest, then the lower id; never one in use", () => {
  const random = new Random(2);
  const patterns = parseVictims("a*=2,b*=-1,c*");
  const priorities: Record<string, number | undefined> = { a: 2, b: -1, c: 0 };
  for (let round = 0; round < 2000; round++) {
    const snapshots = Array.from({ length: random.below(8) }, (_, index) => ({
      id: index + 2,
      name: `${random.pick(["a", "b", "c", "d"])}${index}`,
      created: random.below(3),
    })).sort(() => random.below(3) - 1);
    const used = new Set(snapshots.map(({ id }) => id).filter(() => random.chance(0.3)));
    const fitting = snapshots.filter(({ name }) => priorities[name[0] as string] !== undefined);
    const order = fitting
      .filter(({ id }) => !used.has(id))
      .map((one) => [priorities[one.name[0] as string] as number, one.created, one.id])
      .sort((x, y) => x.map((part, i) => part - (y[i] as number)).find((less) => less !== 0) ?? 0);
    const choice = chooseVictim(patterns, snapshots, (id) => used.has(id));
    assert.is(choice.victim?.id, order[0]?.[2]);
    assert.is(choice.inUse, fitting.length - order.length);
    if (choice.victim) assert.is(choice.priority, order[0]?.[0]);
  }
});

test.run();
