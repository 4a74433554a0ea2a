/**
 * Names of views, found through a hash, and their marks, which the host understands. Both come and
 * go through the bytes at NAME.
 */
import * as m from "./memory";
import { NAME_MAX, VIEW_WORDS } from "./layout";
import * as c from "./cells";

function hashName(length: u32): usize {
  let h: u32 = 0x811c9dc5; // FNV-1a
  for (let i: u32 = 0; i < length; i++) h = (h ^ load<u8>(m.NAME + i)) * 0x01000193;
  return m.VIEWS_BY_NAME + ((h & (m.VIEW_BUCKETS - 1)) << 2);
}

export function putName(cell: u32, length: u32): void {
  store<u16>(cell + c.CELL_NAME_BYTES, <u16>length);
  const here = min<u32>(length, c.NAME_HERE);
  memory.copy(cell + c.CELL_NAME, m.NAME, here);
  putMore(cell + c.CELL_MORE, here, length);
  const head = hashName(length);
  store<u32>(cell + c.CELL_BY_NAME, load<u32>(head));
  store<u32>(head, cell);
}

/** Bytes `done` .. `length - 1` at NAME, into cells of their own that `link` leads to. */
function putMore(link: u32, done: u32, length: u32): void {
  while (done < length) {
    const more = c.takeCell();
    const n = min<u32>(length - done, c.NAME_MORE);
    memory.copy(more, m.NAME + done, n);
    store<u32>(link, more);
    link = more + c.CELL_MORE;
    done += n;
  }
}

function getMore(more: u32, done: u32, length: u32): void {
  while (done < length) {
    const n = min<u32>(length - done, c.NAME_MORE);
    memory.copy(m.NAME + done, more, n);
    done += n;
    more = load<u32>(more + c.CELL_MORE);
  }
}

function dropMore(link: u32): void {
  let more = load<u32>(link);
  while (more != 0) {
    const next = load<u32>(more + c.CELL_MORE);
    c.giveCell(more);
    more = next;
  }
  store<u32>(link, 0);
}

/** Copies a view's name to NAME; answers its bytes. */
export function getName(cell: u32): u32 {
  const length = <u32>load<u16>(cell + c.CELL_NAME_BYTES);
  const here = min<u32>(length, c.NAME_HERE);
  memory.copy(m.NAME, cell + c.CELL_NAME, here);
  getMore(load<u32>(cell + c.CELL_MORE), here, length);
  return length;
}

/** The bytes at NAME become a view's marks; 0: it has none. */
export function putMarks(cell: u32, length: u32): void {
  dropMore(cell + c.CELL_MARKS);
  store<u32>(cell + c.CELL_MARK_BYTES, length);
  putMore(cell + c.CELL_MARKS, 0, length);
}

/** Copies a view's marks to NAME; answers their bytes. */
export function getMarks(cell: u32): u32 {
  const length = load<u32>(cell + c.CELL_MARK_BYTES);
  getMore(load<u32>(cell + c.CELL_MARKS), 0, length);
  return length;
}

export function dropName(cell: u32): void {
  const length = getName(cell);
  if (length == 0) return;
  c.unchain(hashName(length), cell, c.CELL_BY_NAME);
  dropMore(cell + c.CELL_MORE);
  store<u16>(cell + c.CELL_NAME_BYTES, 0);
}

function hasName(cell: u32, length: u32): bool {
  if (load<u16>(cell + c.CELL_NAME_BYTES) != length) return false;
  let cellAt = cell;
  let at: u32 = 0;
  let base = c.CELL_NAME;
  let room = c.NAME_HERE;
  for (let i: u32 = 0; i < length; i++, at++) {
    if (at == room) {
      cellAt = load<u32>(cellAt + c.CELL_MORE);
      base = 0;
      room = c.NAME_MORE;
      at = 0;
    }
    if (load<u8>(cellAt + base + at) != load<u8>(m.NAME + i)) return false;
  }
  return true;
}

/** Cell of the live view with the name at NAME, or 0. */
export function findName(length: u32): u32 {
  let cell = load<u32>(hashName(length));
  while (cell != 0 && !hasName(cell, length)) cell = load<u32>(cell + c.CELL_BY_NAME);
  return cell;
}

/** Words that a view takes in the views stream. */
export function viewWords(cell: u32): u32 {
  const name = (<u32>load<u16>(cell + c.CELL_NAME_BYTES) + 7) >>> 3;
  return VIEW_WORDS + name + ((load<u32>(cell + c.CELL_MARK_BYTES) + 7) >>> 3);
}

export function addWords(n: i32): void {
  store<u64>(m.VIEWS_WORDS, load<u64>(m.VIEWS_WORDS) + <i64>n);
  store<u32>(m.VIEWS_CHANGED, 1);
}

export function isNameLength(length: u32): bool {
  return length > 0 && length <= NAME_MAX;
}
