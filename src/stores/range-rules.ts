/** What entries of a range store must be: (after, to] stands in the timeline (I1, I3). */
import type { CheckProblem } from "./store.ts";
import type { EntryRules, Lost, Placed } from "./tree/check/rules.ts";
import { AROUND, type Entry, FILLED, SHARED } from "./tree/walk.ts";

const ORIGIN = 1;
/** A column of more entries than this has none that lies around others. */
export const AROUND_MAX = 128;

export class RangeRules implements EntryRules {
  readonly bottom = 0;
  readonly top: number;
  readonly #timeline: readonly Placed[] | null;
  /** Of the origin, where there is no timeline. */
  readonly #origin: number;
  /** By seat. */
  readonly #position = new Map<number, number>([[0, 0]]);
  #nextLive: number[] | null = null;
  /** Of the column that was asked for last. */
  #gap: { entries: readonly Entry[]; rank: number } | null = null;
  /** Of the column so far: (after, to] of the entries that lie inside no other yet. */
  #apart: [after: number, to: number][] = [];

  constructor(timeline: readonly Placed[] | null, origin: number) {
    this.#timeline = timeline;
    this.#origin = origin;
    this.top = timeline?.at(-1)?.seat ?? ORIGIN;
    timeline?.forEach(({ seat }, index) => {
      this.#position.set(seat, index + 1);
    });
  }

  key(entry: Entry): number {
    return entry.to;
  }

  rank(key: number): number {
    return this.#timeline ? (this.#position.get(key) ?? -1) : 0;
  }

  below(entry: Entry): number {
    return entry.after;
  }

  problem(entry: Entry, before: Entry | undefined): CheckProblem | null {
    if (!this.#timeline) return null;
    const after = this.#position.get(entry.after);
    const to = this.#position.get(entry.to);
    if (after === undefined || to === undefined) {
      return { where: "I3", message: "names a view that is not in the timeline" };
    }
    if (after >= to) return { where: "I1", message: "covers no view" };
    if (!before) this.#apart = [];
    const apart = this.#apart;
    while (apart.length > 0 && apart[apart.length - 1]![1] > after) {
      const [from, end] = apart.pop()!;
      if (from >= after && end < to && entry.flags & AROUND) continue;
      return { where: "I1", message: "overlaps an entry below it in the timeline" };
    }
    apart.push([after, to]);
    return null;
  }

  /** FILLED belongs to copy-outs, and is a promise; AROUND ends a search that goes on too far. */
  flags(entries: readonly Entry[], index: number, isAttached: boolean): number {
    const { flags, to } = entries[index]!;
    const around = entries.length <= AROUND_MAX ? flags : flags & ~AROUND;
    const isFilled = isAttached && this.rank(to) < this.#gapIn(entries);
    return isFilled ? around : around & ~FILLED;
  }

  /** Rank of the lowest live view that may have no entry in a column. */
  #gapIn(entries: readonly Entry[]): number {
    if (this.#gap?.entries === entries) return this.#gap.rank;
    const found = { entries, rank: this.#timeline ? this.#firstGap(entries) : 0 };
    this.#gap = found;
    return found.rank;
  }

  #firstGap(entries: readonly Entry[]): number {
    this.#nextLive ??= liveFrom(this.#timeline!);
    let covered = 0;
    const ends = entries.map(({ after, to }) => [this.rank(after), this.rank(to)] as const);
    for (const [from, until] of ends.sort((a, b) => a[0] - b[0])) {
      const next = this.#nextLive[covered + 1]!;
      if (next <= from) return next;
      covered = Math.max(covered, until);
    }
    return this.#nextLive[covered + 1] ?? Infinity;
  }

  mayShare(a: Entry, b: Entry): boolean {
    return (a.flags & b.flags & SHARED) !== 0;
  }

  seers(entries: readonly Entry[], index: number): number[] {
    const inside = entries.slice(0, index);
    const { after, to } = entries[index]!;
    const from = Math.max(0, this.rank(after));
    const seen = (this.#timeline ?? []).slice(from, this.rank(to)).filter(({ isLive }, at) => {
      return isLive && !this.#has(inside, from + at + 1);
    });
    return seen.map(({ id }) => id);
  }

  /** Whether the view of this rank is in one of some entries. */
  #has(entries: readonly Entry[], view: number): boolean {
    return entries.some(({ after, to }) => this.rank(after) < view && view <= this.rank(to));
  }

  originsOwn(entries: readonly Entry[]): Entry | undefined | null {
    const own = entries.find((entry) => entry.to === this.#origin);
    // Never rolled back it is the last: nothing that ends elsewhere is for it.
    return own ?? (this.#origin === ORIGIN || entries.length === 0 ? undefined : null);
  }

  mayBeOrigins(lost: Lost): boolean {
    return this.#origin !== ORIGIN || lost.to === this.top;
  }

  /**
   * Who has an entry before the lost ones sees that. One of those may lie around what is below it,
   * so whoever has none may be without his.
   */
  losers(entries: readonly Entry[], { after, to }: Lost): number[] {
    const from = this.rank(after);
    const before = entries.filter((entry) => this.rank(entry.to) <= from);
    const below = (this.#timeline ?? []).slice(0, this.rank(to));
    const lost = below.filter(({ isLive }, index) => isLive && !this.#has(before, index + 1));
    return lost.map(({ id }) => id);
  }
}

/** By rank: that of the first view from there on that lives, or Infinity. */
function liveFrom(timeline: readonly Placed[]): number[] {
  const found: number[] = [];
  let next = Number.POSITIVE_INFINITY;
  for (let rank = timeline.length; rank > 0; rank--) {
    if (timeline[rank - 1]!.isLive) next = rank;
    found[rank] = next;
  }
  return found;
}
