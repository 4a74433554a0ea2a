/** Flags that an entry must not have (FORMAT.md, section 4), checksums right: found, and mended. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkStore } from "../../src/volume/open/check-store.ts";
import { repairStore } from "../../src/volume/open/repair-store.ts";
import { type Anatomy, anatomyOf, type Structure } from "../hostile/anatomy.ts";
import { type Base, makeBases } from "../hostile/bases.ts";
import { apply } from "../hostile/mutation.ts";
import { type Image, imageDevice } from "../model/image.ts";

const HEADER = 64;
const ENTRY_BYTES = 24;
const [SHARED, HOLE, FILLED, AROUND] = [1, 2, 4, 8];
const MASK = 15;

const test = suite("flags");
const bases = await makeBases();

function baseNamed(name: string): Base {
  const base = bases.find((one) => one.name === name);
  if (!base) throw new Error(`no base ${name}`);
  return base;
}

interface Found {
  at: number;
  flags: number;
  last: number;
}

function* entries(image: Image, leaves: readonly Structure[]): Iterable<Found> {
  for (const { at } of leaves) {
    const page = Buffer.alloc(4096);
    image.read(page, 0, page.length, at);
    for (let i = 0; i < page.readUInt16LE(10); i++) {
      const entry = HEADER + ENTRY_BYTES * i;
      const last = Number(page.readBigUInt64LE(entry) >> 16n);
      yield { at: at + entry, flags: page.readUInt16LE(entry + 16), last };
    }
  }
}

/** The store with other flags in the first entry that `isWanted`. */
function changed(base: Base, isWanted: (entry: Found) => boolean, bits: (old: number) => number) {
  const anatomy: Anatomy = anatomyOf(base);
  const leaves = anatomy.structures.filter(({ kind }) => kind === "leaf");
  const entry = [...entries(base.store, leaves)].find(isWanted);
  if (!entry) throw new Error(`${base.name} has no such entry`);
  const hex = Buffer.from(Uint16Array.of(bits(entry.flags)).buffer).toString("hex");
  const image = base.store.copy();
  apply(image, anatomy, [{ what: "flags", at: entry.at + 16, hex }]);
  return image;
}

const CASES: [base: string, what: string, isWanted: (flags: number) => boolean, bit: number][] = [
  ["range-inline-closed", "FILLED without an attached origin", () => true, FILLED],
  ["range-base-closed", "FILLED over a base", () => true, FILLED],
  ["bitmap-inline-closed", "SHARED in a bitmap store", () => true, SHARED],
  ["bitmap-attached-closed", "FILLED in a bitmap store", () => true, FILLED],
  ["bitmap-base-closed", "UNDER without HOLE", (flags) => (flags & HOLE) === 0, AROUND],
];

for (const [name, what, isWanted, bit] of CASES) {
  test(what, async () => {
    const image = changed(
      baseNamed(name),
      ({ flags }) => isWanted(flags & MASK) && (flags & bit) === 0,
      (flags) => flags | bit,
    );
    await mustBeMended(image, 0);
  });
}

test("FILLED above a view that has no entry", async () => {
  const base = baseNamed("range-attached-closed");
  const image = base.store.copy();
  const anatomy = anatomyOf(base);
  const leaves = anatomy.structures.filter(({ kind }) => kind === "leaf");
  let wrong = 0;
  for (const { at, flags } of entries(base.store, leaves)) {
    if (flags & FILLED) continue;
    const hex = Buffer.from(Uint16Array.of(flags | FILLED).buffer).toString("hex");
    const one = base.store.copy();
    apply(one, anatomy, [{ what: "flags", at: at + 16, hex }]);
    const report = await checkStore({ store: imageDevice(one) });
    if (report.clean) continue;
    wrong++;
    assert.match(report.problems[0]!.message, /flags that do not hold: 4$/);
    apply(image, anatomy, [{ what: "flags", at: at + 16, hex }]);
  }
  assert.ok(wrong > 0, "no entry of the base has a view below it that has none");
  await mustBeMended(image, 0);
});

test("a sound store has none", async () => {
  for (const { name, kind, store } of bases) {
    if (kind === "persistent") continue;
    const report = await checkStore({ store: imageDevice(store.copy()) });
    assert.is(report.clean, true, `${name}: ${JSON.stringify(report.problems[0])}`);
  }
});

/** Nothing else is wrong, nothing is lost, and what a repair leaves is clean. */
async function mustBeMended(image: Image, losses: number): Promise<void> {
  const store = imageDevice(image);
  const found = await checkStore({ store });
  assert.is(found.clean, false);
  assert.equal(new Set(found.problems.map(({ where }) => where)), new Set(["flags"]));
  const { lossCount } = await repairStore({ store });
  assert.is(lossCount, losses);
  const after = await checkStore({ store });
  assert.equal(after.problems, []);
}

test.run();
