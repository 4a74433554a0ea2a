/**
 * The range store (Mikulas): an entry is for the views in (after, to] of the timeline. The number
 * of snapshots is limited by ids only, and a snapshot has snapshots to any depth.
 */
import type { Capabilities, ViewCost } from "./store.ts";
import type { Tally } from "./tree/accounting.ts";
import type { Placed } from "./tree/check/rules.ts";
import { TreeStore } from "./tree/tree-store.ts";
import { type Entry, HOLE, SHARED } from "./tree/walk.ts";

const ORIGIN = 1;

export const RANGE: Capabilities = {
  origins: ["inline", "base", "attached"],
  snapshots: 2 ** 32 - 3,
  fixed: false,
  writable: true,
  ofSnapshots: true,
  delete: true,
  merge: false,
  trim: true,
  crash: "consistent",
  whenFull: "NoSpace",
  chunk: [4096, 2 ** 20],
};

export class RangeStore extends TreeStore {
  readonly kind = "range";
  readonly capabilities = RANGE;

  protected tally(): Tally {
    // An attached origin has no entries, so nothing is its own or shared with it.
    const isCounted = (id: number) => id !== ORIGIN || this.mode !== "attached";
    const timeline = this.facts.timeline().filter(({ id, isLive }) => !isLive || isCounted(id));
    return new RangeTally(timeline, 2 ** this.chunkShift);
  }
}

type Timeline = Pick<Placed, "id" | "seat" | "isLive">[];

/** O(entries + views), whatever the number of views that an entry is seen by. */
class RangeTally implements Tally {
  readonly #chunk: number;
  readonly #ids: number[] = [];
  /** For every seat, how many live views stand at or before it. */
  readonly #upTo = new Map<number, number>([[0, 0]]);
  readonly #exclusive: Float64Array;
  /** Bytes seen by the live view `i`, as differences to what the one before it sees. */
  readonly #seen: Float64Array;

  constructor(timeline: Timeline, chunk: number) {
    this.#chunk = chunk;
    for (const { id, seat, isLive } of timeline) {
      if (isLive) this.#ids.push(id);
      this.#upTo.set(seat, this.#ids.length);
    }
    this.#exclusive = new Float64Array(this.#ids.length + 1);
    this.#seen = new Float64Array(this.#ids.length + 1);
  }

  add(column: readonly Entry[]): void {
    const bytes = column[0]!.count * this.#chunk;
    const sharers = new Map<number, { low: number; count: number }>();
    /** Live views [low, high) of the entries so far that lie inside no other yet. */
    const apart: [low: number, high: number][] = [];
    for (const entry of column) {
      const low = this.#upTo.get(entry.after) ?? this.#ids.length;
      const high = this.#upTo.get(entry.to) ?? this.#ids.length;
      const own = this.#own(apart, low, high, entry.flags & HOLE ? 0 : bytes);
      if (entry.flags & HOLE || own.count === 0) continue;
      if (entry.flags & SHARED) {
        const count = (sharers.get(entry.place)?.count ?? 0) + own.count;
        sharers.set(entry.place, { low: own.low, count });
      } else if (own.count === 1) {
        this.#exclusive[own.low]! += bytes;
      }
    }
    for (const { low, count } of sharers.values()) {
      if (count === 1) this.#exclusive[low]! += bytes;
    }
  }

  /**
   * Adds `bytes` to what the live views [low, high) see, but for those of the entries inside, which
   * leave `apart` for this one. Answers how many they are, and one of them.
   */
  #own(apart: [number, number][], low: number, high: number, bytes: number) {
    const own = { count: 0, low: 0 };
    const add = (from: number, to: number) => {
      if (from >= to) return;
      this.#seen[from]! += bytes;
      this.#seen[to]! -= bytes;
      own.count += to - from;
      own.low = from;
    };
    let top = high;
    while (apart.length > 0 && apart[apart.length - 1]![1] > low) {
      const [from, end] = apart.pop()!;
      add(end, top);
      top = Math.min(top, from);
    }
    add(low, top);
    apart.push([low, high]);
    return own;
  }

  costs(): ViewCost[] {
    let bytes = 0;
    const costs = this.#ids.map((id, index) => {
      bytes += this.#seen[index]!;
      const exclusive = this.#exclusive[index]!;
      return { id, exclusive, shared: bytes - exclusive };
    });
    return costs.filter(({ id }) => id !== ORIGIN);
  }
}
