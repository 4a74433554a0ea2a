/**
 * The bitmap store (Fujita + Daniel): an entry is for the snapshots whose bits its mask has; mask 0
 * is the origin's own. A snapshot without a bit in a column sees what the origin sees. At most 64
 * snapshots, none of them of a snapshot.
 */

import { hasBit } from "./bitmap-rules.ts";
import { RANGE } from "./range.ts";
import type { Capabilities, ViewCost } from "./store.ts";
import type { Tally } from "./tree/accounting.ts";
import { TreeStore } from "./tree/tree-store.ts";
import { type Entry, HOLE } from "./tree/walk.ts";

export const BITMAP: Capabilities = { ...RANGE, snapshots: 64, ofSnapshots: false };

export class BitmapStore extends TreeStore {
  readonly kind = "bitmap";
  readonly capabilities = BITMAP;

  protected tally(): Tally {
    const live = this.facts.timeline().filter(({ isLive, bit }) => isLive && bit !== null);
    const bits = live.map(({ id, bit }) => ({ id, bit: bit! }));
    return new MaskTally(bits, 2 ** this.chunkShift, this.mode !== "attached");
  }
}

function isOrigins(entry: Entry): boolean {
  return entry.after === 0 && entry.to === 0;
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
