/**
 * Grace: a place that was freed is given out again only when every request that may still read or
 * write it has ended. Requests are counted in two epochs; who frees flips the epoch and waits for
 * the old count to reach zero. A request that waits for a commit or a checkpoint leaves first, so
 * nobody waits for itself.
 */
import { Signal, type Task } from "../task.ts";
import type { Visit } from "./store.ts";

export class Visits {
  #epoch = 0;
  readonly #counts = [0, 0];
  readonly #left = new Signal();

  enter(): Visit {
    const visit = { epoch: this.#epoch };
    this.#counts[visit.epoch]!++;
    return visit;
  }

  again(visit: Visit): void {
    visit.epoch = this.#epoch;
    this.#counts[visit.epoch]!++;
  }

  leave(visit: Visit): void {
    if (--this.#counts[visit.epoch]! === 0) this.#left.wake();
  }

  /** Ends when every request that is here now has left. One caller at a time. */
  *drained(): Task<void> {
    const other = this.#epoch ^ 1;
    while (this.#counts[other]! > 0) yield this.#left.wait();
    this.#epoch = other;
    while (this.#counts[other ^ 1]! > 0) yield this.#left.wait();
  }
}
