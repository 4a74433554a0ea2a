/**
 * Columns that have lost some of their entries, against a naive look at each view: who saw an entry
 * that is left sees it still, or nothing; who saw one that is lost sees nothing, and the column is
 * one that a store may have. `SEED=7 npx tsx test/repair/mended.test.ts` runs one.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { rulesOf } from "../../src/stores/tree/check/rules.ts";
import type { SavedView } from "../../src/stores/tree/check/saved-views.ts";
import { Mender } from "../../src/stores/tree/repair/mended.ts";
import { AROUND, type Entry, isLost } from "../../src/stores/tree/walk.ts";
import { Random } from "../model/prng.ts";

const ORIGIN = 1;
const seeds = process.env.SEED
  ? [Number(process.env.SEED)]
  : Array.from({ length: 3000 }, (_, i) => i);

function timelineOf(count: number): SavedView[] {
  const views = Array.from({ length: count }, (_, i) => i + 2);
  return [...views, ORIGIN].map((id, index) => {
    const bit = id === ORIGIN ? null : index;
    const bytes = new Uint8Array(0);
    const none = { parent: 0, name: bytes, marks: bytes, created: 0, size: 4096 };
    return { id, seat: id, flags: 1, isLive: true, bit, ...none };
  });
}

/** Entries inside (from, to), numbers of the timeline: apart, or one inside the other. */
function ranges(random: Random, ids: number[], from: number, to: number, depth: number): Entry[] {
  const found: Entry[] = [];
  for (let at = from; at < to; ) {
    const end = random.between(at + 1, to);
    if (random.chance(0.6)) {
      const inside = depth > 0 ? ranges(random, ids, at, end - 1, depth - 1) : [];
      const flags = inside.length > 0 ? AROUND : 0;
      found.push(...inside, entryOf(ids[at]!, ids[end]!, flags));
    }
    at = end;
  }
  return found;
}

let places = 100;
function entryOf(after: number, to: number, flags: number): Entry {
  return { first: 8, count: 4, after, to, place: (places += 4), flags };
}

/** The first entry that is for a view of this rank. */
function seen(entries: readonly Entry[], rank: (id: number) => number, view: number) {
  return entries.find(({ after, to }) => rank(after) < rank(view) && rank(view) <= rank(to));
}

test("range store", () => {
  for (const seed of seeds) {
    const random = new Random(seed);
    const timeline = timelineOf(random.between(1, 12));
    const ids = [0, ...timeline.map(({ id }) => id)];
    const entries = ranges(random, ids, 0, ids.length - 1, 3);
    if (entries.length === 0) continue;
    const rules = rulesOf("range", timeline);
    const rank = (id: number) => ids.indexOf(id);
    const from = random.below(entries.length);
    const end = random.between(from + 1, entries.length);
    const after = from === 0 ? 0 : entries[from - 1]!.to;
    const lost = [{ after, to: end === entries.length ? ORIGIN : entries[end - 1]!.to }];
    const left = [...entries.slice(0, from), ...entries.slice(end)];
    const mender = new Mender({ rules, timeline, kind: "range", isAttached: false });
    const [mended] = [...mender.columns({ first: 8, count: 4, entries: left, lost }, false)];
    mustBeColumn(mended!, rules, seed);
    for (const { id } of timeline) {
      const before = seen(entries, rank, id);
      const now = seen(mended!, rank, id);
      const wasLost = before && !left.includes(before);
      const isSame = now?.place === before?.place;
      assert.ok(
        wasLost ? now && isLost(now) : isSame || (now && isLost(now)),
        `seed ${seed}: ${id}`,
      );
    }
  }
});

test("bitmap store", () => {
  for (const seed of seeds) {
    const random = new Random(seed);
    const timeline = timelineOf(random.between(1, 40));
    const rules = rulesOf("bitmap", timeline);
    const masks = new Map<number, [number, number]>();
    for (const { bit } of timeline) {
      const group = random.below(5);
      if (bit === null || group === 0) continue;
      const mask = masks.get(group) ?? [0, 0];
      mask[bit >>> 5]! |= 1 << (bit & 31);
      masks.set(group, mask);
    }
    const entries = [...masks.values()].map(([low, high]) => entryOf(low >>> 0, high >>> 0, 0));
    if (random.chance(0.5)) entries.push(entryOf(0, 0, 0));
    entries.sort((a, b) => rules.key(a) - rules.key(b));
    if (entries.length === 0) continue;
    const from = random.below(entries.length);
    const end = random.between(from + 1, entries.length);
    const after = from === 0 ? -1 : rules.key(entries[from - 1]!);
    const lost = [{ after, to: end === entries.length ? 64 : rules.key(entries[end - 1]!) }];
    const left = [...entries.slice(0, from), ...entries.slice(end)];
    const mender = new Mender({ rules, timeline, kind: "bitmap", isAttached: false });
    const [mended] = [...mender.columns({ first: 8, count: 4, entries: left, lost }, false)];
    mustBeColumn(mended!, rules, seed);
    for (const { bit } of timeline) {
      const before = masked(entries, bit);
      const now = masked(mended!, bit);
      const wasLost = before && !left.includes(before);
      const isSame = now?.place === before?.place;
      assert.ok(
        wasLost ? now && isLost(now) : isSame || (now && isLost(now)),
        `seed ${seed}: ${bit}`,
      );
    }
  }
});

function masked(entries: readonly Entry[], bit: number | null): Entry | undefined {
  const has = ({ after, to }: Entry) =>
    bit !== null && (((bit < 32 ? after : to) >>> (bit & 31)) & 1) !== 0;
  return entries.find(has) ?? entries.find(({ after, to }) => after === 0 && to === 0);
}

function mustBeColumn(column: readonly Entry[], rules: ReturnType<typeof rulesOf>, seed: number) {
  column.forEach((entry, index) => {
    const problem = rules.problem(entry, column[index - 1]);
    assert.is(problem, null, `seed ${seed}: ${JSON.stringify(column)}`);
  });
}

test.run();
