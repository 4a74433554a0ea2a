/**
 * The sum map: checksums of chunks that a view has left to snapshots. A u32 a place, in metadata
 * blocks of 1,008 places (a group); a group without sums has no block. The index of groups is in
 * memory: block u32, sums u32.
 *
 * Invariants
 * - A place with a sum is not overwritten in place (`lookup` answers SHARED), whoever sees it; so a
 *   sum holds as long as its place is used.
 * - A place that is given out has none. That of a free place says nothing: freeing takes no block
 *   (I9).
 */
import * as m from "./memory";
import * as l from "./layout";
import { FAULT } from "./status";
import { assertThat, DAMAGED } from "./assert";
import { crc32c } from "./crc32c";
import { find, markDirty, need, newPage, renumber } from "./cache";
import { allocBlock, freeBlock, isBlock } from "./meta";
import { LEAVE_ALL, prepare } from "./prepare";
import { journalSums } from "./journal";
import { spaceAllFree, spaceIsUsed, spaceNeed } from "./space";
import { tableAt, tableMake } from "./table";

/** What the index can name; places behind have no sums. */
const GROUPS_MAX: u32 = m.SUM_PAGES * 512;
/** Pages that are changed at once. */
const PAGES_MAX: u32 = 8;
/** Places that one answer tells of. */
const RUN_MAX: u32 = 1 << 20;

export function hasSums(): bool {
  return (load<u32>(m.SUPER + l.SUPER_READ_COMPATIBLE) & l.FEATURE_SUMS) != 0;
}

/** The word of a place's group in the index; 0 where no place of it has a sum. */
function wordOf(place: u64): u32 {
  const index = place / l.SUM_PLACES;
  if (index >= load<u32>(m.SUPER + l.SUPER_SUM_GROUPS)) return 0;
  const word = tableAt(m.SUMS, <u32>index, 3);
  return word != 0 && load<u32>(word) != 0 ? word : 0;
}

/** Block of a group, 0 for none. */
export function groupBlock(index: u32): u32 {
  const word = wordOf(<u64>index * l.SUM_PLACES);
  return word == 0 ? 0 : load<u32>(word);
}

/** A page with sums, found good by its crc but perhaps not this group's. */
function checked(page: u32): u32 {
  assertThat(page == 0 || load<u32>(page, l.BLOCK_TYPE) == l.TYPE_SUMS, DAMAGED);
  return page;
}

/** Address of the sum of a place in its page. */
// @ts-ignore: decorator
@inline
function sumIn(page: u32, place: u64): u32 {
  return page + l.BLOCK_HEADER + ((<u32>(place % l.SUM_PLACES)) << 2);
}

function groupEnd(place: u64): u64 {
  return (place / l.SUM_PLACES + 1) * l.SUM_PLACES;
}

/** 0 with the pages resident that have sums of up to 1,008 places, else FAULT. */
export function sumNeed(place: u64, count: u32): i32 {
  const first = wordOf(place);
  const last = wordOf(place + count - 1);
  if (first != 0 && need(load<u32>(first)) == 0) return FAULT;
  return last != 0 && need(load<u32>(last)) == 0 ? FAULT : 0;
}

/** The sum of a place, 0 for none; its page is resident. */
function sumOf(place: u64): u32 {
  const word = wordOf(place);
  return word == 0 ? 0 : load<u32>(sumIn(checked(find(load<u32>(word))), place));
}

/**
 * How many places from `place` on are alike, not perhaps all: twice their number, and 1 where they
 * have sums. Or FAULT.
 */
export function sumRun(place: u64, count: u32): i32 {
  const end = place + min<u32>(count, RUN_MAX);
  let at = place;
  while (at < end && wordOf(at) == 0) at = groupEnd(at);
  if (at > place) return (<i32>(min<u64>(at, end) - place)) << 1;
  const page = checked(need(load<u32>(wordOf(place))));
  if (page == 0) return FAULT;
  const stop = min<u64>(end, groupEnd(place));
  const has = load<u32>(sumIn(page, place)) != 0;
  while (at < stop && (load<u32>(sumIn(page, at)) != 0) == has) at++;
  return ((<i32>(at - place)) << 1) | (has ? 1 : 0);
}

/** Crc of a chunk at an address, as it is kept. */
function sumAt(address: usize): u32 {
  const crc = crc32c(address, 1 << load<u32>(m.SUPER + l.SUPER_CHUNK_SHIFT), 0);
  return crc == 0 ? 1 : crc;
}

/**
 * Compares chunks at `address` with the sums of up to 64 places; a place without one is good.
 * Answers how many are good before the first that is not, or FAULT.
 */
export function sumVerify(place: u64, count: u32, address: usize): i32 {
  if (sumNeed(place, count) < 0) return FAULT;
  const shift = load<u32>(m.SUPER + l.SUPER_CHUNK_SHIFT);
  for (let i: u32 = 0; i < count; i++) {
    const sum = sumOf(place + i);
    if (sum != 0 && sum != sumAt(address + (i << shift))) return i;
  }
  return count;
}

/**
 * The chunks at `address` become the sums of up to 64 places that have none. `count`, or a status
 * with nothing changed.
 */
export function sumStep(place: u64, count: u32, address: usize): i32 {
  const ready = prepare(0, LEAVE_ALL);
  if (ready < 0) return ready;
  if (sumNeed(place, count) < 0) return FAULT;
  sumChunks(place, count, address);
  return count;
}

/** Sets and journals sums. Pages are resident, blocks and slots are there. */
export function sumChunks(place: u64, count: u32, address: usize): void {
  const shift = load<u32>(m.SUPER + l.SUPER_CHUNK_SHIFT);
  let any = false;
  for (let i: u32 = 0; i < count; i++) {
    const isNew = sumOf(place + i) == 0;
    store<u32>(m.SUM_LIST + (i << 2), isNew ? sumAt(address + (i << shift)) : 0);
    any = any || isNew;
  }
  if (!any || (place + count - 1) / l.SUM_PLACES >= GROUPS_MAX) return;
  setSums(place, count);
  journalSums(place, count, m.SUM_LIST);
}

/** Sums at SUM_LIST become those of the places; 0: as before. */
function setSums(place: u64, count: u32): void {
  let page: u32 = 0;
  let word: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const at = place + i;
    if (i == 0 || at % l.SUM_PLACES == 0) page = 0;
    const sum = load<u32>(m.SUM_LIST + (i << 2));
    if (sum == 0) continue;
    if (page == 0) {
      word = makeWord(<u32>(at / l.SUM_PLACES));
      page = writable(word);
    }
    if (load<u32>(sumIn(page, at)) == 0) {
      assertThat(load<u32>(word, 4) < l.SUM_PLACES, DAMAGED + 14);
      store<u32>(word, load<u32>(word, 4) + 1, 4);
    }
    store<u32>(sumIn(page, at), sum);
  }
}

/** The word of a group in the index. Takes up to one slot. */
function makeWord(index: u32): u32 {
  const word = tableMake(m.SUMS, index, 3);
  if (index >= load<u32>(m.SUPER + l.SUPER_SUM_GROUPS))
    store<u32>(m.SUPER + l.SUPER_SUM_GROUPS, index + 1);
  return word;
}

/** The writable page of a group, made or moved to a fresh block as needed. */
function writable(word: u32): u32 {
  const block = load<u32>(word);
  store<u32>(m.SUMS_CHANGED, 1);
  if (block != 0) {
    const page = checked(find(block));
    assertThat(page != 0, 113);
    if (load<u64>(page + l.BLOCK_GENERATION) == load<u64>(m.GENERATION)) {
      markDirty(page);
      return page;
    }
    const fresh = allocBlock();
    renumber(page, fresh);
    freeBlock(block);
    store<u64>(page + l.BLOCK_GENERATION, load<u64>(m.GENERATION));
    store<u32>(word, fresh);
    markDirty(page);
    return page;
  }
  const fresh = allocBlock();
  const page = newPage(fresh);
  store<u32>(page + l.BLOCK_TYPE, l.TYPE_SUMS);
  store<u64>(page + l.BLOCK_GENERATION, load<u64>(m.GENERATION));
  store<u32>(word, fresh);
  return page;
}

function dropGroup(word: u32): void {
  freeBlock(load<u32>(word));
  store<u64>(word, 0);
  store<u32>(m.SUMS_CHANGED, 1);
}

/**
 * Takes the sums from free places that are about to be given out. Answers how many from `place` on
 * have none now, or FAULT. Up to eight blocks are there.
 */
export function sumClear(place: u64, count: u32): i32 {
  const end = place + count;
  let pages: u32 = 0;
  for (let at = place; at < end; at = groupEnd(at)) {
    const word = wordOf(at);
    if (word == 0) continue;
    const page = checked(need(load<u32>(word)));
    if (page == 0) return at > place ? <i32>(at - place) : FAULT;
    const stop = min<u64>(end, groupEnd(at));
    const found = countSums(page, at, stop);
    if (found == 0) continue;
    if (pages++ == PAGES_MAX) return <i32>(at - place);
    clearGroup(word, at, stop, found);
  }
  return count;
}

function countSums(page: u32, from: u64, end: u64): u32 {
  let n: u32 = 0;
  for (let at = from; at < end; at++) if (load<u32>(sumIn(page, at)) != 0) n++;
  return n;
}

function clearGroup(word: u32, from: u64, end: u64, count: u32): void {
  assertThat(count <= load<u32>(word, 4), DAMAGED + 13);
  const left = load<u32>(word, 4) - count;
  if (left == 0) {
    dropGroup(word);
    return;
  }
  const page = writable(word);
  store<u32>(word, left, 4);
  memory.fill(sumIn(page, from), 0, (<u32>(end - from)) << 2);
}

/** Places have become free: groups without a place in use lose their block. Takes none. */
export function sumDrop(place: u64, count: u32): void {
  const end = place + count;
  for (let at = place; at < end; at = groupEnd(at)) {
    const word = wordOf(at);
    if (word != 0 && spaceAllFree(groupEnd(at) - l.SUM_PLACES, l.SUM_PLACES)) dropGroup(word);
  }
}

/** Replay: the sums at `sums` are those of the places that are in use. 1, or a status. */
export function sumReplay(place: u64, count: u32, sums: usize): i32 {
  if ((place + count - 1) / l.SUM_PLACES >= GROUPS_MAX) return 1;
  if (spaceNeed(place) < 0 || spaceNeed(place + count - 1) < 0) return FAULT;
  if (sumNeed(place, count) < 0) return FAULT;
  for (let i: u32 = 0; i < count; i++) {
    const sum = spaceIsUsed(place + i) ? load<u32>(sums + (i << 2)) : 0;
    store<u32>(m.SUM_LIST + (i << 2), sum);
  }
  setSums(place, count);
  return 1;
}

/** The next word of the index, read back: whether it can be one. Needs a spare slot. */
export function takeSumGroup(word: u64): bool {
  const index = load<u32>(m.STREAM_INDEX);
  if (index >= load<u32>(m.SUPER + l.SUPER_SUM_GROUPS)) return false;
  store<u32>(m.STREAM_INDEX, index + 1);
  if (word == 0) return true;
  const block = <u32>word;
  const sums = <u32>(word >>> 32);
  if (!isBlock(block) || sums == 0 || sums > l.SUM_PLACES) return false;
  store<u64>(tableMake(m.SUMS, index, 3), word);
  return true;
}
