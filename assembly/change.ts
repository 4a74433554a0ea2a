/** What a view is, changed: its size, whether it takes writes, its marks. No entry changes. */
import { SPACE_CEILING, SPACE_LIMIT, SUPER, WIDE } from "./memory";
import {
  FEATURE_MARKS,
  FEATURE_WIDE,
  MARKS_MAX,
  OP_BYTES,
  OP_SET,
  SET_MARKS,
  SET_READ_ONLY,
  SET_SIZE,
  SUPER_CHUNK_SHIFT,
  SUPER_LIMIT,
  SUPER_SIZE,
} from "./layout";
import { COMMIT, INVALID, NOT_FOUND, UNSUPPORTED } from "./status";
import { LEAVE_HALF, prepare } from "./prepare";
import { journalAppend, journalAppendName, journalRoom } from "./journal";
import { NARROW_CHUNKS } from "./bounds";
import { needFeatures } from "./features";
import { hasRoom } from "./snapshots";
import { markView, touchViews } from "./identity";
import * as t from "./timeline";

/**
 * Feature that the origin needs to have this size: views with more chunks than a narrow store has
 * can be left when it has fewer.
 */
export function widthOf(size: u64): u32 {
  return load<u32>(WIDE) && !isWide(size) ? FEATURE_WIDE : 0;
}

function isWide(size: u64): bool {
  return size >>> load<u32>(SUPER + SUPER_CHUNK_SHIFT) >= NARROW_CHUNKS;
}

/** The view has `size` bytes from now on. 1, or a status; UNSUPPORTED: keys are too short. */
export function resizeView(id: u32, size: u64): i32 {
  const ready = prepare(0, LEAVE_HALF);
  if (ready < 0) return ready;
  const cell = t.liveCell(id);
  if (cell == 0) return NOT_FOUND;
  if (!load<u32>(WIDE) && isWide(size)) return UNSUPPORTED;
  const known = needFeatures(FEATURE_MARKS | (id == t.ORIGIN ? widthOf(size) : 0));
  if (known < 0) return known;
  store<u64>(cell + t.CELL_SIZE, size);
  if (id == t.ORIGIN) store<u64>(SUPER + SUPER_SIZE, size);
  touchViews();
  journalAppend(OP_SET, SET_SIZE, 0, id, size, 0);
  return 1;
}

/** 1, or a status. */
export function setReadOnly(id: u32, readOnly: bool): i32 {
  const ready = prepare(0, LEAVE_HALF);
  if (ready < 0) return ready;
  const cell = t.liveCell(id);
  if (cell == 0 || id == t.ORIGIN) return NOT_FOUND;
  const known = needFeatures(FEATURE_MARKS);
  if (known < 0) return known;
  const others = load<u32>(cell + t.CELL_FLAGS) & ~t.VIEW_READ_ONLY;
  store<u32>(cell + t.CELL_FLAGS, others | (readOnly ? t.VIEW_READ_ONLY : 0));
  touchViews();
  journalAppend(OP_SET, SET_READ_ONLY, 0, id, readOnly ? 1 : 0, 0);
  return 1;
}

/** The bytes at NAME become the marks of the view. 1, or a status. */
export function setMarks(id: u32, length: u32): i32 {
  if (length > MARKS_MAX) return INVALID;
  const ready = prepare(0, LEAVE_HALF);
  if (ready < 0) return ready;
  // Longer than what an operation has room for anyway.
  if (!journalRoom(OP_BYTES + MARKS_MAX + 2048)) return COMMIT;
  const cell = t.liveCell(id);
  if (cell == 0) return NOT_FOUND;
  if (!hasRoom()) return UNSUPPORTED;
  const known = needFeatures(FEATURE_MARKS);
  if (known < 0) return known;
  markView(cell, length);
  journalAppendName(OP_SET, SET_MARKS, length, id, 0, 0);
  return 1;
}

/**
 * The store has at most so many chunks; from the next checkpoint on it says `bytes` (0: no limit).
 */
export function setLimit(chunks: f64, bytes: f64): void {
  store<u64>(SPACE_LIMIT, <u64>chunks);
  store<u64>(SPACE_CEILING, <u64>chunks);
  store<u64>(SUPER + SUPER_LIMIT, <u64>bytes);
}
