/**
 * Merges the snapshot of a persistent store into its origin (snapshot-merge): exceptions are copied
 * back from the last one on, and taken out of the table.
 *
 * Between begin and end the origin reads and is written as the snapshot: what is not merged yet is
 * found in the store. So the origin changes once, at the beginning, for those who use it.
 *
 * Order, for some runs at a time: copies in all other stores that are attached, durable; the
 * origin, durable; the entries' end, durable. A crash leaves entries that still say what the origin
 * may have already: the snapshot stays whole, and merging it again ends the same.
 */
import { PENDING_COPY } from "../../engine/status.ts";
import { MultisnapError } from "../../errors.ts";
import type { Mergeable, MergeRun, Visit } from "../../stores/store.ts";
import { endIfAborted, run, settle, type Task, turn } from "../../task.ts";
import { type Core, ORIGIN, PENDS_MAX } from "../core.ts";
import type { Flusher } from "../flush.ts";
import { BUSY, type Need, type OriginWriter } from "../requests/copyout.ts";
import type { ProgressOptions } from "../types.ts";

export class Merger {
  readonly #core: Core;
  readonly #others: readonly Core[];
  readonly #originWriter: OriginWriter;
  readonly #flusher: Flusher;
  readonly #guard: <T>(work: Task<T>) => Task<T>;
  #isRunning = false;

  /** The first of the stores is merged; the others keep what they have. */
  constructor(
    cores: readonly Core[],
    originWriter: OriginWriter,
    flusher: Flusher,
    guard: <T>(work: Task<T>) => Task<T>,
  ) {
    this.#core = cores[0]!;
    this.#others = cores.slice(1);
    this.#originWriter = originWriter;
    this.#flusher = flusher;
    this.#guard = guard;
  }

  async run(options: ProgressOptions): Promise<void> {
    const core = this.#core;
    core.assertWritable();
    const mergeable = this.#mergeable();
    if (this.#isRunning) {
      throw new MultisnapError("Busy", "the snapshot is being merged already: wait for that");
    }
    this.#isRunning = true;
    try {
      if (!core.merging) await run(this.#guard(core.between(() => this.#begin(mergeable))));
      await this.#batches(mergeable, options);
      await run(this.#guard(core.between(() => this.#end(mergeable))));
    } finally {
      this.#isRunning = false;
    }
  }

  #mergeable(): Mergeable {
    const { mergeable, kind } = this.#core.store;
    if (!mergeable) {
      const kinds = `a store of kind ${kind} has no snapshot to merge`;
      throw new MultisnapError("Unsupported", `${kinds}: only persistent ones have`);
    }
    if (mergeable.merged) {
      throw new MultisnapError("NotFound", "the snapshot has been merged already");
    }
    return mergeable;
  }

  /**
   * Everything is durable, no write in flight. Reads of the snapshot may be: they are in the table,
   * and who overwrites what they read waits for them.
   */
  *#begin(mergeable: Mergeable): Task<void> {
    yield* this.#flusher.all();
    mergeable.beginMerge();
  }

  async #batches(mergeable: Mergeable, options: ProgressOptions): Promise<void> {
    const { store, traffic } = this.#core;
    const total = store.usage().exceptions;
    for (;;) {
      const left = store.usage().exceptions;
      options.progress?.(total - left, total);
      if (left === 0) return;
      endIfAborted(options.signal);
      try {
        mergeable.mergeFailed = false;
        await run(traffic.queued(this.#guard(this.#core.writing(this.#batch(mergeable)))));
      } catch (error) {
        mergeable.mergeFailed = !traffic.closed;
        throw error;
      }
      await turn();
    }
  }

  *#batch(mergeable: Mergeable): Task<void> {
    const { store } = this.#core;
    const visit = store.enter();
    try {
      yield* this.#mergeSome(mergeable, visit);
    } finally {
      store.leave(visit);
    }
  }

  /** Merges some runs, or does what must come before (I7). */
  *#mergeSome(mergeable: Mergeable, visit: Visit): Task<void> {
    const core = this.#core;
    const runs = mergeable.lastRuns(PENDS_MAX, Math.floor(core.slotBytes / core.chunk));
    if (!(yield* this.#areClear(runs, visit))) return;
    const slots = runs.map(({ old, count }) => core.pend(old, count, ORIGIN, PENDING_COPY, 0));
    try {
      const address = yield* core.takeSlot(visit);
      try {
        for (const each of runs) yield* this.#copyBack(each, address);
      } finally {
        core.giveSlot(address);
      }
      yield* this.#flusher.origin();
      yield* mergeable.withdraw(runs.reduce((sum, { count }) => sum + count, 0));
    } finally {
      for (const slot of slots) core.unpend(slot);
    }
  }

  /** Nobody is on the origin's chunks, and no other store needs what they have. Else it waits. */
  *#areClear(runs: readonly MergeRun[], visit: Visit): Task<boolean> {
    const core = this.#core;
    const needs: Need[] = [];
    for (const { old, count } of runs) {
      const isBusy = core.store.conflicts(old, count, ORIGIN, true);
      const { at, length } = this.#bytes(old, count);
      const blocked = isBusy ? { core, status: BUSY } : this.#look(at, length, needs);
      if (blocked) {
        yield* this.#originWriter.wait(blocked.core, blocked.status, visit);
        return false;
      }
      if (needs.length > 0) break;
    }
    if (needs.length === 0) return true;
    yield* this.#originWriter.copyOut(needs, visit, false);
    return false;
  }

  #look(at: number, length: number, needs: Need[]): { core: Core; status: number } | null {
    for (const core of this.#others) {
      const ready = this.#originWriter.look(core, at, length, needs);
      if (ready < 0) return { core, status: ready };
      if (ready < length && needs.length === 0) {
        throw new MultisnapError("Internal", "a merge that is too long for one look");
      }
    }
    return null;
  }

  *#copyBack({ old, place, count }: MergeRun, address: number): Task<void> {
    const { store, origin, counters, traffic, chunk } = this.#core;
    const { at, length } = this.#bytes(old, count);
    yield* settle(store.device.read(store.memory, address, length, place * chunk));
    yield* settle(origin!.write(store.memory, address, length, at));
    traffic.originDirty = true;
    counters.copies += count;
    counters.bytesCopied += length;
  }

  /** The last chunk may reach past the end of the origin. */
  #bytes(chunk: number, count: number): { at: number; length: number } {
    const at = chunk * this.#core.chunk;
    const end = Math.min(at + count * this.#core.chunk, this.#core.origin!.size());
    return { at, length: end - at };
  }

  *#end(mergeable: Mergeable): Task<void> {
    yield* this.#flusher.all();
    mergeable.endMerge();
  }
}
