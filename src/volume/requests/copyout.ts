/**
 * Writes to an attached origin: the old contents of a chunk are copied out to every store that is
 * attached, and that is durable, before the chunk is overwritten (I5). Adjacent chunks are one
 * transfer; up to `copySlots` transfers run at a time for each store; one commit serves all copies
 * that have ended.
 */
import { PENDING_COPY, PENDING_READ, RUN_COPY, RUN_PRIVATE } from "../../engine/status.ts";
import { MultisnapError } from "../../errors.ts";
import { refusal } from "../../stores/failure.ts";
import type { Visit } from "../../stores/store.ts";
import { run, settle, type Task } from "../../task.ts";
import { type Core, ORIGIN } from "../core.ts";
import { SPANS_MAX, type Span, transferSpans } from "./transfer.ts";

const PLAN_CHUNKS = 65536;
/** A request or copy in flight is in the way; below every status of a store. */
export const BUSY = -1000;

/** What a store needs before bytes of the origin may be overwritten. */
export interface Need {
  core: Core;
  /** To copy out; none: only a commit is missing. */
  spans: Span[];
}

export class OriginWriter {
  readonly #cores: readonly Core[];
  readonly #preserves: boolean;

  /**
   * `cores`: of all stores that are attached to the origin, the volume's own first. `preserves`: an
   * error costs the origin a write, rather than a snapshot.
   */
  constructor(cores: readonly Core[], preserves: boolean) {
    this.#cores = cores;
    this.#preserves = preserves;
  }

  get #core(): Core {
    return this.#cores[0]!;
  }

  /**
   * Writes all of `bytes` at `offset`. `mayWait`: commits are put off so that one serves several
   * requests.
   */
  write(offset: number, bytes: Uint8Array, mayWait: boolean): Task<void> {
    return this.#core.pieces(bytes.length, (done, visit) =>
      this.#some(offset + done, bytes, done, visit, mayWait),
    );
  }

  /** Copies out what must be, or writes what may be; answers bytes written, 0: begin anew (I7). */
  *#some(
    at: number,
    bytes: Uint8Array,
    start: number,
    visit: Visit,
    mayWait: boolean,
  ): Task<number> {
    const { origin, traffic } = this.#core;
    const needs: Need[] = [];
    let length = bytes.length - start;
    for (const core of this.#cores) {
      const ready = this.look(core, at, length, needs);
      if (ready < 0) {
        yield* this.wait(core, ready, visit);
        return 0;
      }
      length = Math.min(length, ready);
    }
    if (this.#core.merging) {
      const unmerged = this.#unmerged(at, length);
      if (unmerged.place >= 0) return yield* this.#writeUnmerged(unmerged, bytes, start);
      length = unmerged.length;
    }
    if (needs.length > 0) {
      yield* this.copyOut(needs, visit, mayWait);
      return 0;
    }
    try {
      yield* settle(origin!.write(bytes, start, length, at));
    } catch (error) {
      traffic.originFailures.add(error as object);
      throw error;
    }
    traffic.originDirty = true;
    return length;
  }

  /**
   * How many bytes of the origin from `at` on `core` looked at; what it needs before they may be
   * overwritten is added to `needs`. BUSY or a status: `wait`, then look again.
   */
  look(core: Core, at: number, length: number, needs: Need[]): number {
    const { store, chunk } = core;
    if (store.failure) throw refusal(store.failure);
    const first = Math.floor(at / chunk);
    const within = at - first * chunk;
    const count = Math.min(PLAN_CHUNKS, Math.ceil((within + length) / chunk));
    if (store.conflicts(first, count, ORIGIN, true)) return BUSY;
    const runs = store.planCopyOut(first, count);
    if (runs < 0) return runs;
    const spans: Span[] = [];
    let planned = 0;
    for (let i = 0; i < runs && spans.length < SPANS_MAX; i++) {
      const run = { chunk: first + planned, count: store.runCount(i) };
      if (store.runKind(i) === RUN_COPY) spans.push(run);
      planned += run.count;
    }
    if (spans.length > 0 || core.changes > core.settled) needs.push({ core, spans });
    return Math.min(length, planned * chunk - within);
  }

  /** Waits for what `look` answered. */
  wait(core: Core, status: number, visit: Visit): Task<unknown> {
    return status === BUSY ? core.conflict(visit) : core.store.serve(status, visit);
  }

  /**
   * Copies out and makes that durable. Until then everybody else stays away from those chunks.
   * Stores beside the first are COW devices, which free no places: the visit need not be theirs.
   */
  *copyOut(needs: readonly Need[], visit: Visit, mayWait: boolean): Task<void> {
    const pends = needs.map(({ core, spans }) =>
      spans.map(({ chunk, count }) => core.pend(chunk, count, ORIGIN, PENDING_COPY, 0)),
    );
    try {
      yield* this.#all(needs, ({ core, spans }) => transferSpans(core, spans, visit));
      if (mayWait) yield Promise.resolve();
      yield* this.#all(needs, ({ core }) => this.#commit(core, visit));
    } finally {
      needs.forEach(({ core }, i) => {
        for (const slot of pends[i]!) core.unpend(slot);
      });
    }
  }

  *#all(needs: readonly Need[], work: (need: Need) => Task<void>): Task<void> {
    const parts = needs.map((need) => this.#orLose(need.core, work(need)));
    if (parts.length === 1 || this.#core.synchronous) {
      for (const part of parts) yield* part;
      return;
    }
    const running = parts.map((part) => run(part));
    yield Promise.allSettled(running);
    yield Promise.all(running);
  }

  /** Where a full store loses its snapshot, or a broken one may, the origin goes on without it. */
  *#orLose(core: Core, work: Task<void>): Task<void> {
    try {
      yield* work;
    } catch (error) {
      if (!(error instanceof MultisnapError) || core.store.failure) throw error;
      if (core.store.capabilities.whenFull !== "invalid") throw error;
      const isFull = error.code === "NoSpace";
      if (!isFull && (error.code !== "Io" || this.#preserves)) throw error;
      const full = "there was no room for what a write to the origin replaced";
      yield* core.store.invalidate(isFull ? full : error.message);
    }
  }

  *#commit(core: Core, visit: Visit): Task<void> {
    const { changes } = core;
    yield* core.store.commit(visit);
    core.settled = Math.max(core.settled, changes);
  }

  // ---- while a snapshot is merged

  /** Where bytes lie whose chunk is not merged yet (-1: in the origin), and how many of them. */
  #unmerged(at: number, length: number): { chunk: number; place: number; length: number } {
    const { store, chunk: bytes } = this.#core;
    const chunk = Math.floor(at / bytes);
    const within = at - chunk * bytes;
    store.lookup(ORIGIN, chunk, Math.ceil((within + length) / bytes), true);
    const place = store.runKind(0) === RUN_PRIVATE ? store.runPlace(0) * bytes + within : -1;
    return { chunk, place, length: Math.min(length, store.runCount(0) * bytes - within) };
  }

  /** In place, in the store. The merge of these chunks waits for it. */
  *#writeUnmerged(
    { chunk, place, length }: { chunk: number; place: number; length: number },
    bytes: Uint8Array,
    start: number,
  ): Task<number> {
    const core = this.#core;
    const count = Math.ceil(((place % core.chunk) + length) / core.chunk);
    const slot = core.pend(chunk, count, ORIGIN, PENDING_READ, 0);
    try {
      yield* settle(core.store.device.write(bytes, start, length, place));
      core.store.touched();
    } finally {
      core.unpend(slot);
    }
    return length;
  }
}
