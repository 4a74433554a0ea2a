/**
 * Views made, deleted and renamed: a change of the timeline and one operation in the journal, never
 * of the tree.
 */
import { STREAM_MAX, SUPER, VIEWS_WORDS } from "./memory";
import {
  MARKS_MAX,
  NAME_MAX,
  OP_BYTES,
  OP_CREATE,
  OP_DELETE,
  OP_RENAME,
  SUPER_NEXT_ID,
  VIEW_WORDS,
} from "./layout";
import { WORDS } from "./stream";
import { EXISTS, INVALID, NOT_FOUND, UNSUPPORTED } from "./status";
import { LEAVE_ALL, LEAVE_NOTHING, prepare, SLAB_ROOM } from "./prepare";
import { journalAppend, journalAppendName, journalRoom } from "./journal";
import { freeBit, isMasked, NO_BIT, VIEW_BIT_SHIFT } from "./bitmap/mask";
import { renameView } from "./identity";
import * as t from "./timeline";

/**
 * A snapshot of view `source` under the name at NAME. Answers 1 (its id is NEXT_ID - 1), or a
 * status.
 */
export function createSnapshot(source: u32, flags: u32, created: f64, name: u32): i32 {
  if (!t.isNameLength(name)) return INVALID;
  const ready = prepare(0, LEAVE_ALL);
  if (ready < 0) return ready;
  const cell = t.liveCell(source);
  if (cell == 0) return NOT_FOUND;
  if (t.findName(name) != 0) return EXISTS;
  const id = load<u32>(SUPER + SUPER_NEXT_ID);
  if (id == 0xffffffff || !hasRoom()) return UNSUPPORTED;
  const bit = isMasked() ? freeBit() : 0;
  if (bit == NO_BIT || (isMasked() && source != t.ORIGIN)) return UNSUPPORTED;
  store<u32>(SUPER + SUPER_NEXT_ID, id + 1);
  t.insertView(id, cell, flags | (bit << VIEW_BIT_SHIFT), created, name);
  journalAppendName(OP_CREATE, flags, name, id, source, reinterpret<u64>(created));
  return 1;
}

/** Whether the views stream has room for one more of the longest name and marks. */
export function hasRoom(): bool {
  const most = VIEW_WORDS + ((NAME_MAX + 7) >>> 3) + ((MARKS_MAX + 7) >>> 3);
  return load<u64>(VIEWS_WORDS) + most <= <u64>STREAM_MAX * WORDS;
}

/** The view leaves the live ones; its space comes back by reclaim. 1, or a status. */
export function deleteSnapshot(id: u32): i32 {
  const ready = prepare(0, LEAVE_NOTHING);
  if (ready < 0) return ready;
  return deleteNow(id, true) ? 1 : NOT_FOUND;
}

/** Whether one record has room for `count` views that are deleted one behind the other. */
export function deleteRoom(count: u32): bool {
  return journalRoom(count * OP_BYTES + SLAB_ROOM);
}

/**
 * As `deleteSnapshot`, without a stop: there is room. Where not (`logged` false), it is in no
 * record, and a checkpoint comes next. Whether there was such a view.
 */
export function deleteNow(id: u32, logged: bool): bool {
  const cell = t.liveCell(id);
  if (cell == 0 || id == t.ORIGIN) return false;
  t.killView(cell);
  if (logged) journalAppend(OP_DELETE, 0, 0, id, 0, 0);
  return true;
}

/** 1, or a status. The new name is at NAME. */
export function renameSnapshot(id: u32, name: u32): i32 {
  if (!t.isNameLength(name)) return INVALID;
  const ready = prepare(0, LEAVE_NOTHING);
  if (ready < 0) return ready;
  const cell = t.liveCell(id);
  if (cell == 0 || id == t.ORIGIN) return NOT_FOUND;
  const other = t.findName(name);
  if (other == cell) return 1;
  if (other != 0) return EXISTS;
  if (!hasRoom()) return UNSUPPORTED;
  renameView(cell, name);
  journalAppendName(OP_RENAME, 0, name, id, 0, 0);
  return 1;
}
