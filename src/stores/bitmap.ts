/**
 * The bitmap store (Fujita + Daniel): an entry is for the snapshots whose bits its mask has; mask 0
 * is the origin's own. A snapshot without a bit in a column sees what the origin sees. At most 64
 * snapshots, none of them of a snapshot.
 */

import { RANGE } from "./range.ts";
import type { Capabilities, CheckProblem, ViewCost } from "./store.ts";
import type { Tally } from "./tree/accounting.ts";
import type { EntryRules } from "./tree/check.ts";
import { TreeStore } from "./tree/tree-store.ts";
import { type Entry, HOLE } from "./tree/walk.ts";

export const BITMAP: Capabilities = { ...RANGE, snapshots: 64, ofSnapshots: false };

export class BitmapStore extends TreeStore {
  readonly kind = "bitmap";
  readonly capabilities = BITMAP;

  protected rules(): EntryRules {
    return new MaskRules(this.facts.timeline().map(({ bit }) => bit));
  }
  protected tally(): Tally {
    const live = this.facts.timeline().filter(({ isLive, bit }) => isLive && bit !== null);
    const bits = live.map(({ id, bit }) => ({ id, bit: bit! }));
    return new MaskTally(bits, 2 ** this.chunkShift, this.mode !== "attached");
  }
}

function hasBit(entry: Entry, bit: number): boolean {
  const half = bit < 32 ? entry.after : entry.to;
  return ((half >>> (bit & 31)) & 1) !== 0;
}

function isOrigins(entry: Entry): boolean {
  return entry.after === 0 && entry.to === 0;
}

/** The lowest bit of a mask, by which a column is sorted; 64 for the origin's own entry. */
function lowestBit(entry: Entry): number {
  if (entry.after !== 0) return 31 - Math.clz32(entry.after & -entry.after);
  return entry.to === 0 ? 64 : 63 - Math.clz32(entry.to & -entry.to);
}

/** I1 and I3, with masks for ranges. */
class MaskRules implements EntryRules {
  /** Bits that views have, live or deleted: low and high half. */
  readonly #known: [number, number] = [0, 0];
  #seen: [number, number] = [0, 0];

  constructor(bits: (number | null)[]) {
    for (const bit of bits) if (bit !== null) this.#known[bit >>> 5]! |= 1 << (bit & 31);
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

  key(entry: Entry): number {
    return lowestBit(entry);
  }

  mayShare(): boolean {
    return false;
  }
}

/** O(entries), with one look at each of at most 64 bits. */
class MaskTally implements Tally {
  readonly #views: { id: number; bit: number }[];
  readonly #chunk: number;
  readonly #hasOrigin: boolean;
  readonly #exclusive = new Float64Array(64);
  readonly #shared = new Float64Array(64);

  /** `hasOrigin`: the origin's chunks are in the store. */
  constructor(views: { id: number; bit: number }[], chunk: number, hasOrigin: boolean) {
    this.#views = views;
    this.#chunk = chunk;
    this.#hasOrigin = hasOrigin;
  }

  add(column: readonly Entry[]): void {
    const bytes = column[0]!.count * this.#chunk;
    for (const entry of column) {
      if (entry.flags & HOLE) continue;
      if (!isOrigins(entry)) {
        const seers = this.#views.filter(({ bit }) => hasBit(entry, bit));
        const sum = seers.length === 1 ? this.#exclusive : this.#shared;
        for (const { bit } of seers) sum[bit]! += bytes;
      } else if (this.#hasOrigin) {
        for (const { bit } of this.#views) {
          if (!column.some((other) => hasBit(other, bit))) this.#shared[bit]! += bytes;
        }
      }
    }
  }

  costs(): ViewCost[] {
    return this.#views.map(({ id, bit }) => {
      return { id, exclusive: this.#exclusive[bit]!, shared: this.#shared[bit]! };
    });
  }
}
