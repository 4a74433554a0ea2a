/**
 * Reads of a view: runs of places, holes, and what lies under the store. All runs of one plan are
 * read at once.
 */
import { PENDING_READ, RUN_SHARED, RUN_UNMAPPED } from "../engine/status.ts";
import type { Visit } from "../stores/store.ts";
import type { Task } from "../task.ts";
import { type Core, PENDS_MAX } from "./core.ts";
import { firstSummed, type Piece, pieceChunks, verify } from "./sums.ts";

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
      const next = firstSummed(store, runs, count);
      if (next.before === 0) {
        if (next.count > 0) {
          const piece = { view, at: first, place: next.place, count: next.count };
          return yield* this.#verified(piece, within, target, start, visit);
        }
        yield* store.serve(next.status, visit);
        return 0;
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
   * Reads whole chunks that have checksums, through as many copy slots as are free now, to `target`
   * from `start`; the first chunk without its `within` first bytes.
   */
  *#verified(
    { view, at, place, count }: Piece,
    within: number,
    target: Uint8Array,
    start: number,
    visit: Visit,
  ): Task<number> {
    const core = this.#core;
    const { store, chunk } = core;
    const most = pieceChunks(core);
    const slots: number[] = [];
    const waiting: Promise<void>[] = [];
    for (let slot: number; slots.length * most < count && (slot = core.trySlot()) >= 0; )
      slots.push(slot);
    if (slots.length === 0) {
      yield* core.conflict(visit);
      return 0;
    }
    let done = -within;
    try {
      const pieces = slots.map((slot, i) => {
        const n = Math.min(most, count - i * most);
        return { slot, piece: { view, at: at + i * most, place: place + i * most, count: n } };
      });
      for (const { slot, piece } of pieces) {
        const bytes = piece.count * chunk;
        const later = store.device.read(store.memory, slot, bytes, piece.place * chunk);
        if (later) waiting.push(later);
      }
      if (waiting.length > 0) yield Promise.all(waiting);
      for (const { slot, piece } of pieces) {
        yield* verify(core, piece, slot, visit);
        const skip = done < 0 ? within : 0;
        const end = Math.min(piece.count * chunk, target.length - start - done);
        target.set(store.memory.subarray(slot + skip, slot + end), start + done + skip);
        done += end;
      }
    } finally {
      if (waiting.length > 0) yield Promise.allSettled(waiting);
      for (const slot of slots) core.giveSlot(slot);
    }
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
