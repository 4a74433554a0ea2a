/**
 * Metadata blocks. They have numbers of their own, grouped into slabs; a slab lies in chunks taken
 * from the space map. So metadata can be small where chunks are large, a slab can move, and replay
 * never hands a data chunk to a metadata page.
 *
 * Three bits a block: used, freeing (used by the last checkpoint, not by the next), fresh
 * (allocated since the last checkpoint).
 *
 * Invariants
 * - No block of the last durable checkpoint is written: only fresh ones are, and a freeing one is
 *   not allocated (design 5).
 * - META_FREE counts blocks that are neither used nor freeing in slabs that exist.
 * - A slab has been written before it is added, so its device has room for all of its blocks.
 */
import * as m from "./memory";
import { forget, isWriting } from "./cache";
import { tableAt, tableMake } from "./table";
import { OP_SLAB, SUPER_SLABS, SUPER_META, SUPER_CHUNK_SHIFT } from "./layout";
import { CHECKPOINT, FAULT, FILL, NO_SPACE } from "./status";
import { assertThat, DAMAGED } from "./assert";
import { isSlabNumber } from "./bounds";
import { spaceClear, spaceFindSlab, spaceNeed, spaceTake } from "./space";
import { journalAppend } from "./journal";
import { allStreamBlocks } from "./stream";

/** Blocks that only a checkpoint and the space map may use. */
export const META_SPARE: u32 = 24;

// @ts-ignore: decorator
@inline
function word(directory: usize, block: u32): u32 {
  return tableAt(directory, block >>> 6, 3);
}

// @ts-ignore: decorator
@inline
function bit(directory: usize, block: u32): bool {
  const at = word(directory, block);
  return at != 0 && ((load<u64>(at) >>> (block & 63)) & 1) != 0;
}

function setBit(directory: usize, block: u32, on: bool): void {
  const at = word(directory, block);
  const mask: u64 = (<u64>1) << (block & 63);
  store<u64>(at, on ? load<u64>(at) | mask : load<u64>(at) & ~mask);
}

/** Byte of the store where a block lies. */
export function blockOffset(block: u32): u64 {
  const shift = load<u32>(m.SLAB_SHIFT);
  const base = load<u64>(tableAt(m.SLABS, block >>> shift, 3)) >>> 16;
  return (base + (block & ((1 << shift) - 1))) << m.PAGE_SHIFT;
}

/** Whether a number read from disk names a block that is there and in use. */
export function isBlock(block: u32): bool {
  return block < load<u32>(m.META_BLOCKS) && bit(m.META_USED, block) && slabBlocks(block, 1) == 1;
}

/** How many of the blocks from `first` on, all of one slab, are there: at most `most`. */
export function slabBlocks(first: u32, most: u32): u32 {
  const shift = load<u32>(m.SLAB_SHIFT);
  const count = slabCount(first >>> shift);
  const index = first & ((1 << shift) - 1);
  return count <= index ? 0 : min<u32>(most, count - index);
}

/** A block number; the caller has seen to it that one is free (`ensureBlocks`). */
export function allocBlock(): u32 {
  assertThat(load<u32>(m.META_FREE) > 0, 102);
  const words = (load<u32>(m.META_BLOCKS) + 63) >>> 6;
  let w = load<u32>(m.META_CURSOR) >>> 6;
  for (let left = words + 1; left > 0; left--) {
    if (w >= words) w = 0;
    const at = tableAt(m.META_USED, w, 3);
    const used = load<u64>(at);
    if (~used != 0) {
      const block = (w << 6) + <u32>ctz(~used);
      store<u64>(at, used | (~used & (0 - ~used)));
      setBit(m.META_FRESH, block, true);
      store<u32>(m.META_CURSOR, block);
      store<u32>(m.META_FREE, load<u32>(m.META_FREE) - 1);
      addMeta(1);
      return block;
    }
    w++;
  }
  assertThat(false, 103);
  return 0;
}

function addMeta(count: i32): void {
  store<u32>(m.SUPER + SUPER_META, load<u32>(m.SUPER + SUPER_META) + count);
}

/**
 * Gives a block back: at once where the last checkpoint does not know it and no transfer of a page
 * is under way that could bring it back, else when the next checkpoint is durable.
 */
export function freeBlock(block: u32): void {
  assertThat(bit(m.META_USED, block) && !bit(m.META_FREEING, block), DAMAGED + 4);
  addMeta(-1);
  if (bit(m.META_FRESH, block) && load<u32>(m.LOADS) == 0 && !isWriting(block)) {
    setBit(m.META_FRESH, block, false);
    setBit(m.META_USED, block, false);
    store<u32>(m.META_FREE, load<u32>(m.META_FREE) + 1);
  } else {
    setBit(m.META_FREEING, block, true);
    store<u32>(m.META_PENDING, load<u32>(m.META_PENDING) + 1);
  }
  forget(block);
}

/** Words for the blocks from `first` to `end`, all of them used; needs up to three spare slots. */
function growBitmaps(first: u32, end: u32): void {
  for (let w = (first + 63) >>> 6; w < (end + 63) >>> 6; w++) {
    store<u64>(tableMake(m.META_USED, w, 3), <u64>-1);
    store<u64>(tableMake(m.META_FREEING, w, 3), 0);
    store<u64>(tableMake(m.META_FRESH, w, 3), 0);
  }
}

/**
 * Adds slab `index` of `count` blocks at device block `base`; numbers of absent slabs and blocks
 * count as used.
 */
export function addSlab(index: u32, base: u64, count: u32): void {
  const shift = load<u32>(m.SLAB_SHIFT);
  while (load<u32>(m.SUPER + SUPER_SLABS) <= index) {
    const slab = load<u32>(m.SUPER + SUPER_SLABS);
    growBitmaps(slab << shift, (slab + 1) << shift);
    store<u64>(tableMake(m.SLABS, slab, 3), 0);
    store<u32>(m.SUPER + SUPER_SLABS, slab + 1);
    store<u32>(m.META_BLOCKS, (slab + 1) << shift);
  }
  store<u64>(tableAt(m.SLABS, index, 3), (base << 16) | count);
  for (let i: u32 = 0; i < count; i++) setBit(m.META_USED, (index << shift) + i, false);
  store<u32>(m.META_FREE, load<u32>(m.META_FREE) + count);
}

/** First device block of a slab. */
export function slabBase(index: u32): f64 {
  return <f64>(load<u64>(tableAt(m.SLABS, index, 3)) >>> 16);
}

/** Blocks of a slab, 0 where there is none of that number. */
export function slabCount(index: u32): u32 {
  return <u32>(load<u64>(tableAt(m.SLABS, index, 3)) & 0xffff);
}

function freeSlabNumber(): u32 {
  const slabs = load<u32>(m.SUPER + SUPER_SLABS);
  for (let i: u32 = 0; i < slabs; i++) if (load<u64>(tableAt(m.SLABS, i, 3)) == 0) return i;
  return slabs;
}

/** Blocks of the reserve (I9): two slabs of them. */
export function reserveBlocks(): u32 {
  return 2 << load<u32>(m.SLAB_SHIFT);
}

/**
 * 0 with at least `count` blocks free beside the spare ones, those that the next checkpoint's
 * streams take and the `kept` ones of the reserve. Else a status: FAULT for the space map, FILL for
 * a new slab, CHECKPOINT where that would free some, NO_SPACE.
 */
export function ensureBlocks(count: u32, kept: u32): i32 {
  // Replay does with less, so that it lives on the slabs that its records name.
  const beside = kept + META_SPARE + allStreamBlocks();
  const wanted = count + (load<u32>(m.REPLAYING) ? 0 : beside);
  while (load<u32>(m.META_FREE) < wanted) {
    let found = NO_SPACE;
    if (isSlabNumber(freeSlabNumber())) {
      found = load<u32>(m.REPLAYING) ? spaceFindSlab() : filledSlab();
    }
    if (found == NO_SPACE) return load<u32>(m.META_PENDING) > 0 ? CHECKPOINT : NO_SPACE;
    if (found < 0) return found;
    const place = load<u64>(m.SPACE_RUN);
    const chunks = load<u32>(m.SPACE_RUN_LENGTH);
    const shift = load<u32>(m.SUPER + SUPER_CHUNK_SHIFT) - m.PAGE_SHIFT;
    const index = freeSlabNumber();
    spaceTake(place, chunks);
    addSlab(index, place << shift, chunks << shift);
    journalAppend(OP_SLAB, 0, chunks << shift, index, 0, place);
  }
  return 0;
}

/**
 * A run for a slab that zeros have been written over: SPACE_RUN, SPACE_RUN_LENGTH. 0, or FAULT,
 * FILL or NO_SPACE.
 */
function filledSlab(): i32 {
  if (load<u32>(m.FILL_COUNT) == 0) {
    const found = spaceFindSlab();
    if (found < 0) return found;
    store<u64>(m.FILL_PLACE, load<u64>(m.SPACE_RUN));
    store<u32>(m.FILL_COUNT, load<u32>(m.SPACE_RUN_LENGTH));
  }
  const place = load<u64>(m.FILL_PLACE);
  const count = load<u32>(m.FILL_COUNT);
  if (load<u32>(m.FILL_DONE) == 0) {
    const shift = load<u32>(m.SUPER + SUPER_CHUNK_SHIFT);
    store<f64>(m.IO_OFFSET, <f64>(place << shift));
    store<u32>(m.IO_LENGTH, count << shift);
    return FILL;
  }
  if (spaceNeed(place) < 0 || spaceNeed(place + count - 1) < 0) return FAULT;
  store<u64>(m.SPACE_RUN, place);
  store<u32>(m.SPACE_RUN_LENGTH, count);
  store<u32>(m.FILL_COUNT, 0);
  store<u32>(m.FILL_DONE, 0);
  return 0;
}

/** What FILL asked for is done. */
export function slabFilled(): void {
  store<u32>(m.FILL_DONE, 1);
}

/** What FILL asked for failed: another slab will do. */
export function slabDropped(): void {
  store<u32>(m.FILL_COUNT, 0);
}

/**
 * Gives slabs that the next checkpoint does not use at all back to the space map, as long as `keep`
 * blocks stay free. Part of a checkpoint; the slab's pages of the space map are resident. Answers
 * 0, or FAULT.
 */
export function trimSlabs(keep: u32): i32 {
  const shift = load<u32>(m.SLAB_SHIFT);
  const chunkShift = load<u32>(m.SUPER + SUPER_CHUNK_SHIFT) - m.PAGE_SHIFT;
  for (let i = load<u32>(m.SUPER + SUPER_SLABS) - 1; i > 0; i--) {
    const slab = load<u64>(tableAt(m.SLABS, i, 3));
    const count = <u32>(slab & 0xffff);
    if (slab == 0 || !slabUnused(i << shift, count)) continue;
    if (load<u32>(m.META_FREE) + load<u32>(m.META_PENDING) < keep + count + META_SPARE) break;
    // Those that are freeing are free only after this checkpoint, whose streams come first.
    if (load<u32>(m.META_FREE) < keep + count) break;
    const place = (slab >>> 16) >>> chunkShift;
    if (spaceNeed(place) < 0) return FAULT;
    for (let b = i << shift; b < (i << shift) + count; b++) dropBlock(b);
    store<u64>(tableAt(m.SLABS, i, 3), 0);
    spaceClear(place, count >>> chunkShift);
  }
  return 0;
}

function slabUnused(first: u32, count: u32): bool {
  for (let b = first; b < first + count; b++) {
    if (bit(m.META_USED, b) && !bit(m.META_FREEING, b)) return false;
  }
  return true;
}

function dropBlock(block: u32): void {
  if (bit(m.META_FREEING, block)) {
    setBit(m.META_FREEING, block, false);
    store<u32>(m.META_PENDING, load<u32>(m.META_PENDING) - 1);
  } else {
    setBit(m.META_USED, block, true);
    store<u32>(m.META_FREE, load<u32>(m.META_FREE) - 1);
  }
}

/** As OP_SLAB says: replay. The space map's page is resident. */
export function replaySlab(index: u32, place: u64, blocks: u32): void {
  const shift = load<u32>(m.SUPER + SUPER_CHUNK_SHIFT) - m.PAGE_SHIFT;
  spaceTake(place, blocks >>> shift);
  const taken =
    index < load<u32>(m.SUPER + SUPER_SLABS) && load<u64>(tableAt(m.SLABS, index, 3)) != 0;
  addSlab(taken ? freeSlabNumber() : index, place << shift, blocks);
}

/** The checkpoint is durable: what it no longer uses is free, nothing is fresh. */
export function metaSettle(): void {
  const words = (load<u32>(m.META_BLOCKS) + 63) >>> 6;
  for (let w: u32 = 0; w < words; w++) {
    const freeing = tableAt(m.META_FREEING, w, 3);
    const used = tableAt(m.META_USED, w, 3);
    const count = <u32>popcnt(load<u64>(freeing));
    store<u64>(used, load<u64>(used) & ~load<u64>(freeing));
    store<u64>(freeing, 0);
    store<u64>(tableAt(m.META_FRESH, w, 3), 0);
    store<u32>(m.META_FREE, load<u32>(m.META_FREE) + count);
  }
  store<u32>(m.META_PENDING, 0);
}

/** Bits of 64 blocks as the next checkpoint shall know them. */
export function metaWord(w: u32): u64 {
  return load<u64>(tableAt(m.META_USED, w, 3)) & ~load<u64>(tableAt(m.META_FREEING, w, 3));
}

/** The next fresh block at or after `block`, or META_BLOCKS. */
export function nextFresh(block: u32): u32 {
  const end = load<u32>(m.META_BLOCKS);
  while (block < end) {
    const bits = load<u64>(tableAt(m.META_FRESH, block >>> 6, 3)) >>> (block & 63);
    if (bits != 0) return block + <u32>ctz(bits);
    block = (block | 63) + 1;
  }
  return end;
}
