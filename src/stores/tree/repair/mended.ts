/**
 * Columns of a damaged tree as those of a sound one: what cannot be read is lost to the views that
 * it can have been for (`LOST_PLACE`), everything else stays.
 */
import { AROUND_MAX } from "../../range-rules.ts";
import type { Column } from "../check/columns.ts";
import type { EntryRules, Lost } from "../check/rules.ts";
import type { SavedView } from "../check/saved-views.ts";
import { AROUND, type Entry, FILLED, FLAGS, HOLE, LOST_PLACE } from "../walk.ts";

const ORIGIN = 1;
const BITS = 64;
/** Chunks of an entry, at most. */
const COUNT_MAX = 65_535;

export interface MendOptions {
  rules: EntryRules;
  /** Null: lost; then there is the origin only. */
  timeline: readonly SavedView[] | null;
  kind: "range" | "bitmap";
  /** The origin's chunks are on a device of their own. */
  isAttached: boolean;
}

export class Mender {
  readonly #options: MendOptions;
  /** Seat of the last view that has entries; 0: none has. */
  readonly #top: number;
  /** Bits that views have. */
  readonly #bits: readonly number[];

  constructor(options: MendOptions) {
    this.#options = options;
    const { timeline, isAttached } = options;
    const last = timeline?.findLast(({ id, isLive }) => isLive && !(isAttached && id === ORIGIN));
    this.#top = last?.seat ?? 0;
    this.#bits = (timeline ?? []).flatMap(({ bit }) => (bit === null ? [] : [bit]));
  }

  /** The entries of a column; `spoilt`: none of them is believed. */
  *columns(column: Column, spoilt: boolean): Iterable<Entry[]> {
    const { timeline, kind, rules } = this.#options;
    const all = [{ after: rules.bottom, to: rules.top }];
    const { first, count } = column;
    for (let done = 0; done < count; done += COUNT_MAX) {
      const part = { first: first + done, count: Math.min(COUNT_MAX, count - done) };
      const lost = spoilt ? all : column.lost;
      const entries = spoilt ? [] : column.entries;
      if (!timeline) yield this.#flagged(this.#originsOnly(entries, lost, part));
      else if (lost.length === 0) yield this.#flagged(entries);
      else if (kind === "bitmap") yield this.#flagged(this.#masked(entries, lost, part));
      else yield this.#flagged(this.#ranged(entries, lost, part));
    }
  }

  /** With the flags that hold. */
  #flagged(entries: readonly Entry[]): Entry[] {
    const { rules, isAttached } = this.#options;
    return entries.map((entry, index) => {
      return { ...entry, flags: rules.flags(entries, index, isAttached) & FLAGS };
    });
  }

  /** Of a range store: an entry for each stretch of views that none before the lost ones is for. */
  #ranged(entries: readonly Entry[], lost: readonly Lost[], part: Part): Entry[] {
    const { rules } = this.#options;
    const rank = (id: number) => rules.rank(id);
    const found = entries.map((entry) => ({ ...entry, flags: entry.flags & ~FILLED }));
    // A lost entry can have lain around others; then it is for who is below it and in none.
    const mayBeAround = entries.length + lost.length <= AROUND_MAX;
    for (const { after, to } of lost) {
      const end = rank(to) > rank(this.#top) ? this.#top : to;
      const before = found.filter((entry) => rank(entry.to) <= rank(after));
      const cuts = found.filter((entry) => rank(entry.to) > rank(end)).map((entry) => entry.after);
      const from = mayBeAround ? rules.bottom : after;
      for (const [low, high] of gaps(before, cuts, from, end, rank)) {
        found.push({ ...part, ...nothing(low, high) });
      }
      found.sort((a, b) => rank(a.to) - rank(b.to));
    }
    found.forEach((entry, index) => {
      const below = found[index - 1];
      if (below && rank(below.to) > rank(entry.after)) entry.flags |= AROUND;
    });
    const isTooMuch = found.length > AROUND_MAX && found.some(({ flags }) => flags & AROUND);
    return isTooMuch && this.#top !== 0
      ? [{ ...part, ...nothing(rules.bottom, this.#top) }]
      : found;
  }

  /** Of a bitmap store: one for all snapshots that a lost one can have had, one for the origin. */
  #masked(entries: readonly Entry[], lost: readonly Lost[], part: Part): Entry[] {
    const { rules, isAttached } = this.#options;
    const named = (bit: number) => entries.some((entry) => hasBit(entry, bit));
    // A lost entry's bits are none below its lowest; one of the origin is for all without a bit.
    const isOrigins = lost.some(({ to }) => to >= BITS);
    const from = isOrigins ? -1 : Math.min(...lost.map(({ after }) => after));
    const [low, high] = maskOf(this.#bits.filter((bit) => bit > from && !named(bit)));
    const found = [...entries];
    if (low !== 0 || high !== 0) found.push({ ...part, ...nothing(low, high) });
    if (isOrigins && !isAttached) found.push({ ...part, ...nothing(0, 0) });
    return found.sort((a, b) => rules.key(a) - rules.key(b));
  }

  #originsOnly(entries: readonly Entry[], lost: readonly Lost[], part: Part): Entry[] {
    const { rules, isAttached, kind } = this.#options;
    if (isAttached) return [];
    const own = rules.originsOwn(entries);
    const views = kind === "range" ? [0, ORIGIN] : [0, 0];
    const [after, to] = views as [number, number];
    if (own) return [{ ...own, after, to, flags: own.flags & HOLE }];
    const isLost = own === null || lost.some((stretch) => rules.mayBeOrigins(stretch));
    return isLost ? [{ ...part, ...nothing(after, to) }] : [];
  }
}

/**
 * Stretches (low, high] of views from `from` to `end` that no entry of `before` is for, cut at the
 * views that entries behind begin at: so each lies inside one of those, or apart from it.
 */
function gaps(
  before: readonly Entry[],
  cuts: readonly number[],
  from: number,
  end: number,
  rank: (id: number) => number,
): [low: number, high: number][] {
  const found: [number, number][] = [];
  const order = (a: number, b: number) => rank(a) - rank(b);
  const ends = cuts.filter((id) => rank(id) < rank(end)).sort(order);
  const fill = (low: number, high: number) => {
    for (const cut of [...ends.filter((id) => rank(id) < rank(high)), high]) {
      if (rank(low) >= rank(cut)) continue;
      found.push([low, cut]);
      low = cut;
    }
  };
  let low = from;
  for (const { after, to } of [...before].sort((a, b) => order(a.after, b.after))) {
    fill(low, after);
    if (rank(to) > rank(low)) low = to;
  }
  fill(low, end);
  return found;
}

type Part = Pick<Entry, "first" | "count">;

function nothing(after: number, to: number): Omit<Entry, "first" | "count"> {
  return { after, to, place: LOST_PLACE, flags: HOLE };
}

function hasBit({ after, to }: Entry, bit: number): boolean {
  return (((bit < 32 ? after : to) >>> (bit & 31)) & 1) !== 0;
}

function maskOf(bits: readonly number[]): [low: number, high: number] {
  const mask = new Uint32Array(2);
  for (const bit of bits) mask[bit >>> 5]! |= 1 << (bit & 31);
  return [mask[0]!, mask[1]!];
}
