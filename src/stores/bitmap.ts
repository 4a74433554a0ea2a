/**
 * The bitmap store (Fujita + Daniel): an entry is for the snapshots whose bits its mask has; mask 0
 * is the origin's own. A snapshot without a bit in a column sees what the origin sees. At most 64
 * snapshots, none of them of a snapshot.
 */

import { hasBit } from "./bitmap-rules.ts";
import { RANGE } from "./range.ts";
import type { Capabilities, Costs } from "./store.ts";
import type { Tally } from "./tree/accounting.ts";
import { TreeStore } from "./tree/tree-store.ts";
import { type Entry, HOLE } from "./tree/walk.ts";

export const BITMAP: Capabilities = { ...RANGE, snapshots: 64, ofSnapshots: false };

export class BitmapStore extends TreeStore {
  readonly kind = "bitmap";
  readonly capabilities = BITMAP;

  protected tally(doomed: ReadonlySet<number>): Tally {
    const live = this.facts.timeline().filter(({ isLive, bit }) => isLive && bit !== null);
    const bits = live.map(({ id, bit }) => ({ id, bit: bit!, isDoomed: doomed.has(id) }));
    return new MaskTally(bits, 2 ** this.chunkShift, this.mode !== "attached");
  }
}

function isOrigins(entry: Entry): boolean {
  return entry.after === 0 && entry.to === 0;
}

interface Viewer {
  id: number;
  bit: number;
  isDoomed: boolean;
}

/** O(entries), with one look at each of at most 64 bits. */
class MaskTally implements Tally {
  /** In the order of the timeline. */
  readonly #views: readonly Viewer[];
  readonly #chunk: number;
  readonly #hasOrigin: boolean;
  readonly #exclusive = new Float64Array(64);
  readonly #shared = new Float64Array(64);
  readonly #written = new Float64Array(64);
  #freed = 0;
  #reclaimable = 0;

  /** `hasOrigin`: the origin's chunks are in the store. */
  constructor(views: readonly Viewer[], chunk: number, hasOrigin: boolean) {
    this.#views = views;
    this.#chunk = chunk;
    this.#hasOrigin = hasOrigin;
  }

  add(column: readonly Entry[]): void {
    const bytes = column[0]!.count * this.#chunk;
    for (const entry of column) {
      if (entry.flags & HOLE) continue;
      const isOwn = isOrigins(entry);
      if (isOwn && !this.#hasOrigin) continue;
      const sees = isOwn
        ? ({ bit }: Viewer) => !column.some((other) => hasBit(other, bit))
        : ({ bit }: Viewer) => hasBit(entry, bit);
      this.#entry(sees, bytes, isOwn);
    }
  }

  /** `isOwn`: the origin sees it, too. */
  #entry(sees: (view: Viewer) => boolean, bytes: number, isOwn: boolean): void {
    const seers = this.#views.filter(sees);
    if (!isOwn && seers.length === 0) this.#reclaimable += bytes;
    else if (!isOwn && seers.every(({ isDoomed }) => isDoomed)) this.#freed += bytes;
    const sum = !isOwn && seers.length === 1 ? this.#exclusive : this.#shared;
    for (const { bit } of seers) sum[bit]! += bytes;
    let sawBefore = false;
    for (const view of this.#views) {
      const isSeen = sees(view);
      if (isSeen && !sawBefore) this.#written[view.bit]! += bytes;
      sawBefore = isSeen;
    }
  }

  costs(): Costs {
    const views = this.#views.map(({ id, bit }) => {
      const [exclusive, shared] = [this.#exclusive[bit]!, this.#shared[bit]!];
      return { id, exclusive, shared, written: this.#written[bit]! };
    });
    return { views, freed: this.#freed, reclaimable: this.#reclaimable };
  }
}
