/**
 * Which chunks of which live views are lost in a store that is open: those whose entry says so.
 *
 * Memory: the timeline, one column, and the bounded list of losses.
 */
import { type Task, turn } from "../../../task.ts";
import type { Loss } from "../../store.ts";
import { Findings } from "../check/findings.ts";
import type { ViewFields } from "../check/saved-views.ts";
import { SavedViews } from "../saved-views.ts";
import type { TreeStore } from "../tree-store.ts";
import { type Entry, isLost, Leaves } from "../walk.ts";

const ORIGIN = 1;
const LIVE = 1;
const NAMED_MAX = 100;
const TURN_LEAVES = 16;

interface Seer extends ViewFields {
  /** In the order of the timeline. */
  rank: number;
}

/** In the order of chunks; joined where they follow on. The list is bounded, the count is not. */
export function* lostNow(store: TreeStore): Task<{ losses: Loss[]; lossCount: number }> {
  const lost = new LostNow(store);
  const leaves = new Leaves(store.facts);
  for (let i = 1; ; i++) {
    const leaf = yield* leaves.next();
    if (!leaf) break;
    for (const entry of leaf.entries) lost.take(entry);
    if (i % TURN_LEAVES === 0) yield turn();
  }
  return lost.end();
}

class LostNow {
  readonly #findings = new Findings({});
  readonly #chunk: number;
  readonly #isMasked: boolean;
  readonly #hasOrigin: boolean;
  readonly #ranks = new Map<number, number>([[0, 0]]);
  /** Views that have entries. */
  readonly #seers: Seer[] = [];
  readonly #decoder = new TextDecoder();
  #column: Entry[] = [];
  #any = false;

  constructor(store: TreeStore) {
    this.#chunk = 2 ** store.chunkShift;
    this.#isMasked = store.kind === "bitmap";
    this.#hasOrigin = store.mode !== "attached";
    for (const view of new SavedViews(store.engine)) {
      const rank = this.#ranks.size;
      this.#ranks.set(view.seat, rank);
      const counts = view.id !== ORIGIN || this.#hasOrigin;
      if (counts && (view.flags & LIVE) !== 0) this.#seers.push({ ...view, rank });
    }
  }

  take(entry: Entry): void {
    const head = this.#column[0];
    if (head && head.first !== entry.first) this.#flush();
    this.#column.push(entry);
    this.#any ||= isLost(entry);
  }

  end(): { losses: Loss[]; lossCount: number } {
    this.#flush();
    const { losses, lossCount } = this.#findings;
    return { losses, lossCount };
  }

  #flush(): void {
    if (this.#any) this.#lose(this.#column);
    this.#column = [];
    this.#any = false;
  }

  #lose(column: readonly Entry[]): void {
    const { first, count } = column[0]!;
    const offset = first * this.#chunk;
    const views = this.#seers.filter((view) => {
      const entry = this.#isMasked ? masked(column, view) : this.#ranged(column, view);
      return entry !== undefined && isLost(entry) && view.size > offset;
    });
    if (views.length === 0) return;
    const bytes = views.reduce((most, { size }) => Math.max(most, size), 0) - offset;
    const length = Math.min(count * this.#chunk, bytes);
    const chunks = Math.ceil(length / this.#chunk);
    const viewCount = views.length;
    this.#findings.loss({
      views: this.#named(views),
      viewCount,
      chunk: first,
      count: chunks,
      offset,
      length,
    });
  }

  #named(views: readonly Seer[]): Loss["views"] {
    if (views.length === this.#seers.length && views.length > 1) {
      return this.#hasOrigin ? "all" : "snapshots";
    }
    return views.slice(0, NAMED_MAX).map(({ id, name }) => {
      return { id, name: id === ORIGIN ? null : this.#decoder.decode(name) };
    });
  }

  /** The first entry that ends at or behind the view and begins before it. */
  #ranged(column: readonly Entry[], { rank }: Seer): Entry | undefined {
    let from = 0;
    let end = column.length;
    while (from < end) {
      const middle = (from + end) >>> 1;
      if (this.#ranks.get(column[middle]!.to)! < rank) from = middle + 1;
      else end = middle;
    }
    while (from < column.length && this.#ranks.get(column[from]!.after)! >= rank) from++;
    return column[from];
  }
}

/** The entry with the snapshot's bit; else, and for the origin, the origin's own. */
function masked(column: readonly Entry[], { id, flags }: Seer): Entry | undefined {
  const bit = (flags >>> 8) & 63;
  const has = ({ after, to }: Entry) => (((bit < 32 ? after : to) >>> (bit & 31)) & 1) !== 0;
  const own = id === ORIGIN ? undefined : column.find(has);
  return own ?? column.find(({ after, to }) => after === 0 && to === 0);
}
