/** What entries of a bitmap store must be: masks of snapshots that are there (I1, I3). */
import type { CheckProblem } from "./store.ts";
import type { EntryRules, Lost, Placed } from "./tree/check/rules.ts";
import { type Entry, HOLE, UNDER } from "./tree/walk.ts";

const ORIGIN = 1;
/** In the place of a lowest bit: the origin's own entry, which has none. */
const ORIGINS = 64;

/** The halves of the mask are `after`, low, and `to`, high. */
export class MaskRules implements EntryRules {
  readonly bottom = -1;
  readonly top = ORIGINS;
  readonly #timeline: readonly Placed[];
  /** Bits that views have, live or deleted: low and high half. */
  readonly #known: [number, number] = [0, 0];
  #seen: [number, number] = [0, 0];

  constructor(timeline: readonly Placed[] | null) {
    this.#timeline = timeline ?? [];
    if (!timeline) this.#known = [-1, -1];
    for (const { bit } of this.#timeline) {
      if (bit !== null) this.#known[bit >>> 5]! |= 1 << (bit & 31);
    }
  }

  key(entry: Entry): number {
    return lowestBit(entry);
  }

  rank(key: number): number {
    return key <= ORIGINS ? key : -1;
  }

  below(entry: Entry): number {
    return lowestBit(entry) - 1;
  }

  problem(entry: Entry, before: Entry | undefined): CheckProblem | null {
    if (!before) this.#seen = [0, 0];
    const [low, high] = this.#seen;
    this.#seen = [low | entry.after, high | entry.to];
    if ((entry.after & ~this.#known[0]) !== 0 || (entry.to & ~this.#known[1]) !== 0) {
      return { where: "I3", message: "has the bit of a view that is not there" };
    }
    if ((entry.after & low) !== 0 || (entry.to & high) !== 0) {
      return { where: "I1", message: "has a bit that an entry before it in the column has" };
    }
    if (before && lowestBit(before) >= lowestBit(entry)) {
      return { where: "I1", message: "is out of order in its column" };
    }
    return null;
  }

  /** The other two are of range stores; UNDER says more of a hole. */
  flags(entries: readonly Entry[], index: number): number {
    const { flags } = entries[index]!;
    return (flags & HOLE) !== 0 ? flags & (HOLE | UNDER) : 0;
  }

  mayShare(): boolean {
    return false;
  }

  seers(entries: readonly Entry[], index: number): number[] {
    const entry = entries[index]!;
    const isOrigins = lowestBit(entry) === ORIGINS;
    const seen = this.#timeline.filter(({ isLive, bit }) => {
      if (!isLive) return false;
      const owners = bit === null ? [] : entries.filter((one) => hasBit(one, bit));
      return isOrigins ? owners.length === 0 : owners[0] === entry;
    });
    return seen.map(({ id }) => id);
  }

  originsOwn(entries: readonly Entry[]): Entry | undefined {
    return entries.find((entry) => lowestBit(entry) === ORIGINS);
  }

  mayBeOrigins(lost: Lost): boolean {
    return lost.to === ORIGINS;
  }

  /** Who has a bit in an entry that can be read sees that; others may have one in a lost one. */
  losers(entries: readonly Entry[], { after, to }: Lost): number[] {
    const lost = this.#timeline.filter(({ id, isLive, bit }) => {
      if (!isLive) return false;
      if (id === ORIGIN || bit === null) return to >= ORIGINS;
      if (to < ORIGINS && bit <= after) return false;
      return !entries.some((entry) => hasBit(entry, bit));
    });
    return lost.map(({ id }) => id);
  }
}

export function hasBit(entry: Entry, bit: number): boolean {
  const half = bit < 32 ? entry.after : entry.to;
  return ((half >>> (bit & 31)) & 1) !== 0;
}

/** The lowest bit of a mask, by which a column is sorted; 64 for the origin's own entry. */
function lowestBit(entry: Entry): number {
  if (entry.after !== 0) return 31 - Math.clz32(entry.after & -entry.after);
  return entry.to === 0 ? ORIGINS : 63 - Math.clz32(entry.to & -entry.to);
}
