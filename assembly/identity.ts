/** What a view is besides its place in the timeline: id, name, parent, date, flags, marks. */
import * as m from "./memory";
import { VIEW_WORDS } from "./layout";
import {
  CELL_CREATED,
  CELL_FLAGS,
  CELL_ID,
  CELL_MARK_BYTES,
  CELL_MARKS,
  CELL_PARENT,
  VIEW_LIVE_FLAG,
} from "./cells";
import { addWords, dropName, getName, putMarks, putName, viewWords } from "./names";
import { dropId, setId } from "./timeline";

/**
 * `cell` becomes what is at the place of `target`, a new view without a name: who looks for its id
 * or name finds `target` now. `cell` has the new id, the name at NAME (0 bytes: none), and is a
 * snapshot of the view that stood there, made now.
 */
export function exchange(cell: u32, target: u32, name: u32): void {
  memory.copy(m.RECORD, m.NAME, name);
  const id = load<u32>(cell + CELL_ID);
  const fresh = load<u32>(target + CELL_ID);
  const created = load<f64>(target + CELL_CREATED);
  dropId(cell);
  dropId(target);
  setId(cell, fresh);
  setId(target, id);
  store<u32>(target + CELL_PARENT, load<u32>(cell + CELL_PARENT));
  store<u32>(target + CELL_FLAGS, load<u32>(cell + CELL_FLAGS));
  store<f64>(target + CELL_CREATED, load<f64>(cell + CELL_CREATED));
  const own = getName(cell);
  dropName(cell);
  if (own > 0) putName(target, own);
  store<u32>(target + CELL_MARKS, load<u32>(cell + CELL_MARKS));
  store<u32>(target + CELL_MARK_BYTES, load<u32>(cell + CELL_MARK_BYTES));
  store<u32>(cell + CELL_MARKS, 0);
  store<u32>(cell + CELL_MARK_BYTES, 0);
  store<u32>(cell + CELL_PARENT, id);
  store<u32>(cell + CELL_FLAGS, VIEW_LIVE_FLAG);
  store<f64>(cell + CELL_CREATED, created);
  memory.copy(m.NAME, m.RECORD, name);
  if (name == 0) return;
  putName(cell, name);
  addWords(viewWords(cell) - VIEW_WORDS);
}

export function renameView(cell: u32, length: u32): void {
  const before = viewWords(cell);
  memory.copy(m.RECORD, m.NAME, length);
  dropName(cell);
  memory.copy(m.NAME, m.RECORD, length);
  putName(cell, length);
  addWords(viewWords(cell) - before);
}

/** The bytes at NAME become the marks of a view. */
export function markView(cell: u32, length: u32): void {
  const before = viewWords(cell);
  putMarks(cell, length);
  addWords(viewWords(cell) - before);
}

/** A view is not what the views stream of the last checkpoint has. */
export function touchViews(): void {
  addWords(0);
}
