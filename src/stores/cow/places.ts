/**
 * Gives places out: strictly one after the other, none twice, leaving out those of metadata areas.
 * Copies into them end in any order; what is named may only go as far as all before it has ended.
 *
 * Invariant: places below `oldest` are named, or left empty for good by a copy that failed.
 */
import { NO_SPACE } from "../../engine/status.ts";
import { Signal } from "../../task.ts";
import { isAreaPlace } from "./format.ts";

/** Places that a copy in flight fills; `left` of them have not ended. */
interface Run {
  place: number;
  count: number;
  left: number;
}

export class Places {
  /** The place that is given out next. */
  next: number;
  /** The first of the places given out last. */
  allocated = 0;
  /** Chunks of the device, at most. */
  readonly #limit: number;
  /** Entries of a metadata area; null where there are none. */
  readonly #perArea: number | null;
  /** In the order of their places; as many as copies in flight. */
  readonly #runs: Run[] = [];
  readonly #moved = new Signal();

  constructor(next: number, limit: number, perArea: number | null) {
    this.#limit = limit;
    this.#perArea = perArea;
    this.next = next;
  }

  /** Nothing from there on is in use. */
  startAt(next: number): void {
    this.next = this.#pastArea(next);
  }

  /** Places that copies in flight still fill. */
  get inFlight(): number {
    return this.#runs.reduce((sum, { left }) => sum + left, 0);
  }

  /** The first place that a copy in flight fills. */
  get oldest(): number {
    return this.#runs[0]?.place ?? Number.POSITIVE_INFINITY;
  }

  /** Up to `most` adjacent places: how many, or NO_SPACE. */
  allocate(most: number): number {
    const { next } = this;
    const end = Math.min(this.#limit, this.#perArea === null ? Infinity : this.#areaAfter(next));
    const count = Math.min(most, end - next);
    if (count <= 0) return NO_SPACE;
    this.#runs.push({ place: next, count, left: count });
    this.allocated = next;
    this.next = this.#pastArea(next + count);
    return count;
  }

  /** Places have been named. */
  named(place: number, count: number): void {
    const index = this.#runs.findIndex(
      (run) => run.place <= place && place < run.place + run.count,
    );
    const run = this.#runs[index];
    if (!run) return;
    run.left -= count;
    if (run.left > 0) return;
    this.#runs.splice(index, 1);
    this.#moved.wake();
  }

  /** Places will not be named. The last ones are given out again, others stay empty. */
  giveBack(place: number, count: number): void {
    if (this.#pastArea(place + count) === this.next) this.next = place;
    this.named(place, count);
  }

  /** Ends when some copy has ended, or `wake` is called. */
  moved(): Promise<void> {
    return this.#moved.wait();
  }

  wake(): void {
    this.#moved.wake();
  }

  #pastArea(place: number): number {
    return this.#perArea !== null && isAreaPlace(place, this.#perArea) ? place + 1 : place;
  }

  #areaAfter(place: number): number {
    const stride = this.#perArea! + 1;
    return place - ((place - 1) % stride) + stride;
  }
}
