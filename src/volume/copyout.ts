/**
 * Writes to an attached origin: the old contents of a chunk are copied out, and that is durable,
 * before the chunk is overwritten (I5). Adjacent chunks are one transfer; up to `copySlots`
 * transfers run at a time; one commit serves all copies that have ended.
 */
import { PENDING_COPY, RUN_COPY } from "../engine/status.ts";
import type { Visit } from "../stores/store.ts";
import { run, settle, type Task } from "../task.ts";
import { type Core, ORIGIN, PENDS_MAX } from "./core.ts";
import { giveUp, setNamed, type Target } from "./write.ts";

const PLAN_CHUNKS = 65536;
/** Spans that one pass copies; the next pass finds the rest (I7). */
const SPANS_MAX = PENDS_MAX / 2;

/** Adjacent chunks of the origin. */
interface Span {
  chunk: number;
  count: number;
}

export class OriginWriter {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
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
    const core = this.#core;
    const { store, chunk } = core;
    const left = bytes.length - start;
    const first = Math.floor(at / chunk);
    const within = at - first * chunk;
    const count = Math.min(PLAN_CHUNKS, Math.ceil((within + left) / chunk));
    if (store.conflicts(first, count, ORIGIN, true)) {
      yield* core.conflict(visit);
      return 0;
    }
    const runs = store.planCopyOut(first, count);
    if (runs < 0) {
      yield* store.serve(runs, visit);
      return 0;
    }
    const spans: Span[] = [];
    let planned = 0;
    for (let i = 0; i < runs && spans.length < SPANS_MAX; i++) {
      const run = { chunk: first + planned, count: store.runCount(i) };
      if (store.runKind(i) === RUN_COPY) spans.push(run);
      planned += run.count;
    }
    if (spans.length > 0 || core.changes > core.settled) {
      yield* this.#copyOut(spans, visit, mayWait);
      return 0;
    }
    const length = Math.min(left, planned * chunk - within);
    yield* settle(core.origin!.write(bytes, start, length, at));
    core.originDirty = true;
    return length;
  }

  /** Copies spans out and makes that durable. Until then everybody else stays away from them. */
  *#copyOut(spans: Span[], visit: Visit, mayWait: boolean): Task<void> {
    const core = this.#core;
    const slots: number[] = [];
    try {
      for (const span of spans) {
        slots.push(core.pend(span.chunk, span.count, ORIGIN, PENDING_COPY, 0));
      }
      yield* this.#transfers(spans, visit);
      if (mayWait) yield Promise.resolve();
      const { changes } = core;
      yield* core.store.commit(visit);
      core.settled = Math.max(core.settled, changes);
    } finally {
      for (const slot of slots) core.unpend(slot);
    }
  }

  *#transfers(spans: Span[], visit: Visit): Task<void> {
    const { chunk, slotBytes, copySlots, synchronous } = this.#core;
    const spanChunks = Math.floor(slotBytes / chunk);
    const queue: Span[] = [];
    for (const span of spans) {
      for (let done = 0; done < span.count; done += spanChunks) {
        queue.push({ chunk: span.chunk + done, count: Math.min(spanChunks, span.count - done) });
      }
    }
    const worker = (own: Visit) => this.#worker(queue, own);
    if (synchronous || queue.length === 1) {
      yield* worker(visit);
      return;
    }
    const { store } = this.#core;
    const most = Math.min(copySlots, PENDS_MAX - SPANS_MAX, queue.length);
    const workers = Array.from({ length: most }, () => {
      const own = store.enter();
      return run(worker(own)).finally(() => store.leave(own));
    });
    yield Promise.allSettled(workers);
    yield Promise.all(workers);
  }

  *#worker(queue: Span[], visit: Visit): Task<void> {
    for (let span = queue.shift(); span; span = queue.shift()) {
      const slot = yield* this.#core.takeSlot(visit);
      try {
        yield* this.#transfer(span, slot, visit);
      } finally {
        this.#core.giveSlot(slot);
      }
    }
  }

  /** One read; then, for each run of chunks that are zeros or not, no write or one. */
  *#transfer(span: Span, slot: number, visit: Visit): Task<void> {
    const core = this.#core;
    const { store, chunk } = core;
    const length = span.count * chunk;
    yield* settle(core.origin!.read(store.memory, slot, length, span.chunk * chunk));
    core.counters.copies++;
    core.counters.bytesCopied += length;
    let done = 0;
    while (done < span.count) {
      const zero = store.isZero(slot + done * chunk, chunk);
      let end = done + 1;
      while (end < span.count && store.isZero(slot + end * chunk, chunk) === zero) end++;
      if (zero) yield* this.#enter(span.chunk + done, end - done, null, visit);
      else
        end = done + (yield* this.#save(span.chunk + done, end - done, slot + done * chunk, visit));
      done = end;
    }
  }

  /**
   * Writes chunks that lie at `address` to new places; answers how many it had room for in one run.
   */
  *#save(first: number, wanted: number, address: number, visit: Visit): Task<number> {
    const core = this.#core;
    const { store, chunk } = core;
    yield* store.gate(visit);
    let count: number;
    while ((count = store.allocate(wanted)) < 0) {
      yield* store.serve(count, visit);
      yield* store.gate(visit);
    }
    const place = store.allocated();
    const slot = core.pend(first, count, ORIGIN, PENDING_COPY, place);
    const target = { place, count, slot, named: 0 };
    try {
      yield* settle(store.device.write(store.memory, address, count * chunk, place * chunk));
      store.touched();
      yield* this.#enter(first, count, target, visit);
    } catch (error) {
      yield* giveUp(store, target, error, visit);
    } finally {
      core.unpend(slot);
    }
    return count;
  }

  *#enter(first: number, count: number, target: Target | null, visit: Visit): Task<void> {
    const core = this.#core;
    const { store } = core;
    const place = target?.place ?? 0;
    let done = 0;
    while (done < count) {
      yield* store.gate(visit);
      const step = store.copyOut(first + done, count - done, place + done, target === null);
      if (step < 0) {
        yield* store.serve(step, visit);
        continue;
      }
      done += step;
      core.changes++;
      // A step that answers 0 has named the first place that is left, but not for all its views.
      if (target) setNamed(store, target, step === 0 ? done + 1 : done);
    }
  }
}
