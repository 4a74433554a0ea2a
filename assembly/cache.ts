/**
 * Metadata pages in memory. A slot is 64 bytes of header and one page; slots are the last thing in
 * memory, so that growing memory makes more of them. Tables (views, space index, metadata bitmaps)
 * live in pinned slots: one pool, one bound.
 *
 *     slot  +0 block   +4 next (hash chain, or free list)   +8 flags   +12 next pinned
 *           +16 fences (see btree/fence.ts)               +64 page
 *
 * Invariants
 * - A block is in at most one slot. A slot is on the free list or in the hash or pinned; or it was
 *   never used, and then nothing has touched its memory: a cache costs what it holds.
 * - A dirty page was allocated since the last checkpoint (its number is fresh), so writing it back
 *   early harms nothing.
 * - A page that an operation has touched is not evicted before the operation ends: slots are made
 *   free first (`prepare`).
 */
import * as m from "./memory";
import { BLOCK_CRC, BLOCK_NUMBER, BLOCK_STORE, SUPER_UUID } from "./layout";
import { FAULT, GROW, WRITE_BACK } from "./status";
import { assertThat } from "./assert";
import { crc32c } from "./crc32c";
import { blockOffset } from "./meta";
import { fence } from "./btree/fence";

export const SLOT_HEADER: u32 = 64;
export const SLOT_BYTES: u32 = 4160;
const BLOCK: u32 = 0;
const NEXT: u32 = 4;
const FLAGS: u32 = 8;
const PINNED_NEXT: u32 = 12;

const DIRTY: u32 = 1;
const REFERENCED: u32 = 2;
const PINNED: u32 = 4;
const WRITING: u32 = 8;
const CACHED: u32 = 16;

/** Slots kept free so that an operation can take pages while it changes things. */
export const SPARE_SLOTS: u32 = 28;

// @ts-ignore: decorator
@inline
function bucket(block: u32): usize {
  return load<u32>(m.HASH) + ((((block * 0x9e3779b1) >>> 7) & load<u32>(m.HASH_MASK)) << 2);
}

/** Makes slots of the memory from SLOTS_END up to `end`, which is all zeros. */
export function cacheGrow(end: u32): void {
  const at = load<u32>(m.SLOTS_END);
  const more = (end - at) / SLOT_BYTES;
  store<u32>(m.SLOTS_TOTAL, load<u32>(m.SLOTS_TOTAL) + more);
  store<u32>(m.SLOTS_FREE_COUNT, load<u32>(m.SLOTS_FREE_COUNT) + more);
  store<u32>(m.SLOTS_END, at + more * SLOT_BYTES);
}

function release(slot: u32): void {
  store<u32>(slot + FLAGS, 0);
  store<u32>(slot + BLOCK, 0);
  store<u32>(slot + NEXT, load<u32>(m.SLOTS_FREE));
  store<u32>(m.SLOTS_FREE, slot);
  store<u32>(m.SLOTS_FREE_COUNT, load<u32>(m.SLOTS_FREE_COUNT) + 1);
}

function take(): u32 {
  let slot = load<u32>(m.SLOTS_FREE);
  if (slot != 0) {
    store<u32>(m.SLOTS_FREE, load<u32>(slot + NEXT));
  } else {
    slot = load<u32>(m.SLOTS_UNUSED);
    assertThat(slot < load<u32>(m.SLOTS_END), 101);
    store<u32>(m.SLOTS_UNUSED, slot + SLOT_BYTES);
  }
  store<u32>(m.SLOTS_FREE_COUNT, load<u32>(m.SLOTS_FREE_COUNT) - 1);
  return slot;
}

/** The page of `block`, or 0. */
// @ts-ignore: decorator
@inline
export function find(block: u32): u32 {
  let slot = load<u32>(bucket(block));
  while (slot != 0) {
    if (load<u32>(slot) == block) {
      const flags = load<u32>(slot, FLAGS);
      if ((flags & REFERENCED) == 0) store<u32>(slot, flags | REFERENCED, FLAGS);
      return slot + SLOT_HEADER;
    }
    slot = load<u32>(slot, NEXT);
  }
  return 0;
}

function link(slot: u32, block: u32): void {
  const head = bucket(block);
  store<u32>(slot + BLOCK, block);
  store<u32>(slot + NEXT, load<u32>(head));
  store<u32>(head, slot);
}

function unlink(slot: u32): void {
  let at: usize = bucket(load<u32>(slot + BLOCK));
  while (load<u32>(at) != slot) at = load<u32>(at) + NEXT;
  store<u32>(at, load<u32>(slot + NEXT));
}

/** The page of `block`, or 0 with IO_BLOCK set: the caller answers FAULT. */
// @ts-ignore: decorator
@inline
export function need(block: u32): u32 {
  const page = find(block);
  if (page == 0) store<u32>(m.IO_BLOCK, block);
  return page;
}

/**
 * The host asks where to read IO_BLOCK to: takes a slot for it. FAULT, or WRITE_BACK or GROW to get
 * a slot first.
 */
export function cacheRequest(): i32 {
  const status = ensureSlots(1);
  if (status < 0) return status;
  const slot = take();
  store<u32>(m.LOADS, load<u32>(m.LOADS) + 1);
  store<u32>(m.IO_ADDRESS, slot + SLOT_HEADER);
  store<u32>(m.IO_LENGTH, m.PAGE);
  store<f64>(m.IO_OFFSET, <f64>blockOffset(load<u32>(m.IO_BLOCK)));
  return FAULT;
}

/** Puts the page just read (and found good) into the cache; a second copy of a block is dropped. */
export function cacheInsert(page: u32, block: u32): void {
  const slot = page - SLOT_HEADER;
  if (find(block) != 0) {
    cacheDrop(page);
    return;
  }
  store<u32>(m.LOADS, load<u32>(m.LOADS) - 1);
  store<u32>(slot + FLAGS, CACHED | REFERENCED);
  link(slot, block);
  fence(page);
}

/** Gives the slot of a page back that was not put into the cache. */
export function cacheDrop(page: u32): void {
  store<u32>(m.LOADS, load<u32>(m.LOADS) - 1);
  release(page - SLOT_HEADER);
}

/** A zeroed page under a fresh number. Needs a spare slot. */
export function newPage(block: u32): u32 {
  forget(block);
  const slot = take();
  memory.fill(slot + SLOT_HEADER, 0, m.PAGE);
  store<u32>(slot + FLAGS, CACHED | REFERENCED | DIRTY);
  store<u32>(m.DIRTY_COUNT, load<u32>(m.DIRTY_COUNT) + 1);
  link(slot, block);
  store<u32>(slot + SLOT_HEADER + BLOCK_NUMBER, block);
  store<u64>(slot + SLOT_HEADER + BLOCK_STORE, load<u64>(m.SUPER + SUPER_UUID));
  return slot + SLOT_HEADER;
}

/** The page goes on under another number (copy on write in place: what is on disk stays). */
export function renumber(page: u32, block: u32): void {
  forget(block);
  const slot = page - SLOT_HEADER;
  unlink(slot);
  link(slot, block);
  store<u32>(page + BLOCK_NUMBER, block);
}

/** Whether a write-back of the block is under way. */
export function isWriting(block: u32): bool {
  const page = find(block);
  return page != 0 && (load<u32>(page - SLOT_HEADER + FLAGS) & WRITING) != 0;
}

/** Drops a block that is no longer used. */
export function forget(block: u32): void {
  const page = find(block);
  if (page == 0) return;
  const slot = page - SLOT_HEADER;
  if (load<u32>(slot + FLAGS) & DIRTY) store<u32>(m.DIRTY_COUNT, load<u32>(m.DIRTY_COUNT) - 1);
  unlink(slot);
  release(slot);
}

// @ts-ignore: decorator
@inline
export function markDirty(page: u32): void {
  const slot = page - SLOT_HEADER;
  const flags = load<u32>(slot, FLAGS);
  if (flags & DIRTY) return;
  store<u32>(slot, flags | DIRTY, FLAGS);
  store<u32>(m.DIRTY_COUNT, load<u32>(m.DIRTY_COUNT) + 1);
}

export function isDirty(page: u32): bool {
  return (load<u32>(page - SLOT_HEADER + FLAGS) & DIRTY) != 0;
}

export function markClean(page: u32): void {
  const slot = page - SLOT_HEADER;
  const flags = load<u32>(slot + FLAGS);
  if ((flags & DIRTY) == 0) return;
  store<u32>(slot + FLAGS, flags & ~DIRTY);
  store<u32>(m.DIRTY_COUNT, load<u32>(m.DIRTY_COUNT) - 1);
}

/** A zeroed page for a table, never evicted. Needs a spare slot. */
export function pinnedPage(): u32 {
  const slot = take();
  memory.fill(slot + SLOT_HEADER, 0, m.PAGE);
  store<u32>(slot + FLAGS, PINNED);
  store<u32>(slot + PINNED_NEXT, load<u32>(m.TABLE_PAGES));
  store<u32>(m.TABLE_PAGES, slot);
  store<u32>(m.SLOTS_PINNED, load<u32>(m.SLOTS_PINNED) + 1);
  return slot + SLOT_HEADER;
}

/**
 * 0 with at least `count` slots free, else WRITE_BACK or GROW. Evicts clean pages by second chance.
 */
export function ensureSlots(count: u32): i32 {
  if (load<u32>(m.SLOTS_TOTAL) - load<u32>(m.SLOTS_PINNED) < load<u32>(m.SLOTS_WANTED)) {
    return askGrow();
  }
  while (load<u32>(m.SLOTS_FREE_COUNT) < count) {
    const status = evict();
    if (status < 0) return status;
  }
  return 0;
}

function askGrow(): i32 {
  store<u32>(m.IO_LENGTH, 64 * SLOT_BYTES);
  return GROW;
}

/**
 * Frees the first page in the hand's way that was not touched since the hand last passed. A dirty
 * one is written first, however many clean ones there are: else the only clean page, the one that
 * an operation waits for, would go again and again.
 */
function evict(): i32 {
  const first = load<u32>(m.SLOTS_FIRST);
  const end = load<u32>(m.SLOTS_UNUSED);
  let hand = load<u32>(m.SLOTS_HAND);
  for (let left = 2 * load<u32>(m.SLOTS_TOTAL); left > 0; left--) {
    if (hand >= end) hand = first;
    const flags = load<u32>(hand + FLAGS);
    const slot = hand;
    hand += SLOT_BYTES;
    if ((flags & CACHED) == 0 || (flags & WRITING) != 0) continue;
    if (flags & REFERENCED) {
      store<u32>(slot + FLAGS, flags & ~REFERENCED);
      continue;
    }
    if ((flags & DIRTY) == 0) {
      store<u32>(m.SLOTS_HAND, hand);
      unlink(slot);
      release(slot);
      return 0;
    }
    if (load<u32>(m.READ_ONLY) != 0) continue;
    store<u32>(m.SLOTS_HAND, slot);
    return writeBack(slot);
  }
  return askGrow();
}

/** Only asks: until the host begins, the page stays as it was; a dropped status loses nothing. */
function writeBack(slot: u32): i32 {
  store<u32>(m.IO_BLOCK, load<u32>(slot + BLOCK));
  store<u32>(m.IO_ADDRESS, slot + SLOT_HEADER);
  store<u32>(m.IO_LENGTH, m.PAGE);
  store<f64>(m.IO_OFFSET, <f64>blockOffset(load<u32>(slot + BLOCK)));
  return WRITE_BACK;
}

/** The write that WRITE_BACK asked for begins. */
export function cacheWriting(page: u32): void {
  const slot = page - SLOT_HEADER;
  const flags = load<u32>(slot + FLAGS);
  assertThat((flags & (CACHED | DIRTY | WRITING)) == (CACHED | DIRTY), 105);
  store<u32>(slot + FLAGS, (flags & ~DIRTY) | WRITING);
  store<u32>(m.DIRTY_COUNT, load<u32>(m.DIRTY_COUNT) - 1);
  seal(page);
}

/** The write that WRITE_BACK asked for has ended. */
export function cacheWritten(page: u32): void {
  const slot = page - SLOT_HEADER;
  store<u32>(slot + FLAGS, load<u32>(slot + FLAGS) & ~WRITING);
}

/** Stamps a page for the disk. */
export function seal(page: u32): void {
  store<u32>(page + BLOCK_CRC, crc32c(page + 4, m.PAGE - 4, 0));
}
