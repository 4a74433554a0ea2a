/**
 * The space map: which chunks of the store are in use. One bit a chunk in metadata blocks of 32,256
 * chunks (a group); a group that is wholly free or wholly used has no block. The index of groups is
 * in memory: block u32, free chunks u32.
 *
 * Invariants
 * - I6: a freed place is held until the record that frees it is durable; only then is its bit
 *   cleared.
 * - I9 is kept by blocks in reserve (`meta.ensureBlocks`), not by chunks: data may take them all.
 * - SUPER_USED is the number of bits set; no bit at or above SUPER_TOP is set.
 */
import * as m from "./memory";
import {
  BLOCK_GENERATION,
  BLOCK_HEADER,
  BLOCK_TYPE,
  GROUP_CHUNKS,
  SUPER_CHUNK_SHIFT,
  SUPER_DATA,
  SUPER_GROUPS,
  SUPER_TOP,
  SUPER_USED,
  TYPE_SPACE,
} from "./layout";
import { FAULT, NO_SPACE } from "./status";
import { find, markDirty, need, newPage, renumber } from "./cache";
import { allocBlock, freeBlock } from "./meta";
import { hasSums, sumDrop } from "./sums";
import { tableAt, tableMake } from "./table";
import { assertThat, DAMAGED } from "./assert";
import { fixedChunks } from "./bounds";

// @ts-ignore: decorator
@inline
function group(index: u32): u32 {
  return tableAt(m.GROUPS, index, 3);
}

export function groupBlock(index: u32): u32 {
  return load<u32>(group(index));
}

export function groupFree(index: u32): u32 {
  return load<u32>(group(index) + 4);
}

/** Makes groups up to the one of `chunk`, all free. Needs a spare slot for every 512 of them. */
export function growGroups(chunk: u64): void {
  const index = <u32>(chunk / GROUP_CHUNKS);
  let count = load<u32>(m.SUPER + SUPER_GROUPS);
  while (count <= index) {
    store<u64>(tableMake(m.GROUPS, count, 3), (<u64>GROUP_CHUNKS) << 32);
    count++;
    store<u32>(m.SUPER + SUPER_GROUPS, count);
  }
}

/** 0 with the space map's page for `place` resident (or not needed), else FAULT. */
export function spaceNeed(place: u64): i32 {
  const index = <u32>(place / GROUP_CHUNKS);
  if (index >= load<u32>(m.SUPER + SUPER_GROUPS)) return 0;
  const block = load<u32>(group(index));
  return block == 0 || need(block) != 0 ? 0 : FAULT;
}

/** The writable page of a group, made or moved to a fresh block as needed. */
function writable(entry: u32): u32 {
  const block = load<u32>(entry);
  if (block == 0) {
    const fresh = allocBlock();
    const page = newPage(fresh);
    store<u32>(page + BLOCK_TYPE, TYPE_SPACE);
    store<u64>(page + BLOCK_GENERATION, load<u64>(m.GENERATION));
    if (load<u32>(entry + 4) == 0) memory.fill(page + BLOCK_HEADER, 255, m.PAGE - BLOCK_HEADER);
    store<u32>(entry, fresh);
    return page;
  }
  const page = find(block);
  assertThat(page != 0, 110);
  assertThat(load<u32>(page + BLOCK_TYPE) == TYPE_SPACE, DAMAGED + 10);
  if (load<u64>(page + BLOCK_GENERATION) != load<u64>(m.GENERATION)) {
    const fresh = allocBlock();
    renumber(page, fresh);
    freeBlock(block);
    store<u64>(page + BLOCK_GENERATION, load<u64>(m.GENERATION));
    store<u32>(entry, fresh);
  }
  markDirty(page);
  return page;
}

/** Sets or clears `count` bits, all of which are the other way; within one group. */
function change(place: u64, count: u32, used: bool): void {
  const index = <u32>(place / GROUP_CHUNKS);
  assertThat(index < load<u32>(m.SUPER + SUPER_GROUPS), DAMAGED + 11);
  const entry = group(index);
  const free = load<u32>(entry + 4);
  assertThat(used ? count <= free : count <= GROUP_CHUNKS - free, DAMAGED + 12);
  const left = used ? free - count : free + count;
  const page = writable(entry);
  const first = <u32>(place % GROUP_CHUNKS);
  for (let at = first; at < first + count; ) {
    const word = page + BLOCK_HEADER + ((at >>> 6) << 3);
    const n = min<u32>(64 - (at & 63), first + count - at);
    const mask: u64 = (n == 64 ? <u64>-1 : ((<u64>1) << n) - 1) << (at & 63);
    const bits = load<u64>(word);
    assertThat((bits & mask) == (used ? 0 : mask), DAMAGED + 6);
    store<u64>(word, bits ^ mask);
    at += n;
  }
  store<u32>(entry + 4, left);
  if (left == 0 || left == GROUP_CHUNKS) {
    freeBlock(load<u32>(entry));
    store<u32>(entry, 0);
  }
}

/** Marks a run of places used. Their pages are resident, spare blocks and slots are there. */
export function spaceTake(place: u64, count: u32): void {
  growGroups(place + count - 1);
  while (count > 0) {
    const n = min<u32>(count, GROUP_CHUNKS - <u32>(place % GROUP_CHUNKS));
    change(place, n, true);
    place += n;
    count -= n;
    store<u64>(m.SUPER + SUPER_USED, load<u64>(m.SUPER + SUPER_USED) + n);
  }
  if (place > load<u64>(m.SUPER + SUPER_TOP)) store<u64>(m.SUPER + SUPER_TOP, place);
}

/**
 * Makes the page of a place's group writable: clearing its bits needs no block then. 0, or FAULT.
 */
export function spaceTouch(place: u64): i32 {
  if (spaceNeed(place) < 0) return FAULT;
  const index = <u32>(place / GROUP_CHUNKS);
  assertThat(index < load<u32>(m.SUPER + SUPER_GROUPS), DAMAGED + 11);
  writable(group(index));
  return 0;
}

/** Marks a run of places free. As `spaceTake`. */
export function spaceClear(place: u64, count: u32): void {
  while (count > 0) {
    const n = min<u32>(count, GROUP_CHUNKS - <u32>(place % GROUP_CHUNKS));
    change(place, n, false);
    place += n;
    count -= n;
    store<u64>(m.SUPER + SUPER_USED, load<u64>(m.SUPER + SUPER_USED) - n);
  }
}

/** Whether a place is in use; its page is resident. */
export function spaceIsUsed(place: u64): bool {
  return !spaceAllFree(place, 1);
}

/** Whether places of one group are all free; its page is resident. */
export function spaceAllFree(place: u64, count: u32): bool {
  const index = <u32>(place / GROUP_CHUNKS);
  if (index >= load<u32>(m.SUPER + SUPER_GROUPS)) return true;
  const block = groupBlock(index);
  if (block == 0) return groupFree(index) != 0;
  const page = find(block);
  assertThat(page != 0, 114);
  const first = <u32>(place % GROUP_CHUNKS);
  return firstUsed(page, first, first + count) == first + count;
}

/** First free bit at or after `at` in a page, or GROUP_CHUNKS. */
function firstFree(page: u32, at: u32): u32 {
  while (at < GROUP_CHUNKS) {
    const bits = ~load<u64>(page + BLOCK_HEADER + ((at >>> 6) << 3)) >>> (at & 63);
    if (bits != 0) return at + <u32>ctz(bits);
    at = (at | 63) + 1;
  }
  return GROUP_CHUNKS;
}

/** First used bit at or after `at`, or `end`. */
function firstUsed(page: u32, at: u32, end: u32): u32 {
  while (at < end) {
    const bits = load<u64>(page + BLOCK_HEADER + ((at >>> 6) << 3)) >>> (at & 63);
    if (bits != 0) return min<u32>(end, at + <u32>ctz(bits));
    at = (at | 63) + 1;
  }
  return end;
}

/**
 * Finds a run of at least `least` and at most `most` free chunks from `at` to the end of its group:
 * SPACE_RUN and SPACE_RUN_LENGTH (0: none). 0, or FAULT.
 */
function findInGroup(at: u64, most: u32, least: u32): i32 {
  const index = <u32>(at / GROUP_CHUNKS);
  const base = <u64>index * GROUP_CHUNKS;
  const end = <u32>min<u64>(GROUP_CHUNKS, load<u64>(m.SPACE_CEILING) - base);
  let bit = <u32>(at - base);
  store<u32>(m.SPACE_RUN_LENGTH, 0);
  let page: u32 = 0;
  if (index < load<u32>(m.SUPER + SUPER_GROUPS)) {
    const entry = group(index);
    if (load<u32>(entry + 4) == 0) return 0;
    if (load<u32>(entry) != 0) {
      page = need(load<u32>(entry));
      if (page == 0) return FAULT;
      assertThat(load<u32>(page + BLOCK_TYPE) == TYPE_SPACE, DAMAGED + 10);
    }
  }
  while (bit < end) {
    if (page != 0) bit = firstFree(page, bit);
    if (bit >= end) return 0;
    const stop = min<u32>(end, bit + most);
    let used = page != 0 ? firstUsed(page, bit, stop) : stop;
    if (load<u32>(m.FILL_COUNT) != 0) {
      used = beforeFill(base, bit, used);
      if (used == bit) {
        bit = <u32>(load<u64>(m.FILL_PLACE) + load<u32>(m.FILL_COUNT) - base);
        continue;
      }
    }
    if (used - bit >= least) {
      store<u64>(m.SPACE_RUN, base + bit);
      store<u32>(m.SPACE_RUN_LENGTH, used - bit);
      return 0;
    }
    bit = used;
  }
  return 0;
}

/** The end of the free run [bit, end) of a group, cut where the run begins that is being filled. */
function beforeFill(base: u64, bit: u32, end: u32): u32 {
  const place = load<u64>(m.FILL_PLACE);
  if (place + load<u32>(m.FILL_COUNT) <= base + bit || place >= base + end) return end;
  return place <= base + bit ? bit : <u32>(place - base);
}

/**
 * Next-fit: goes on from `at`; at the top of the store it starts again from the bottom where at
 * least a sixteenth below the top is free, and makes the store longer otherwise. So long runs stay
 * long, and the store is at most that much longer than it must be. Replay never starts again: a
 * place below that is free now may be named by a record still to come.
 */
function findRun(at: u64, most: u32, least: u32): i32 {
  const limit = load<u64>(m.SPACE_CEILING);
  const top = load<u64>(m.SUPER + SUPER_TOP);
  const below = top - load<u64>(m.SUPER + SUPER_USED);
  let wrapped = load<u32>(m.REPLAYING) != 0;
  while (true) {
    if (at >= min(top, limit) && !wrapped && below > 0 && (below * 16 >= top || top >= limit)) {
      wrapped = true;
      at = 0;
    }
    // Whatever the map says, superblocks and journal are not given out.
    at = max<u64>(at, fixedChunks());
    if (at >= limit) return NO_SPACE;
    const status = findInGroup(at, most, least);
    if (status < 0) return status;
    if (load<u32>(m.SPACE_RUN_LENGTH) > 0) return 0;
    at = (at / GROUP_CHUNKS + 1) * GROUP_CHUNKS;
  }
}

/**
 * A run for a slab of metadata blocks: whole if there is one, else any. Replay goes past all that
 * its records name.
 */
export function spaceFindSlab(): i32 {
  const shift = load<u32>(m.SUPER + SUPER_CHUNK_SHIFT) - m.PAGE_SHIFT;
  const size: u32 = (1 << load<u32>(m.SLAB_SHIFT)) >>> shift;
  if (load<u32>(m.REPLAYING)) {
    const floor = max<u64>(load<u64>(m.SPACE_FLOOR), load<u64>(m.SUPER + SUPER_TOP));
    // A store that is built anew: the host gives it slabs.
    if (floor >= m.NOWHERE) return NO_SPACE;
    return findRun(floor, size, 1);
  }
  const status = findRun(load<u64>(m.SPACE_CURSOR), size, size);
  return status == NO_SPACE ? findRun(0, size, 1) : status;
}

/**
 * Finds up to `most` adjacent places for data: SPACE_RUN, SPACE_RUN_LENGTH. 0, or FAULT or
 * NO_SPACE. Nothing is marked yet.
 */
export function spaceFind(most: u32): i32 {
  return findRun(load<u64>(m.SPACE_CURSOR), min<u32>(most, GROUP_CHUNKS), 1);
}

/**
 * The device has no room for `place`, and `size` bytes now: places are given out below only, until
 * `spaceRetry`.
 */
export function spaceRefused(place: f64, size: f64): void {
  const chunks = <u64>size >>> load<u32>(m.SUPER + SUPER_CHUNK_SHIFT);
  const ceiling = <u64>place < chunks ? <u64>place : chunks;
  if (ceiling < load<u64>(m.SPACE_CEILING)) store<u64>(m.SPACE_CEILING, ceiling);
}

/** The device may have room again. Answers whether it had none. */
export function spaceRetry(): bool {
  const limit = load<u64>(m.SPACE_LIMIT);
  const refused = load<u64>(m.SPACE_CEILING) < limit;
  store<u64>(m.SPACE_CEILING, limit);
  return refused;
}

/** Takes the run that `spaceFind` found. */
export function spaceTakeFound(): void {
  const place = load<u64>(m.SPACE_RUN);
  const count = load<u32>(m.SPACE_RUN_LENGTH);
  spaceTake(place, count);
  store<u64>(m.SPACE_CURSOR, place + count);
  store<u64>(m.SUPER + SUPER_DATA, load<u64>(m.SUPER + SUPER_DATA) + count);
}

/** Room in the open list of held places for `count` more. */
export function heldRoom(count: u32): bool {
  const open = load<u32>(m.HELD_OPEN);
  return load<u32>(m.HELD_COUNT + (open << 2)) + count <= m.HELD_MAX;
}

/** Frees places of data: they stay marked until the open record is durable (I6). */
export function spaceHold(place: u64, count: u32): void {
  const open = load<u32>(m.HELD_OPEN);
  const n = load<u32>(m.HELD_COUNT + (open << 2));
  const list = m.HELD + open * (m.HELD_MAX * 16);
  store<u64>(m.SUPER + SUPER_DATA, load<u64>(m.SUPER + SUPER_DATA) - count);
  store<u64>(m.HELD_CHUNKS, load<u64>(m.HELD_CHUNKS) + count);
  if (n > 0) {
    const last = list + ((n - 1) << 4);
    if (load<u64>(last) + load<u32>(last, 8) == place) {
      store<u32>(last, load<u32>(last, 8) + count, 8);
      return;
    }
  }
  assertThat(n < m.HELD_MAX, 111);
  store<u64>(list + (n << 4), place);
  store<u32>(list + (n << 4), count, 8);
  store<u32>(m.HELD_COUNT + (open << 2), n + 1);
}

/** Whether the sealed list is empty. */
export function heldReleased(): bool {
  return load<u32>(m.HELD_COUNT + ((load<u32>(m.HELD_OPEN) ^ 1) << 2)) == 0;
}

/** The open list becomes the sealed one, which must be empty. */
export function heldSeal(): void {
  assertThat(heldReleased(), 112);
  store<u32>(m.HELD_OPEN, load<u32>(m.HELD_OPEN) ^ 1);
}

/**
 * Clears the first held run of list `which` in part or whole: 1 more to do, 0 done, FAULT. Blocks
 * and slots are there.
 */
export function heldRelease(which: u32): i32 {
  const n = load<u32>(m.HELD_COUNT + (which << 2));
  if (n == 0) return 0;
  const last = m.HELD + which * (m.HELD_MAX * 16) + ((n - 1) << 4);
  const place = load<u64>(last);
  const all = load<u32>(last, 8);
  const count = min<u32>(all, GROUP_CHUNKS - <u32>(place % GROUP_CHUNKS));
  if (spaceNeed(place) < 0) return FAULT;
  spaceClear(place, count);
  if (hasSums()) sumDrop(place, count);
  store<u64>(m.HELD_CHUNKS, load<u64>(m.HELD_CHUNKS) - count);
  if (count == all) {
    store<u32>(m.HELD_COUNT + (which << 2), n - 1);
  } else {
    store<u64>(last, place + count);
    store<u32>(last, all - count, 8);
  }
  return 1;
}
