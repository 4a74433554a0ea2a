/** What entries of a range store must be: (after, to] stands in the timeline (I1, I3). */
import type { CheckProblem } from "./store.ts";
import type { EntryRules, Lost, Placed } from "./tree/check/rules.ts";
import { AROUND, type Entry, SHARED } from "./tree/walk.ts";

const ORIGIN = 1;

export class RangeRules implements EntryRules {
  readonly bottom = 0;
  readonly top: number;
  readonly #timeline: readonly Placed[] | null;
  /** Of the origin, where there is no timeline. */
  readonly #origin: number;
  /** By seat. */
  readonly #position = new Map<number, number>([[0, 0]]);
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

  mayShare(a: Entry, b: Entry): boolean {
    return (a.flags & b.flags & SHARED) !== 0;
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
    const has = (view: number) =>
      before.some((entry) => this.rank(entry.after) < view && view <= this.rank(entry.to));
    const below = (this.#timeline ?? []).slice(0, this.rank(to));
    const lost = below.filter(({ isLive }, index) => isLive && !has(index + 1));
    return lost.map(({ id }) => id);
  }
}
