/**
 * The requests of a volume: the bounded queue, the barrier that a snapshot is taken behind, and who
 * waits for whom. All stores of a volume share it.
 *
 * Invariants: at most `depth` requests are in flight; what is done between two writes is done when
 * none is.
 */
import { Signal, type Task } from "../task.ts";
import type { Watchers } from "./reports/watchers.ts";
import type { Counters } from "./types.ts";

export class Traffic {
  /** Tasks that run. */
  active = 0;
  closed = false;
  /** Something is done between two writes: new ones wait. */
  barrier = false;
  /** The attached origin has bytes that no flush has reached. */
  originDirty = false;
  /** Errors that the attached origin's device has met: not the store's. */
  readonly originFailures = new WeakSet<object>();
  /** Told of what changes; null until somebody watches. */
  watchers: Watchers | null = null;
  readonly counters: Counters = {
    reads: 0,
    writes: 0,
    bytesRead: 0,
    bytesWritten: 0,
    copies: 0,
    bytesCopied: 0,
    commits: 0,
    checkpoints: 0,
    flushes: 0,
    waits: 0,
    pruned: 0,
  };
  readonly #depth: number;
  #inFlight = 0;
  readonly #room: (() => void)[] = [];
  #writers = 0;
  readonly #moved = new Signal();

  constructor(depth: number) {
    this.#depth = depth;
  }

  /** Counts a task as long as it runs. */
  *tracked<T>(work: Task<T>): Task<T> {
    this.active++;
    try {
      return yield* work;
    } finally {
      this.active--;
    }
  }

  /** A request in the queue: waits for room, then runs. */
  *queued<T>(work: Task<T>): Task<T> {
    while (this.#inFlight >= this.#depth) {
      this.counters.waits++;
      yield new Promise<void>((resolve) => this.#room.push(resolve));
    }
    this.#inFlight++;
    try {
      return yield* work;
    } finally {
      this.#inFlight--;
      this.#room.shift()?.();
    }
  }

  beginWrite(): void {
    this.#writers++;
  }

  endWrite(): void {
    this.#writers--;
    this.#moved.wake();
  }

  /** Ends when no request is in flight. */
  *drained(): Task<void> {
    while (this.#inFlight > 0 || this.#writers > 0 || this.barrier) {
      const room = new Promise<void>((resolve) => this.#room.push(resolve));
      yield Promise.race([room, this.#moved.wait()]);
    }
  }

  /** Work between two writes: those before have ended, none begins. */
  *between<T>(work: () => Task<T>): Task<T> {
    while (this.barrier) yield this.#moved.wait();
    this.barrier = true;
    try {
      while (this.#writers > 0) yield this.#moved.wait();
      return yield* work();
    } finally {
      this.barrier = false;
      this.#moved.wake();
    }
  }

  /** Ends when some copy or request has ended. */
  moved(): Promise<void> {
    return this.#moved.wait();
  }

  /** Some copy or request has ended: who waits may look again. */
  wake(): void {
    this.#moved.wake();
  }
}
