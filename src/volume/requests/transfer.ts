/**
 * Copies chunks of an attached origin to new places of a store and enters them there, several
 * transfers at a time.
 */
import { PENDING_COPY } from "../../engine/status.ts";
import type { ExceptionStore, Visit } from "../../stores/store.ts";
import { run, settle, type Task } from "../../task.ts";
import { type Core, ORIGIN, PENDS_MAX } from "../core.ts";
import { giveBack, giveUp, hasRoom, setNamed, type Target } from "./write.ts";

/** Spans that one pass copies; the next pass finds the rest (I7). */
export const SPANS_MAX = PENDS_MAX / 2;

/** Adjacent chunks of the origin. */
export interface Span {
  chunk: number;
  count: number;
}

export function* transferSpans(core: Core, spans: Span[], visit: Visit): Task<void> {
  const { chunk, slotBytes, copySlots, synchronous } = core;
  const spanChunks = Math.floor(slotBytes / chunk);
  const queue: Span[] = [];
  for (const span of spans) {
    for (let done = 0; done < span.count; done += spanChunks) {
      queue.push({ chunk: span.chunk + done, count: Math.min(spanChunks, span.count - done) });
    }
  }
  const work = (own: Visit) => worker(core, queue, own);
  if (synchronous || queue.length === 1) {
    yield* work(visit);
    return;
  }
  const { store } = core;
  const most = Math.min(copySlots, PENDS_MAX - SPANS_MAX, queue.length);
  const workers = Array.from({ length: most }, () => {
    const own = store.enter();
    return run(work(own)).finally(() => store.leave(own));
  });
  // Outside the visit: a worker may wait for a checkpoint, and that for all visits to end.
  store.leave(visit);
  try {
    yield Promise.allSettled(workers);
  } finally {
    visit.epoch = store.enter().epoch;
  }
  yield Promise.all(workers);
}

function* worker(core: Core, queue: Span[], visit: Visit): Task<void> {
  for (let span = queue.shift(); span; span = queue.shift()) {
    const slot = yield* core.takeSlot(visit);
    try {
      yield* transfer(core, span, slot, visit);
    } finally {
      core.giveSlot(slot);
    }
  }
}

/** One read; then, for each run of chunks that are zeros or not, no write or one. */
function* transfer(core: Core, span: Span, slot: number, visit: Visit): Task<void> {
  const { store, chunk } = core;
  const length = span.count * chunk;
  yield* settle(core.origin!.read(store.memory, slot, length, span.chunk * chunk));
  core.counters.copies++;
  core.counters.bytesCopied += length;
  const { trim: canHole } = store.capabilities;
  const isHole = (at: number) => canHole && store.isZero(slot + at * chunk, chunk);
  let done = 0;
  while (done < span.count) {
    const zero = isHole(done);
    let end = done + 1;
    while (end < span.count && isHole(end) === zero) end++;
    if (zero) yield* enter(core, span.chunk + done, end - done, null, 0, visit);
    else
      end = done + (yield* save(core, span.chunk + done, end - done, slot + done * chunk, visit));
    done = end;
  }
}

/**
 * Writes chunks that lie at `address` to new places; answers how many it had room for in one run,
 * 0: try again.
 */
function* save(
  core: Core,
  first: number,
  wanted: number,
  address: number,
  visit: Visit,
): Task<number> {
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
    const data = { address, length: count * chunk, offset: place * chunk };
    if (!(yield* hasRoom(store, place, put(store, data)))) {
      yield* giveBack(store, place, count, visit);
      return 0;
    }
    store.touched();
    yield* enter(core, first, count, target, address, visit);
  } catch (error) {
    yield* giveUp(store, target, error, visit);
  } finally {
    core.unpend(slot);
  }
  return count;
}

function* put(
  { device, memory }: ExceptionStore,
  { address, length, offset }: { address: number; length: number; offset: number },
): Task<void> {
  yield* settle(device.write(memory, address, length, offset));
}

/** `address`: of the chunks in engine memory. */
function* enter(
  core: Core,
  first: number,
  count: number,
  target: Target | null,
  address: number,
  visit: Visit,
): Task<void> {
  const { store, chunk } = core;
  const place = target?.place ?? 0;
  let done = 0;
  while (done < count) {
    yield* store.gate(visit);
    const [at, left, from] = [first + done, count - done, address + done * chunk];
    const step = store.copyOut(at, left, place + done, target === null, from);
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
