/**
 * What every changing operation does first, so that it can then change things without stopping:
 * slots for new pages, metadata blocks, room in the open record and in the list of held places; and
 * a sparse leaf that an earlier one left is merged.
 */
import { REPLAYING, UNDERFULL } from "./memory";
import { OP_BYTES, OP_MAX } from "./layout";
import { COMMIT, FAULT } from "./status";
import { ensureSlots, SPARE_SLOTS } from "./cache";
import { ensureBlocks, reserveBlocks } from "./meta";
import { heldRoom } from "./space";
import { journalRoom } from "./journal";
import { descend } from "./btree/path";
import { isSparse, mergeSparse } from "./btree/change";

/** Blocks that one operation can need: nodes split or moved, pages of space map and sum map. */
export const OPERATION_BLOCKS: u32 = 56;
/** Bytes of a record for one: the longest, and before it an OP_COPY_OUT that it belongs to. */
const OPERATION_ROOM: u32 = OP_MAX + OP_BYTES;

/** Bytes of a record that are left to slabs which a commit or a checkpoint itself has to add. */
export const SLAB_ROOM: u32 = 1024;

/**
 * What an operation leaves of the reserve (I9): new data all of it, a trim the half, for it may
 * give more back than it takes; what only gives back takes what it needs.
 */
export const LEAVE_NOTHING: u32 = 0;
export const LEAVE_HALF: u32 = 1;
export const LEAVE_ALL: u32 = 2;

/** Blocks for work inside a commit; a run of places that is freed takes at most one. */
export const RELEASE_BLOCKS: u32 = 8;

/** For work inside a commit: 0 with slots and some blocks there, else a status. Never COMMIT. */
export function prepareRelease(): i32 {
  const slots = ensureSlots(SPARE_SLOTS);
  return slots < 0 ? slots : ensureBlocks(RELEASE_BLOCKS, 0);
}

/**
 * 0, or what the host must do before the operation is called again. `freed`: places that it may
 * free; `leave`: one of LEAVE.
 */
export function prepare(freed: u32, leave: u32): i32 {
  if (!load<u32>(REPLAYING)) {
    if (!journalRoom(OPERATION_ROOM + SLAB_ROOM) || !heldRoom(freed)) return COMMIT;
  }
  const slots = ensureSlots(SPARE_SLOTS);
  if (slots < 0) return slots;
  const blocks = ensureBlocks(OPERATION_BLOCKS, (reserveBlocks() * leave) >>> 1);
  if (blocks < 0) return blocks;
  return load<u64>(UNDERFULL) != 0 ? settle() : 0;
}

function settle(): i32 {
  const status = descend(load<u64>(UNDERFULL) - 1, 0);
  if (status == FAULT) return FAULT;
  if (status == 1 && isSparse() && mergeSparse() == FAULT) return FAULT;
  store<u64>(UNDERFULL, 0);
  return 0;
}

/** After a change: remembers the path's leaf where it has become sparse. */
export function noteSparse(chunk: u64): void {
  if (isSparse()) store<u64>(UNDERFULL, chunk + 1);
}
