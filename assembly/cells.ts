/**
 * Views in memory: one cell of 112 bytes each, found by seat and by id through hashes. Cells live
 * in pinned pages and never move, so their addresses link them.
 *
 * The seat is the number that entries name a view by: its place in the timeline has it for good.
 * The id is what everybody else calls the view. A view gets both as one number; a rollback
 * exchanges ids, and seats stay.
 *
 *      +0 seat              +4 parent (an id)    +8 flags            +12 previous
 *     +16 next             +20 skip             +24 run              +28 next of its seat's bucket
 *     +32 next of its name's bucket             +36 bytes of the name, u16
 *     +40 rank, u64        +48 created, f64     +56 size, u64
 *     +64 name (28 bytes)                       +92 next cell of the name
 *     +96 id              +100 next of its id's bucket
 *    +104 first cell of its marks              +108 bytes of the marks
 *
 * A name of more than 28 bytes goes on in further cells of 92 bytes each; so do marks.
 */
import * as m from "./memory";
import { pinnedPage } from "./cache";

export const ORIGIN: u32 = 1;
export const CELL_BYTES: u32 = 112;

export const CELL_PARENT: u32 = 4;
export const CELL_FLAGS: u32 = 8;
export const CELL_PREVIOUS: u32 = 12;
export const CELL_NEXT: u32 = 16;
export const CELL_SKIP: u32 = 20;
export const CELL_RUN: u32 = 24;
export const CELL_BY_SEAT: u32 = 28;
export const CELL_BY_NAME: u32 = 32;
export const CELL_NAME_BYTES: u32 = 36;
export const CELL_RANK: u32 = 40;
export const CELL_CREATED: u32 = 48;
export const CELL_SIZE: u32 = 56;
export const CELL_NAME: u32 = 64;
export const CELL_MORE: u32 = 92;
export const CELL_ID: u32 = 96;
export const CELL_BY_ID: u32 = 100;
export const CELL_MARKS: u32 = 104;
export const CELL_MARK_BYTES: u32 = 108;
export const NAME_HERE: u32 = 28;
export const NAME_MORE: u32 = 92;

export const VIEW_LIVE_FLAG: u32 = 1;
export const VIEW_READ_ONLY: u32 = 2;
/** Deleted before the reclaim walk that is under way began. */
export const VIEW_DYING: u32 = 4;

export function takeCell(): u32 {
  let cell = load<u32>(m.VIEW_FREE);
  if (cell == 0) {
    const page = pinnedPage();
    for (let i: u32 = 0; i + CELL_BYTES <= m.PAGE; i += CELL_BYTES) giveCell(page + i);
    cell = load<u32>(m.VIEW_FREE);
  }
  store<u32>(m.VIEW_FREE, load<u32>(cell));
  memory.fill(cell, 0, CELL_BYTES);
  return cell;
}

export function giveCell(cell: u32): void {
  store<u32>(cell, load<u32>(m.VIEW_FREE));
  store<u32>(m.VIEW_FREE, cell);
}

// @ts-ignore: decorator
@inline
export function seatBucket(seat: u32): usize {
  return m.VIEWS_BY_SEAT + ((seat & (m.VIEW_BUCKETS - 1)) << 2);
}

// @ts-ignore: decorator
@inline
export function idBucket(id: u32): usize {
  return m.VIEWS_BY_ID + ((id & (m.VIEW_BUCKETS - 1)) << 2);
}

/** Cell of a view, live or deleted, by its seat; 0 where that is unknown. */
// @ts-ignore: decorator
@inline
export function cellOf(seat: u32): u32 {
  let cell = load<u32>(seatBucket(seat));
  while (cell != 0 && load<u32>(cell) != seat) cell = load<u32>(cell, CELL_BY_SEAT);
  return cell;
}

/** The same by its id. */
// @ts-ignore: decorator
@inline
export function cellOfId(id: u32): u32 {
  let cell = load<u32>(idBucket(id));
  while (cell != 0 && load<u32>(cell, CELL_ID) != id) cell = load<u32>(cell, CELL_BY_ID);
  return cell;
}

// @ts-ignore: decorator
@inline
export function rankOf(seat: u32): u64 {
  return load<u64>(cellOf(seat), CELL_RANK);
}

// @ts-ignore: decorator
@inline
export function cellRank(cell: u32): u64 {
  return load<u64>(cell, CELL_RANK);
}

// @ts-ignore: decorator
@inline
export function isLive(cell: u32): bool {
  return (load<u32>(cell, CELL_FLAGS) & VIEW_LIVE_FLAG) != 0;
}

/** Cell of a live view by its id, or 0. */
export function liveCell(id: u32): u32 {
  const cell = cellOfId(id);
  return cell != 0 && id != 0 && isLive(cell) ? cell : 0;
}

export function unchain(head: usize, cell: u32, link: u32): void {
  let at = head;
  while (load<u32>(at) != cell) at = load<u32>(at) + link;
  store<u32>(at, load<u32>(cell + link));
}
