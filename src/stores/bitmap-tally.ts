/** What each snapshot of a bitmap store costs: every entry counts for the bits of its mask. */
import { hasBit } from "./bitmap-rules.ts";
import type { Costs } from "./store.ts";
import type { Accounted, Tally } from "./tree/accounting.ts";
import { type Entry, HOLE } from "./tree/walk.ts";

function isOrigins(entry: Entry): boolean {
  return entry.after === 0 && entry.to === 0;
}

interface Viewer {
  id: number;
  bit: number;
  isDoomed: boolean;
}

/** O(entries), with one look at each of at most 64 bits. */
export class MaskTally implements Tally {
  /** In the order of the timeline. */
  readonly #views: readonly Viewer[];
  readonly #chunk: number;
  /** The origin's chunks are not in the store. */
  readonly #isAttached: boolean;
  readonly #exclusive = new Float64Array(64);
  readonly #shared = new Float64Array(64);
  readonly #written = new Float64Array(64);
  #freed = 0;
  #reclaimable = 0;

  constructor({ timeline, chunk, isAttached, doomed }: Accounted) {
    const live = timeline.filter(({ isLive, bit }) => isLive && bit !== null);
    this.#views = live.map(({ id, bit }) => ({ id, bit: bit!, isDoomed: doomed.has(id) }));
    this.#chunk = chunk;
    this.#isAttached = isAttached;
  }

  add(column: readonly Entry[]): void {
    const bytes = column[0]!.count * this.#chunk;
    for (const entry of column) {
      if (entry.flags & HOLE) continue;
      const isOwn = isOrigins(entry);
      if (isOwn && this.#isAttached) continue;
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
