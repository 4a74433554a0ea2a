/**
 * The entries of a column, as FORMAT.md says (section 4): which views see which, by the kind of the
 * store. Throws where an entry, or a column as a whole (I1), is not what it must be.
 */
import { must, type StoreBlocks } from "./blocks.ts";
import { ORIGIN, type ReadView, type Timeline } from "./timeline.ts";

const FLAG_SHARED = 1;
export const FLAG_HOLE = 2;
export const LOST_PLACE = 0x7fffffff;
const FLAG_FILLED = 4;
/** Of a range store. */
const FLAG_AROUND = 8;
/** Of a bitmap store. */
export const FLAG_UNDER = 8;

/** Entries of a column with one around others. */
const AROUND_MAX = 128;
const MODE_BASE = 1;
const MODE_ATTACHED = 2;

/** Chunks `first` to `last` of some views; which views, `after` and `to` say, or else `mask`. */
export interface Entry {
  first: number;
  last: number;
  after: number;
  to: number;
  mask: bigint;
  place: number;
  flags: number;
}

export function readEntry(store: StoreBlocks, at: number): Entry {
  const { bytes } = store;
  const last = store.upper(at);
  const count = bytes.getUint16(at, true);
  const flags = bytes.getUint16(at + 16, true);
  const entry = {
    first: last - count + 1,
    last,
    after: bytes.getUint32(at + 8, true),
    to: bytes.getUint32(at + 12, true),
    mask: bytes.getBigUint64(at + 8, true),
    place: store.upper(at + 16),
    flags,
  };
  must(count > 0 && entry.first >= 0, `chunks of an entry up to ${last}`);
  must(entry.place > 0 || (flags & FLAG_HOLE) !== 0, `place of an entry up to ${last}`);
  return entry;
}

/** What the kind of the store decides. A column is in order, all entries equally long. */
export interface EntryRules {
  /** What an inner node keeps of an entry beside its last chunk. */
  key(entry: Entry): number;
  check(column: readonly Entry[]): void;
  /** Each live view that sees an entry of the column, with that entry. */
  seen(column: readonly Entry[]): Iterable<[ReadView, Entry]>;
  /** Whether two entries of one column may name the same place. */
  mayShare(one: Entry, other: Entry): boolean;
}

export function rulesOf(store: StoreBlocks, timeline: Timeline): EntryRules {
  return store.isBitmap ? new MaskRules(store, timeline) : new RangeRules(store, timeline);
}

class RangeRules implements EntryRules {
  readonly #timeline: Timeline;
  readonly #isAttached: boolean;

  constructor(store: StoreBlocks, timeline: Timeline) {
    this.#timeline = timeline;
    this.#isAttached = store.mode === MODE_ATTACHED;
  }

  key(entry: Entry): number {
    return entry.to;
  }

  /** Entries are apart, or some lie inside one behind them that is marked. */
  check(column: readonly Entry[]): void {
    let below = -1;
    const spans = column.map((entry) => ({ ...entry, ...this.#span(entry) }));
    for (const [index, { from, end, flags, last }] of spans.entries()) {
      must(from < end, `an entry up to chunk ${last} covers a view`);
      const others = from > below ? [] : spans.slice(0, index).filter((one) => one.end > from);
      const isAround = (flags & FLAG_AROUND) !== 0 && others.every((one) => one.from >= from);
      must(others.length === 0 || isAround, `two entries cover chunk ${last} (I1)`);
      must(end > below, `entries of chunk ${last} are in order`);
      must(!(flags & FLAG_AROUND) || column.length <= AROUND_MAX, `entries of chunk ${last}`);
      below = end;
    }
    this.#checkFilled(spans);
  }

  /** Positions from the first view that an entry is for up to the one behind the last. */
  #span({ after, to }: Entry): { from: number; end: number } {
    return { from: this.#timeline.position(after) + 1, end: this.#timeline.position(to) + 1 };
  }

  /** Each live view below an entry that says so has an entry. */
  #checkFilled(spans: readonly { from: number; end: number; flags: number }[]): void {
    const filled = spans.filter(({ flags }) => flags & FLAG_FILLED);
    const top = filled.at(-1)?.end ?? 0;
    const open = this.#timeline.views.map(({ isLive }) => isLive);
    for (const { from, end } of spans) open.fill(false, from, end);
    must(filled.length === 0 || this.#isAttached, "FLAG_FILLED: the origin is attached");
    must(!open.slice(0, top).includes(true), "FLAG_FILLED: every view below has an entry");
  }

  *seen(column: readonly Entry[]): Iterable<[ReadView, Entry]> {
    const taken = new Set<ReadView>();
    for (const entry of column) {
      const { from, end } = this.#span(entry);
      for (const view of this.#timeline.views.slice(from, end)) {
        if (view.isLive && !taken.has(view)) yield [view, entry];
        taken.add(view);
      }
    }
  }

  mayShare(one: Entry, other: Entry): boolean {
    return (one.flags & other.flags & FLAG_SHARED) !== 0;
  }
}

class MaskRules implements EntryRules {
  readonly #timeline: Timeline;
  readonly #isOnBase: boolean;

  constructor(store: StoreBlocks, timeline: Timeline) {
    this.#timeline = timeline;
    this.#isOnBase = store.mode === MODE_BASE;
  }

  key({ mask }: Entry): number {
    return lowestBit(mask);
  }

  check(column: readonly Entry[]): void {
    let free = 0n;
    for (const { bit } of this.#timeline.views) free |= bit === null ? 0n : 1n << BigInt(bit);
    let before = -1;
    for (const { mask, flags, last, place } of column) {
      const isLost = place === LOST_PLACE && (flags & FLAG_UNDER) === 0;
      must(
        (flags & FLAG_HOLE) === 0 || place === 0 || isLost,
        `place of a hole up to chunk ${last}`,
      );
      must((mask & ~free) === 0n, `masks of chunk ${last} have bits of views, each once (I1)`);
      must(lowestBit(mask) > before, `masks of chunk ${last} are in order`);
      must((flags & (FLAG_SHARED | FLAG_FILLED)) === 0, `flags of an entry up to chunk ${last}`);
      if (flags & FLAG_UNDER) must((flags & FLAG_HOLE) !== 0 && this.#isOnBase, "FLAG_UNDER");
      free &= ~mask;
      before = lowestBit(mask);
    }
  }

  *seen(column: readonly Entry[]): Iterable<[ReadView, Entry]> {
    const origins = column.find(({ mask }) => mask === 0n);
    for (const view of this.#timeline.views.filter(({ isLive }) => isLive)) {
      const own = view.id === ORIGIN ? undefined : column.find((entry) => hasBit(entry, view.bit));
      const entry = own ?? origins;
      if (entry) yield [view, entry];
    }
  }

  mayShare(): boolean {
    return false;
  }
}

function hasBit({ mask }: Entry, bit: number | null): boolean {
  return bit !== null && ((mask >> BigInt(bit)) & 1n) === 1n;
}

/** 64 for mask 0. */
function lowestBit(mask: bigint): number {
  let bit = 0;
  while (bit < 64 && ((mask >> BigInt(bit)) & 1n) === 0n) bit++;
  return bit;
}
