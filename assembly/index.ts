/**
 * The wasm surface: exports only. Chunks, places and bytes cross as f64, everything else as 32-bit
 * numbers.
 */
import * as m from "./memory";
import * as kinds from "./kinds";
import * as out from "./copyout";
import * as diffs from "./diff";
import { isMasked, maskOf } from "./bitmap/mask";
import * as change from "./change";
import * as pending from "./conflict";
import * as space from "./space";
import * as sums from "./sums";
import * as timeline from "./timeline";
import { COMMIT, FAULT } from "./status";
import { namedRun } from "./named";
import { need } from "./cache";
import { LEAVE_ALL, prepare, prepareRelease, RELEASE_BLOCKS } from "./prepare";
import { META_SPARE } from "./meta";
import { allStreamBlocks } from "./stream";
import { trimKeep } from "./checkpoint";

// memory map and layout, for the host
export {
  BATCH,
  BATCH_BYTES,
  BATCH_MAX,
  CHECKPOINT_PHASE,
  HELD_CHUNKS,
  IO_ADDRESS,
  IO_BLOCK,
  IO_LENGTH,
  IO_OFFSET,
  LOADS,
  META_FREE,
  META_PENDING,
  NAME,
  NEW,
  PENDING_SLOTS,
  POISON,
  READ_ONLY,
  RECLAIM_ACTIVE,
  REPLAYING,
  RUNS,
  RUNS_MAX,
  SLOTS_TOTAL,
  SPACE_FLOOR,
  JOURNAL_HEAD,
  JOURNAL_BUFFERS,
  JOURNAL_SEQUENCE,
  JOURNAL_TOP,
  SPACE_RUN,
  SPACE_RUN_LENGTH,
  SUPER,
  TRANSFER,
  TRANSFER_SIZE,
  VIEW_DEAD,
  VIEW_LIVE,
} from "./memory";
export * from "./layout";
export * from "./status";

// life
export {
  format,
  init,
  memoryFor,
  openSuper,
  streamAsk,
  streamRead,
  streamTake,
  superCheck,
} from "./open";
export {
  cacheDrop,
  cacheGrow,
  cacheInsert,
  cacheRequest,
  cacheWriting,
  cacheWritten,
} from "./cache";
export { verifyPage } from "./verify";
export { crc32c } from "./crc32c";
export { isZero } from "./zero";
export { lookupBatch } from "./batch";
export {
  createSnapshot,
  deleteNow,
  deleteRoom,
  deleteSnapshot,
  renameSnapshot,
} from "./snapshots";
export { rollbackView } from "./rollback";
export { setLimit, setMarks, setReadOnly } from "./change";
export { reclaimBegin, reclaimStep } from "./reclaim";
export { checkpointBegin, checkpointFinish, checkpointSeal, checkpointStep } from "./checkpoint";
export {
  journalAccept,
  journalAsk,
  journalDurable,
  journalLength,
  journalPending,
  journalRewind,
  journalSeal,
} from "./journal";
export { replayOnly, replayStep } from "./replay";
export { pendingNamed, pendingRemove } from "./conflict";
export {
  restoreBegin,
  restoreEntry,
  restoreMarks,
  restoreRoom,
  restoreSlab,
  restoreSums,
  restoreTimeline,
  restoreView,
} from "./restore";

/** See `namedRun`. */
export function replayNamed(chunk: f64, count: u32, place: f64): i32 {
  return namedRun(<u64>chunk, count, <u64>place);
}

/** After the last record: a walk that was not over begins anew. */
export function replayDone(): void {
  store<u32>(m.RECLAIM_ACTIVE, 0);
  store<u64>(m.JOURNAL_DURABLE, load<u64>(m.JOURNAL_SEQUENCE) - 1);
  timeline.clearDying();
}

/** See `kinds.lookup`. */
export function lookup(view: u32, chunk: f64, count: u32, writing: bool): i32 {
  return kinds.lookup(view, <u64>chunk, count, writing);
}

/** See `diff.diff`. */
export function diff(a: u32, b: u32, chunk: f64, count: u32): i32 {
  return diffs.diff(a, b, <u64>chunk, count);
}

/** See `kinds.mapStep`. */
export function mapStep(view: u32, chunk: f64, count: u32, place: f64, how: u32): i32 {
  return kinds.mapStep(view, <u64>chunk, count, <u64>place, how);
}

/** See `copyout.planCopyOut`. */
export function planCopyOut(chunk: f64, count: u32): i32 {
  return out.planCopyOut(<u64>chunk, count);
}

/** See `kinds.copyOutStep`. */
export function copyOutStep(chunk: f64, count: u32, place: f64, hole: bool, address: u32): i32 {
  return kinds.copyOutStep(<u64>chunk, count, <u64>place, hole, address);
}

/** See `sums.sumRun`. */
export function sumRun(place: f64, count: u32): i32 {
  return sums.sumRun(<u64>place, count);
}

/** See `sums.sumVerify`. */
export function sumVerify(place: f64, count: u32, address: u32): i32 {
  return sums.sumVerify(<u64>place, count, address);
}

/** See `sums.sumStep`. */
export function sumStep(place: f64, count: u32, address: u32): i32 {
  return sums.sumStep(<u64>place, count, address);
}

/** Takes up to `most` adjacent places: SPACE_RUN, and their number as the answer; or a status. */
export function allocate(most: u32): i32 {
  const ready = prepare(0, LEAVE_ALL);
  if (ready < 0) return ready;
  const status = space.spaceFind(most);
  if (status < 0) return status;
  if (sums.hasSums()) {
    const clear = sums.sumClear(load<u64>(m.SPACE_RUN), load<u32>(m.SPACE_RUN_LENGTH));
    if (clear < 0) return clear;
    store<u32>(m.SPACE_RUN_LENGTH, clear);
  }
  space.spaceTakeFound();
  return load<u32>(m.SPACE_RUN_LENGTH);
}

/** The run that `allocate` took last. */
export function allocated(): f64 {
  return <f64>load<u64>(m.SPACE_RUN);
}

/** With so many blocks free or freeing, a checkpoint that trims gives at least a slab back. */
export function trimFloor(): u32 {
  return trimKeep() + META_SPARE + allStreamBlocks() + (1 << load<u32>(m.SLAB_SHIFT));
}

/** Gives places back that no entry names: a write that failed. 0, or COMMIT. Needs no block. */
export function giveBack(place: f64, count: u32): i32 {
  if (!space.heldRoom(1)) return COMMIT;
  space.spaceHold(<u64>place, count);
  return 0;
}

/**
 * Clears the places that the sealed record freed, in bounded steps: 1 more, 0 done, or a status.
 */
export function releaseHeld(): i32 {
  const ready = prepareRelease();
  if (ready < 0) return ready;
  let status: i32 = 1;
  for (let runs: u32 = 0; runs < RELEASE_BLOCKS && status == 1; runs++)
    status = space.heldRelease(load<u32>(m.HELD_OPEN) ^ 1);
  return status;
}

/** A copy or a read in flight of one view; a slot, or -1. */
export function pendingAdd(chunk: f64, count: u32, view: u32, kind: u32, place: f64): i32 {
  const cell = timeline.cellOfId(view);
  if (isMasked()) {
    const own: u32 = view == timeline.ORIGIN ? kind | pending.PENDING_ORIGIN : kind;
    return pending.pendingAdd(<u64>chunk, count, maskOf(cell), own, <u64>place);
  }
  const before = load<u32>(cell + timeline.CELL_PREVIOUS);
  const views = load<u32>(before) | ((<u64>load<u32>(cell)) << 32);
  return pending.pendingAdd(<u64>chunk, count, views, kind, <u64>place);
}

/** As `pendingAdd`, for all views: those of an attached origin, which is the last. */
export function pendingAddAll(chunk: f64, count: u32, kind: u32, place: f64): i32 {
  const all = isMasked() ? <u64>-1 : (<u64>timeline.ORIGIN) << 32;
  const whose: u32 = isMasked() ? kind | pending.PENDING_ORIGIN : kind;
  return pending.pendingAdd(<u64>chunk, count, all, whose, <u64>place);
}

/** For a store without a tree. Bit 0: the origin; the others: its snapshots. */
export function pendingAddBits(chunk: f64, count: u32, bits: u32, kind: u32, place: f64): i32 {
  const whose: u32 = bits & 1 ? kind | pending.PENDING_ORIGIN : kind;
  return pending.pendingAdd(<u64>chunk, count, bits >>> 1, whose, <u64>place);
}

export function conflicts(chunk: f64, count: u32, view: u32, overwrites: bool): bool {
  if (load<u32>(m.PENDING_COUNT) == 0) return false;
  const cell = timeline.cellOfId(view);
  if (!isMasked()) {
    return pending.conflicts(<u64>chunk, count, timeline.cellRank(cell), overwrites);
  }
  const kind: u32 = view == timeline.ORIGIN ? pending.PENDING_ORIGIN : 0;
  const mask = maskOf(cell);
  return pending.maskConflicts(<u64>chunk, count, mask, kind, overwrites);
}

/** As `conflicts`, with bits as in `pendingAddBits`. */
export function conflictsBits(chunk: f64, count: u32, bits: u32, overwrites: bool): bool {
  const kind: u32 = bits & 1 ? pending.PENDING_ORIGIN : 0;
  return pending.maskConflicts(<u64>chunk, count, bits >>> 1, kind, overwrites);
}

// views, for lists

/** Cell of a view by id (0: none); the fields are in `timeline.ts`. */
export function viewCell(id: u32): u32 {
  return timeline.liveCell(id);
}

/** Cell of the view whose name is at NAME, or 0. */
export function viewNamed(length: u32): u32 {
  return timeline.findName(length);
}

/** Cell after `cell` in the timeline (0: the first), deleted ones included; 0 at the end. */
export function viewNext(cell: u32): u32 {
  return load<u32>((cell == 0 ? <u32>m.BOTTOM : cell) + timeline.CELL_NEXT);
}

/** Copies a view's name to NAME; answers its bytes. */
export function viewName(cell: u32): u32 {
  return timeline.getName(cell);
}

/** See `change.resizeView`. */
export function resizeView(id: u32, size: f64): i32 {
  return change.resizeView(id, <u64>size);
}

/** Copies a view's marks to NAME; answers their bytes. */
export function viewMarks(cell: u32): u32 {
  return timeline.getMarks(cell);
}

export {
  CELL_BYTES,
  CELL_CREATED,
  CELL_FLAGS,
  CELL_ID,
  CELL_MARK_BYTES,
  CELL_NAME,
  CELL_PARENT,
  CELL_SIZE,
  VIEW_LIVE_FLAG,
  VIEW_READ_ONLY,
} from "./timeline";

// walks, for check and accounting

/** Copies the page of a metadata block to the transfer buffer. 1, or FAULT. */
export function peekBlock(block: u32): i32 {
  const page = need(block);
  if (page == 0) return FAULT;
  memory.copy(load<u32>(m.TRANSFER), page, m.PAGE);
  return 1;
}

/** Block of a group of the sum map, 0 for none. */
export function sumBlock(group: u32): u32 {
  return sums.groupBlock(group);
}

export { VIEW_BIT_SHIFT } from "./bitmap/mask";
export { slabBase, slabCount, slabDropped, slabFilled } from "./meta";
export { spaceRefused, spaceRetry } from "./space";
export { spaceCut } from "./top";
