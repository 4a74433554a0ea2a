/** What each snapshot of a range store costs: every entry counts for the views in (after, to]. */
import type { Costs } from "./store.ts";
import type { Accounted, Tally } from "./tree/accounting.ts";
import { AROUND, type Entry, HOLE, SHARED } from "./tree/walk.ts";

const ORIGIN = 1;

/** 4 MiB of an index, at most; seats are numbered in the order in which views were made. */
const NEAR_MAX = 2 ** 20;

/** Live views [from, to) of the timeline. */
type Part = [from: number, to: number];

/** The live views that see a place. */
interface Seers {
  count: number;
  /** Of them. */
  doomed: number;
  /** One of them. */
  low: number;
  parts: Part[];
}

/** O(entries + views), whatever the number of views that an entry is seen by. */
export class RangeTally implements Tally {
  readonly #chunk: number;
  readonly #ids: number[] = [];
  /** For every seat, how many live views stand at or before it. */
  readonly #upTo = new Map<number, number>([[0, 0]]);
  /** The same for seats below `NEAR_MAX`, found faster; -1: none. */
  readonly #near: Int32Array;
  readonly #exclusive: Float64Array;
  /** Bytes seen by the live view `i`, as differences to what the one before it sees. */
  readonly #seen: Float64Array;
  readonly #written: Float64Array;
  /** How many of the first `i` live views are doomed. */
  readonly #doomed: Float64Array;
  #freed = 0;
  #reclaimable = 0;

  constructor({ timeline, chunk, isAttached, doomed }: Accounted) {
    this.#chunk = chunk;
    for (const { id, seat, isLive } of timeline) {
      // An attached origin has no entries, so nothing is its own or shared with it.
      if (isLive && (id !== ORIGIN || !isAttached)) this.#ids.push(id);
      this.#upTo.set(seat, this.#ids.length);
    }
    const last = timeline.reduce((most, { seat }) => Math.max(most, seat), 0);
    this.#near = new Int32Array(Math.min(last + 1, NEAR_MAX)).fill(-1);
    for (const [seat, count] of this.#upTo) if (seat < NEAR_MAX) this.#near[seat] = count;
    this.#exclusive = new Float64Array(this.#ids.length + 1);
    this.#seen = new Float64Array(this.#ids.length + 1);
    this.#written = new Float64Array(this.#ids.length + 1);
    this.#doomed = new Float64Array(this.#ids.length + 1);
    for (const [i, id] of this.#ids.entries()) {
      this.#doomed[i + 1] = this.#doomed[i]! + (doomed.has(id) ? 1 : 0);
    }
  }

  add(column: readonly Entry[]): void {
    const bytes = column[0]!.count * this.#chunk;
    let marked = 0;
    for (const { flags } of column) marked |= flags & (SHARED | AROUND);
    if (marked === 0) {
      for (const entry of column) this.#alone(entry, bytes);
      return;
    }
    const sharers = new Map<number, Seers>();
    /** Live views [low, high) of the entries so far that lie inside no other yet. */
    const apart: Part[] = [];
    for (const entry of column) {
      const low = this.#standing(entry.after);
      const high = this.#standing(entry.to);
      const isData = (entry.flags & HOLE) === 0;
      const isShared = isData && (entry.flags & SHARED) !== 0;
      let seers = isShared ? sharers.get(entry.place) : undefined;
      seers ??= { count: 0, doomed: 0, low: 0, parts: [] };
      this.#own(apart, low, high, isData ? bytes : 0, seers);
      if (isShared) sharers.set(entry.place, seers);
      else if (isData) this.#place(seers, bytes);
    }
    for (const seers of sharers.values()) this.#place(seers, bytes);
  }

  /** How many live views stand at or before a seat. */
  #standing(seat: number): number {
    const near = seat < this.#near.length ? this.#near[seat]! : -1;
    return near >= 0 ? near : (this.#upTo.get(seat) ?? this.#ids.length);
  }

  /** Of a column in which no entry lies inside another or shares its place, as in most. */
  #alone({ after, to, flags }: Entry, bytes: number): void {
    const low = this.#standing(after);
    const high = this.#standing(to);
    if (flags & HOLE) return;
    if (low >= high) {
      this.#reclaimable += bytes;
      return;
    }
    this.#seen[low]! += bytes;
    this.#seen[high]! -= bytes;
    this.#written[low]! += bytes;
    if (high - low === 1) this.#exclusive[low]! += bytes;
    if (this.#doomed[high]! - this.#doomed[low]! === high - low) this.#freed += bytes;
  }

  /** A place whose seers are all known. */
  #place({ count, doomed, low, parts }: Seers, bytes: number): void {
    if (count === 0) this.#reclaimable += bytes;
    else if (count === doomed) this.#freed += bytes;
    if (count === 1) this.#exclusive[low]! += bytes;
    for (const [from] of parts) {
      if (!parts.some(([, to]) => to === from)) this.#written[from]! += bytes;
    }
  }

  /**
   * Adds `bytes` to what the live views [low, high) see, but for those of the entries inside, which
   * leave `apart` for this one. Who they are is added to `seers`.
   */
  #own(apart: Part[], low: number, high: number, bytes: number, seers: Seers): void {
    let top = high;
    while (apart.length > 0 && apart[apart.length - 1]![1] > low) {
      const [from, end] = apart.pop()!;
      this.#see(end, top, bytes, seers);
      top = Math.min(top, from);
    }
    this.#see(low, top, bytes, seers);
    apart.push([low, high]);
  }

  /** The live views [from, to) see `bytes`. */
  #see(from: number, to: number, bytes: number, seers: Seers): void {
    if (from >= to) return;
    this.#seen[from]! += bytes;
    this.#seen[to]! -= bytes;
    seers.count += to - from;
    seers.doomed += this.#doomed[to]! - this.#doomed[from]!;
    seers.low = from;
    seers.parts.push([from, to]);
  }

  costs(): Costs {
    let bytes = 0;
    const views = this.#ids.map((id, index) => {
      bytes += this.#seen[index]!;
      const exclusive = this.#exclusive[index]!;
      return { id, exclusive, shared: bytes - exclusive, written: this.#written[index]! };
    });
    const snapshots = views.filter(({ id }) => id !== ORIGIN);
    return { views: snapshots, freed: this.#freed, reclaimable: this.#reclaimable };
  }
}
