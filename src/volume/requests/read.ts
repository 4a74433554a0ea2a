/**
 * Reads of a view: runs of places, holes, and what lies under the store. All runs of one plan are
 * read at once.
 */
import { PENDING_READ, RUN_LOST, RUN_SHARED, RUN_UNMAPPED } from "../../engine/status.ts";
import type { Visit } from "../../stores/store.ts";
import { run, type Task } from "../../task.ts";
import { type Core, PENDS_MAX } from "../core.ts";
import { lostError } from "./lost.ts";
import { type Piece, pieceChunks, portionsOf, readAll } from "./stretches.ts";
import { firstSummed, verifyAll } from "./verified.ts";

const PLAN_CHUNKS = 65536;

export class Reader {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  /** Fills `target` from `offset` of a view. */
  read(view: number, offset: number, target: Uint8Array): Task<void> {
    return this.#core.pieces(target.length, (done, visit) =>
      this.#some(view, offset + done, target, done, visit),
    );
  }

  /** Reads what one plan covers; answers bytes, 0: begin anew. */
  *#some(
    view: number,
    offset: number,
    target: Uint8Array,
    start: number,
    visit: Visit,
  ): Task<number> {
    const { store, chunk } = this.#core;
    let first = Math.floor(offset / chunk);
    const within = offset - first * chunk;
    let left = target.length - start;
    const count = Math.min(PLAN_CHUNKS, Math.ceil((within + left) / chunk));
    const runs = store.lookup(view, first, count, false);
    if (runs < 0) {
      yield* store.serve(runs, visit);
      return 0;
    }
    if (store.sums) {
      const next = firstSummed(store, runs, view, first, count);
      if (typeof next === "number") {
        yield* store.serve(next, visit);
        return 0;
      }
      if (next.before === 0) {
        return yield* this.#verified(next.pieces, within, target, start, visit);
      }
      left = Math.min(left, next.before * chunk - within);
    }
    const waiting: Promise<void>[] = [];
    const slots: number[] = [];
    let done = 0;
    let skip = within;
    try {
      for (let i = 0; i < runs && done < left; i++) {
        const length = Math.min(left - done, store.runCount(i) * chunk - skip);
        if (store.runKind(i) === RUN_LOST) {
          throw lostError(this.#core, view, "reading", first * chunk + skip, length);
        }
        const under = store.runKind(i) === RUN_UNMAPPED ? this.#under(first, i, view, slots) : null;
        if (under === "busy") break;
        const from = store.runKind(i) >= RUN_SHARED ? store.runPlace(i) : first;
        const device = store.runKind(i) >= RUN_SHARED ? store.device : under;
        if (device) {
          const later = device.read(target, start + done, length, from * chunk + skip);
          if (later) waiting.push(later);
        } else {
          target.fill(0, start + done, start + done + length);
        }
        done += length;
        first += store.runCount(i);
        skip = 0;
      }
    } finally {
      if (waiting.length > 0) yield Promise.allSettled(waiting);
      for (const slot of slots) this.#core.unpend(slot);
    }
    if (waiting.length > 0) yield Promise.all(waiting);
    if (done === 0) yield* this.#core.conflict(visit);
    return done;
  }

  /**
   * Reads chunks that have checksums whole, through as many copy slots as are free now, to `target`
   * from `start`; the first chunk without its `within` first bytes.
   */
  *#verified(
    pieces: readonly Piece[],
    within: number,
    target: Uint8Array,
    start: number,
    visit: Visit,
  ): Task<number> {
    const core = this.#core;
    const portions = portionsOf(pieces, pieceChunks(core));
    const slots: number[] = [];
    for (let slot: number; slots.length < portions.length && (slot = core.trySlot()) >= 0; )
      slots.push(slot);
    if (slots.length === 0) {
      yield* core.conflict(visit);
      return 0;
    }
    let from = start - within;
    const reads = slots.map((slot, i) => {
      const portion = portions[i]!;
      const at = from;
      const bytes = portion.reduce((sum, { count }) => sum + count, 0) * core.chunk;
      from = Math.min(target.length, at + bytes);
      const first = Math.max(start, at);
      return this.#portion(portion, slot, target.subarray(first, from), first - at, visit);
    });
    try {
      if (core.synchronous) for (const read of reads) yield* read;
      else yield* all(reads);
    } finally {
      for (const slot of slots) core.giveSlot(slot);
    }
    return from - start;
  }

  /** Fills `target` from a portion, without its first bytes. */
  *#portion(
    portion: readonly Piece[],
    slot: number,
    target: Uint8Array,
    without: number,
    visit: Visit,
  ): Task<void> {
    const core = this.#core;
    yield* readAll(core, portion, slot);
    yield* verifyAll(core, portion, slot, visit);
    const { memory } = core.store;
    target.set(memory.subarray(slot + without, slot + without + target.length));
  }

  /**
   * The device under an unmapped run. A read of the attached origin is entered in the table (rule
   * 4), where there is room.
   */
  #under(first: number, run: number, view: number, slots: number[]) {
    const { store, origin, base } = this.#core;
    if (!origin) return base;
    if (this.#core.synchronous) return origin;
    const slot = store.pendingAdd(first, store.runCount(run), view, PENDING_READ, 0);
    if (slot < 0 || slots.length >= PENDS_MAX) {
      if (slot >= 0) this.#core.unpend(slot);
      return "busy";
    }
    slots.push(slot);
    return origin;
  }
}

/** Runs them at once; ends when all have. */
function* all(tasks: readonly Task<void>[]): Task<void> {
  const running = tasks.map((task) => run(task));
  yield Promise.allSettled(running);
  yield Promise.all(running);
}
