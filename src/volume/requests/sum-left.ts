/**
 * Checksums are made of what views leave to snapshots, before a view's chunk lies elsewhere. Places
 * with one are never written in place, so a checksum that is there holds for all who read it.
 */
import { NO_SPACE, RUN_SHARED } from "../../engine/status.ts";
import type { ExceptionStore, Visit } from "../../stores/store.ts";
import type { Task } from "../../task.ts";
import type { Core } from "../core.ts";
import { BARE, cut, endOf, type Piece, pieceChunks, readAll, stretchesOf } from "./stretches.ts";

/** Chunks that one look covers, least and most. */
const LOOK_MIN = 64;
const LOOK_MAX = 2 ** 20;

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
  if (!store.sums) return;
  const end = first + count;
  let look = LOOK_MIN;
  for (let at = first; at < end; ) {
    yield* store.gate(visit);
    const asked = Math.min(look, end - at);
    const runs = store.lookup(view, at, asked, true);
    const found = runs < 0 ? runs : stretchesOf(store, runs, view, at, asked, isLeft);
    if (typeof found === "number") {
      yield* store.serve(found, visit);
      continue;
    }
    const next = endOf(found);
    const bare = cut(
      found.filter(({ state }) => state === BARE),
      pieceChunks(core),
    );
    // Much at once where there is nothing to do.
    look = bare.length === 0 && next - at === asked ? Math.min(2 * look, LOOK_MAX) : LOOK_MIN;
    if (bare.length === 0) at = next;
    else if (yield* sumPieces(core, bare, visit, whenFull)) at = endOf(bare);
  }
}

function isLeft(kind: number): boolean {
  return kind === RUN_SHARED;
}

/** Through one copy slot. Answers false where the view's chunks are to be looked up again. */
function* sumPieces(
  core: Core,
  pieces: readonly Piece[],
  visit: Visit,
  whenFull: boolean,
): Task<boolean> {
  const { store, chunk } = core;
  const slot = yield* core.takeSlot(visit);
  try {
    yield* readAll(core, pieces, slot);
    let address = slot;
    for (const piece of pieces) {
      let status: number;
      do {
        yield* store.gate(visit);
        if (!isThere(store, piece)) return false;
        status = store.sums!.sum(piece.place, piece.count, address);
        if (status === NO_SPACE && whenFull) break;
        if (status < 0) yield* store.serve(status, visit);
      } while (status < 0);
      address += piece.count * chunk;
    }
    return true;
  } finally {
    core.giveSlot(slot);
  }
}

/** Whether the view still shares the places with others: else nobody minds. */
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
