/**
 * Checksums of what views leave to snapshots: made before a view's chunk lies elsewhere, verified
 * when what has one is read. Places with one are never written in place, so a checksum that is
 * there holds for everybody who reads the place.
 */
import { NO_SPACE, RUN_SHARED } from "../engine/status.ts";
import { MultisnapError } from "../errors.ts";
import type { ExceptionStore, Visit } from "../stores/store.ts";
import { settle, type Task } from "../task.ts";
import type { Core } from "./core.ts";

/** Chunks that are summed or verified at once. */
const PIECE_CHUNKS = 64;
/** Chunks that one look covers, at most. */
const LOOK_MAX = 2 ** 20;

/** Chunks that go through one copy slot. */
export function pieceChunks(core: Core): number {
  return Math.min(PIECE_CHUNKS, Math.floor(core.slotBytes / core.chunk));
}

/**
 * Before `count` chunks of a view lie elsewhere: what other views go on seeing gets checksums.
 * Nobody else changes the view's chunks meanwhile: they are in the table, or nobody writes.
 * `whenFull`: go on without checksums where there is no room for them.
 */
export function* sumLeft(
  core: Core,
  view: number,
  first: number,
  count: number,
  visit: Visit,
  whenFull: boolean,
): Task<void> {
  const { store } = core;
  const { sums } = store;
  if (!sums) return;
  const end = first + count;
  let look = PIECE_CHUNKS;
  for (let at = first; at < end; ) {
    yield* store.gate(visit);
    const asked = Math.min(look, end - at);
    const runs = store.lookup(view, at, asked, true);
    const isLeft = runs > 0 && store.runKind(0) === RUN_SHARED;
    const alike = isLeft ? sums.run(store.runPlace(0), store.runCount(0)) : runs;
    if (alike < 0) {
      yield* store.serve(alike, visit);
    } else if (!isLeft) {
      // Much at once where there is nothing to do.
      look = store.runCount(0) === asked ? Math.min(2 * look, LOOK_MAX) : PIECE_CHUNKS;
      at += store.runCount(0);
    } else if (alike & 1) {
      at += alike >>> 1;
    } else {
      look = PIECE_CHUNKS;
      const most = Math.min(alike >>> 1, pieceChunks(core));
      at += yield* sumPiece(
        core,
        { view, at, place: store.runPlace(0), count: most },
        visit,
        whenFull,
      );
    }
  }
}

/** Chunks `at` .. of a view, which lie at `place` .. */
export interface Piece {
  view: number;
  at: number;
  place: number;
  count: number;
}

/** Answers how many chunks are done; 0: look again. */
function* sumPiece(core: Core, piece: Piece, visit: Visit, whenFull: boolean): Task<number> {
  const { store, chunk } = core;
  const { place, count } = piece;
  const slot = yield* core.takeSlot(visit);
  try {
    yield* settle(store.device.read(store.memory, slot, count * chunk, place * chunk));
    for (;;) {
      yield* store.gate(visit);
      const status = isThere(store, piece) ? store.sums!.sum(place, count, slot) : 0;
      if (status >= 0) return status;
      if (status === NO_SPACE && whenFull) return count;
      yield* store.serve(status, visit);
    }
  } finally {
    core.giveSlot(slot);
  }
}

/** Whether the view still shares the places with others: else nobody minds, or they changed. */
function isThere(store: ExceptionStore, { view, at, place, count }: Piece): boolean {
  if (store.lookup(view, at, count, true) < 1) return false;
  return (
    store.runKind(0) === RUN_SHARED && store.runPlace(0) === place && store.runCount(0) === count
  );
}

/**
 * At once, where no request is in flight: the place that a write leaves has a checksum; where
 * `wanted`, its bytes are in the first copy slot, and right. False: take the long way.
 */
export function sumLeftNow({ store, chunk }: Core, place: number, wanted: boolean): boolean {
  const sums = store.sums!;
  const { memory, copies } = store;
  const alike = sums.run(place, 1);
  if (alike < 0) return false;
  const hasSum = (alike & 1) === 1;
  if (hasSum && !wanted) return true;
  store.device.read(memory, copies, chunk, place * chunk);
  return (hasSum ? sums.verify(place, 1, copies) : sums.sum(place, 1, copies)) === 1;
}

/**
 * At once: fills `target` from a chunk that has a checksum, `within` bytes behind its beginning.
 * False: take the long way, which says what is wrong.
 */
export function readSummedNow(core: Core, place: number, within: number, target: Uint8Array) {
  const { store, chunk } = core;
  const { memory, copies } = store;
  store.device.read(memory, copies, chunk, place * chunk);
  if (store.sums!.verify(place, 1, copies) !== 1) return false;
  target.set(memory.subarray(copies + within, copies + within + target.length));
  return true;
}

/** Bytes of `count` chunks just read to `address` are what was written, else `Corrupt`. */
export function* verify(
  core: Core,
  { view, at, place, count }: Piece,
  address: number,
  visit: Visit,
): Task<void> {
  const { store } = core;
  if (!store.sums) return;
  for (;;) {
    const good = store.sums.verify(place, count, address);
    if (good === count) return;
    if (good >= 0) throw lost(core, view, at + good, place + good);
    yield* store.serve(good, visit);
  }
}

function lost({ store, chunk }: Core, view: number, at: number, place: number): MultisnapError {
  const size = store.view(view)?.size ?? Infinity;
  const [from, end] = [at * chunk, Math.min(size, (at + 1) * chunk)];
  const where = `place ${place} of ${store.device.name} (byte ${place * chunk})`;
  return new MultisnapError(
    "Corrupt",
    `bytes ${from}..${end - 1} are lost: ${where} does not have its checksum; ` +
      'write them anew, and see "check --data" for what else is',
  );
}

/** What a read finds first that has checksums. */
export interface Stretch {
  /** Chunks before it. */
  before: number;
  /** Its chunks; 0: there is none, or `status` comes first. */
  count: number;
  place: number;
  status: number;
}

/** In the runs of a lookup, as far as `wanted` chunks. */
export function firstSummed(store: ExceptionStore, runs: number, wanted: number): Stretch {
  const none = { count: 0, place: 0, status: 0 };
  let before = 0;
  for (let i = 0; i < runs && before < wanted; i++) {
    let left = Math.min(store.runCount(i), wanted - before);
    if (store.runKind(i) < RUN_SHARED) {
      before += left;
      continue;
    }
    let place = store.runPlace(i);
    while (left > 0) {
      const status = store.sums!.run(place, left);
      if (status < 0) return { ...none, before, status };
      const alike = status >>> 1;
      if (status & 1) return { before, count: alike, place, status: 0 };
      before += alike;
      place += alike;
      left -= alike;
    }
  }
  return { ...none, before };
}
