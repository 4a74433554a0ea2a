/**
 * Reads of a view: runs of places, holes, and what lies under the store. All runs of one plan are
 * read at once.
 */
import { PENDING_READ, RUN_LOST, RUN_SHARED, RUN_UNMAPPED } from "../engine/status.ts";
import type { Visit } from "../stores/store.ts";
import type { Task } from "../task.ts";
import { type Core, PENDS_MAX } from "./core.ts";
import { lostError } from "./lost.ts";

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
    const left = target.length - start;
    const count = Math.min(PLAN_CHUNKS, Math.ceil((within + left) / chunk));
    const runs = store.lookup(view, first, count, false);
    if (runs < 0) {
      yield* store.serve(runs, visit);
      return 0;
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
