/**
 * Gives the space of deleted snapshots back, in slices between requests: a walk over the tree for
 * all that are deleted when it begins.
 */
import { monotonic } from "../env.ts";
import { endIfAborted, run, Signal, settle, type Task, turn } from "../task.ts";
import type { Core } from "./core.ts";
import type { ProgressOptions } from "./types.ts";

/**
 * Entries of a slice, and some more: so many that a request which comes meanwhile waits for a
 * twentieth of a millisecond.
 */
const SLICE_ENTRIES = 256;
/**
 * A flush of a synchronous device holds the thread, and who asks for something meanwhile. Beside
 * requests we rest so many times as long after a slice that flushed: less than one of a hundred
 * requests meets a flush of ours.
 */
const RESTS = 150;
/** What a request that waits for room is given at once, where there is so much to reclaim. */
const ROOM_BYTES = 2 ** 20;

export class Reclaimer {
  readonly #core: Core;
  readonly #guard: <T>(work: Task<T>) => Task<T>;
  /** Done so far: who sees another number later knows that space has come back meanwhile. */
  slices = 0;
  #running: Promise<void> | null = null;
  #stopped = false;
  readonly #stopping = new Signal();
  /** Requests that had come when we flushed last. */
  #requests = 0;
  #walking = false;
  /** A walk has ended since the store was last made shorter. */
  #shrinks = false;

  constructor(core: Core, guard: <T>(work: Task<T>) => Task<T>) {
    this.#core = core;
    this.#guard = guard;
  }

  /** Deleted snapshots have space that has not come back. */
  get isBehind(): boolean {
    return this.#core.store.usage().reclaiming > 0;
  }

  /**
   * Begins to reclaim in the background, where that is not under way. A failure shows in the
   * volume's state.
   */
  start(): void {
    if (this.#running || this.#stopped) return;
    this.#running = this.#loop().finally(() => {
      this.#running = null;
    });
    this.#running.catch(() => {});
  }

  async #loop(): Promise<void> {
    this.#requests = this.#asked;
    await turn();
    while (!this.#stopped && !this.#core.store.failure) {
      const { flushes } = this.#core.store;
      const start = monotonic();
      if (!(await run(this.#guard(this.#core.writing(this.#slice()))))) break;
      const ms = monotonic() - start;
      await turn();
      if (this.#core.store.flushes > flushes) await this.#rest(ms);
    }
    if (!this.#stopped && !this.#core.store.failure) await run(this.#guard(this.#shrink()));
  }

  /** Requests that have come. */
  get #asked(): number {
    const { reads, writes } = this.#core.counters;
    return reads + writes;
  }

  /** After a slice of `ms` milliseconds that flushed. */
  async #rest(ms: number): Promise<void> {
    const { env, synchronous } = this.#core;
    const isBeside = this.#asked > this.#requests;
    this.#requests = this.#asked;
    if (!synchronous || !isBeside || this.#stopped) return;
    await Promise.race([env.rest(RESTS * ms), this.#stopping.wait()]);
  }

  /** What is free at the end of the store goes back to its platform. */
  *#shrink(): Task<void> {
    if (!this.#shrinks || this.#core.readOnly) return;
    yield* this.#core.store.shrink();
    this.#shrinks = false;
  }

  /** Some steps; false when nothing is left to reclaim. */
  *#slice(): Task<boolean> {
    const { store } = this.#core;
    const visit = store.enter();
    this.slices++;
    try {
      for (let seen = 0; seen < SLICE_ENTRIES; ) {
        yield* store.gate(visit);
        const status = this.#walking ? store.reclaimStep() : store.reclaimBegin();
        if (status < 0) {
          yield* store.serve(status, visit);
          continue;
        }
        if (status === 0 && !this.#walking) return false;
        seen += this.#walking ? status : 1;
        if (this.#walking && status === 0) this.#shrinks = true;
        this.#walking = status !== 0;
      }
      return true;
    } finally {
      store.leave(visit);
    }
  }

  /** Ends when all that is deleted now has been reclaimed and its space can be used. */
  async finished(options: ProgressOptions): Promise<void> {
    const { store } = this.#core;
    const total = store.usage().reclaiming;
    while (store.usage().reclaiming > 0 && !this.#stopped) {
      endIfAborted(options.signal);
      if (store.failure) throw store.failure;
      options.progress?.(total - Math.min(total, store.usage().reclaiming), total);
      if (!(await run(this.#guard(this.#core.writing(this.#slice()))))) break;
      await turn();
    }
    await run(this.#guard(this.#commit()));
    await run(this.#guard(this.#shrink()));
    options.progress?.(total, total);
  }

  *#commit(): Task<void> {
    const { store } = this.#core;
    if (store.uncommitted && !this.#core.readOnly) yield* store.commit(null);
  }

  /** Reclaims until some room has come back or nothing is left; false: there was nothing. */
  *forRoom(): Task<boolean> {
    const { store } = this.#core;
    if (!this.isBehind) return false;
    const before = store.usage().dataBytes;
    while (yield* this.#slice()) {
      if (before - store.usage().dataBytes >= ROOM_BYTES) break;
    }
    return true;
  }

  /** Reclaims everything. */
  *all(): Task<void> {
    while (yield* this.#slice());
  }

  /** Ends the work in the background. What is left goes on at the next open. */
  *stop(): Task<void> {
    this.#stopped = true;
    this.#stopping.wake();
    if (this.#running) yield* settle(this.#running.catch(() => {}));
  }
}
