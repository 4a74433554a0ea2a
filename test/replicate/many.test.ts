/** What rounds remember of many snapshots, instead of looking at all of them each time. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { newerThan } from "../../src/volume/newest.ts";
import type { Volume } from "../../src/volume/types.ts";
import type { DiskVolume } from "../../src/volume/volume.ts";
import { Random } from "../model/prng.ts";
import { Pair, type Shape } from "./sides.ts";

const test = suite("replication of many snapshots");
const SHAPE: Shape = { kind: "range", chunk: 4096, size: 16 * 4096 };
const EVERY = 10_000;

/** `between` runs before each round but the first; what it was from, round by round. */
async function rounds(
  pair: Pair,
  count: number,
  between: (round: number) => void | Promise<void>,
  keep?: string,
): Promise<(string | null)[]> {
  const from: (string | null)[] = [];
  const stop = new AbortController();
  const sleep = async (ms: number) => {
    pair.clock.time += ms;
    if (from.length === count) return stop.abort();
    await between(from.length);
  };
  const how = { every: EVERY, keep, sleep, signal: stop.signal, force: true };
  for await (const event of pair.events(how)) {
    assert.is(event.type, "sent", JSON.stringify(event));
    if (event.type !== "sent") break;
    assert.is(event.problem, null);
    from.push(event.from);
  }
  return from;
}

/** How often all snapshots of a volume are listed. */
function countLists(volume: Volume): { lists: number } {
  const { store } = (volume as DiskVolume).core;
  const counted = { lists: 0 };
  const views = store.views.bind(store);
  store.views = () => {
    counted.lists++;
    return views();
  };
  return counted;
}

for (const keep of [undefined, "3x10s"]) {
  const rules = keep === undefined ? "without rules" : "with rules";
  test(`a round lists neither side's snapshots once the first is over, ${rules}`, async () => {
    const pair = new Pair(SHAPE);
    const sides = [await pair.here.open(), await pair.there.open()];
    for (const side of sides) {
      for (let i = 0; i < 20; i++) await side.snapshot(`own-${i}`, { readOnly: true });
    }
    let counted: { lists: number }[] = [];
    await rounds(
      pair,
      8,
      (round) => {
        if (round === 2) counted = sides.map(countLists);
      },
      keep,
    );
    assert.equal(
      counted.map(({ lists }) => lists),
      [0, 0],
    );
    for (const { snapshots } of sides) assert.is(snapshots.length, keep ? 23 : 28);
  });
}

test("a base that got another name is asked for, and found", async () => {
  const pair = new Pair(SHAPE);
  const volume = await pair.here.open();
  const from = await rounds(pair, 4, async (round) => {
    if (round === 2) await volume.rename(volume.snapshots.at(-1)!, "renamed");
  });
  assert.is(from[2], "renamed");
  assert.is(from[3], volume.snapshots.at(-1 - 1)!.name);
});

test("what comes late has an older id than what was looked at", async () => {
  const pair = new Pair({ ...SHAPE, size: 2 ** 20 });
  const volume = await pair.here.open();
  const copy = await pair.there.open();
  await pair.once();
  await volume.origin.write(0, new Random(1).bytes(2 ** 20));
  pair.trouble = { cut: 2 ** 19 };
  await pair.once().catch(() => {});
  pair.trouble = { cut: 0 };
  await copy.snapshot("between", { readOnly: true });
  // Both look at what is there, and neither takes anything.
  await pair.once().catch(() => {});
  pair.trouble = {};
  const from = await rounds(pair, 3, () => {});
  const names = volume.snapshots.map(({ name }) => name);
  assert.equal(from, [names[0], names[1], names[2]], "what was half there came first");
  const arrived = copy.snapshots.filter(({ name }) => name !== "between");
  assert.ok(arrived[1]!.id < copy.get("between").id, "it came late");
  assert.equal(
    arrived.map(({ name, holds }) => [name, holds.length]),
    names.map((name, index) => [name, index === names.length - 1 ? 1 : 0]),
  );
});

test("newer than an id: those that a list has, whatever is missing between", async () => {
  const random = new Random(7);
  const pair = new Pair(SHAPE);
  const volume = await pair.here.open();
  let made = 0;
  for (let step = 0; step < 60; step++) {
    for (let i = random.below(6); i > 0; i--) await volume.snapshot(`s${made++}`);
    const doomed = volume.snapshots.filter(() => random.chance(0.3));
    await volume.delete(...doomed);
    const after = random.below(2 * made + 2);
    const { found, upTo } = newerThan(volume, after);
    assert.equal(
      found.map(({ id }) => id),
      volume.snapshots.map(({ id }) => id).filter((id) => id > after),
    );
    assert.is(upTo, made + 1);
  }
});

test.run();
