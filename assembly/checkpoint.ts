/**
 * A checkpoint: the tree, the space map and the streams as they are now, written beside what the
 * last one names, then one superblock. The host calls `checkpointStep` and writes what it answers
 * until it answers 0, flushes, writes `checkpointSeal`, flushes, calls `checkpointFinish`. Nothing
 * else changes the engine meanwhile.
 *
 * Invariants
 * - All operations so far are part of it, in a record or not; the journal goes on empty in the
 *   other area.
 * - Places that are taken but not yet named by an entry (copies in flight) are free in it: a crash
 *   leaks none.
 * - I6 holds: a place freed before it is free in it, and is given out again only after it is
 *   durable.
 */
import * as m from "./memory";
import * as l from "./layout";
import { FAULT } from "./status";
import { crc32c } from "./crc32c";
import { ensureSlots, find, isDirty, markClean, seal, SPARE_SLOTS } from "./cache";
import {
  allocBlock,
  blockOffset,
  ensureBlocks,
  freeBlock,
  metaSettle,
  nextFresh,
  reserveBlocks,
  trimSlabs,
} from "./meta";
import { OPERATION_BLOCKS } from "./prepare";
import { heldRelease, spaceClear, spaceNeed, spaceTake, spaceTouch } from "./space";
import { spaceLower } from "./top";
import { journalRestart } from "./journal";
import { storeViews } from "./timeline";
import { unnamedCount, unnamedPlace } from "./conflict";
import {
  nextWord,
  streamBegin,
  allStreamBlocks,
  streamBlocks,
  streamList,
  streamType,
  streamWords,
  SUMS,
  TABLES,
  VIEWS,
  WORDS,
} from "./stream";

const TOUCH_PHASE: u32 = 0;
const HELD_PHASE: u32 = 1;
const COPIES_PHASE: u32 = 2;
const BLOCKS_PHASE: u32 = 3;
const PAGES_PHASE: u32 = 4;
const VIEWS_PHASE: u32 = 5;
const SUMS_PHASE: u32 = 6;
const TABLES_PHASE: u32 = 7;
const WRITTEN: u32 = 8;
/** Blocks that stay free when slabs are given back at close: the next write needs them. */
export function trimKeep(): u32 {
  return 16 + OPERATION_BLOCKS + reserveBlocks();
}

export function checkpointBegin(trim: bool): void {
  store<u32>(m.CHECKPOINT_PHASE, TOUCH_PHASE);
  store<u32>(m.CHECKPOINT_SCAN, 0);
  store<u32>(m.CHECKPOINT_TRIM, trim ? 1 : 0);
  // Blocks that lie at the store's end come free one after the other.
  if (trim) store<u32>(m.META_CURSOR, 0);
}

function enter(phase: u32): void {
  store<u32>(m.CHECKPOINT_PHASE, phase);
  store<u32>(m.CHECKPOINT_SCAN, 0);
}

/**
 * 1: write IO_LENGTH bytes at IO_ADDRESS to IO_OFFSET and call again; 0: all is written; or a
 * status.
 */
export function checkpointStep(): i32 {
  while (true) {
    const phase = load<u32>(m.CHECKPOINT_PHASE);
    if (phase == WRITTEN) return 0;
    const slots = ensureSlots(SPARE_SLOTS);
    if (slots < 0) return slots;
    let status: i32 = 0;
    if (phase == TOUCH_PHASE) status = touchPages();
    else if (phase == HELD_PHASE) status = releaseHeld();
    else if (phase == COPIES_PHASE) status = moveCopies(false);
    else if (phase == BLOCKS_PHASE) status = takeBlocks();
    else if (phase == PAGES_PHASE) status = writePages();
    else status = writeStream(phase == VIEWS_PHASE ? VIEWS : phase == SUMS_PHASE ? SUMS : TABLES);
    if (status != 0) return status;
  }
}

/**
 * Every block that the checkpoint needs is taken before a place is freed: a slab that is added now
 * must not lie where the last durable state still has data (I6).
 */
function touchPages(): i32 {
  const held = load<u32>(m.HELD_COUNT) + load<u32>(m.HELD_COUNT + 4);
  const all = held + m.PENDING_SLOTS;
  for (let i = load<u32>(m.CHECKPOINT_SCAN); i < all; i++) {
    const status = i < held ? touchHeld(i) : touchCopy(i - held);
    if (status < 0) return status;
    store<u32>(m.CHECKPOINT_SCAN, i + 1);
  }
  const status = blocksFor(0);
  if (status < 0) return status;
  enter(HELD_PHASE);
  return 0;
}

function touchHeld(index: u32): i32 {
  const first = load<u32>(m.HELD_COUNT);
  const at = m.HELD + (index < first ? index << 4 : m.HELD_MAX * 16 + ((index - first) << 4));
  return touchRun(load<u64>(at), load<u32>(at, 8));
}

function touchCopy(slot: u32): i32 {
  const count = unnamedCount(slot);
  return count == 0 ? 0 : touchRun(unnamedPlace(slot), count);
}

function touchRun(place: u64, count: u32): i32 {
  const end = place + count;
  while (place < end) {
    let status = ensureSlots(SPARE_SLOTS);
    if (status == 0) status = blocksFor(8);
    if (status == 0) status = spaceTouch(place);
    if (status < 0) return status;
    place = (place / l.GROUP_CHUNKS + 1) * l.GROUP_CHUNKS;
  }
  return 0;
}

/** `count` blocks beside those of the streams; on a full store the spare ones serve. */
function blocksFor(count: u32): i32 {
  const status = ensureBlocks(count, 0);
  const least = count + allStreamBlocks() + 4;
  return status < 0 && status != FAULT && load<u32>(m.META_FREE) >= least ? 0 : status;
}

function releaseHeld(): i32 {
  for (let which: u32 = 0; which < 2; which++) {
    while (load<u32>(m.HELD_COUNT + (which << 2)) > 0) {
      const slots = ensureSlots(SPARE_SLOTS);
      if (slots < 0) return slots;
      const status = heldRelease(which);
      if (status < 0) return status;
    }
  }
  enter(COPIES_PHASE);
  return 0;
}

/**
 * Marks the places of copies in flight free (for the checkpoint), or used again (after it). 0, or
 * FAULT.
 */
function moveCopies(back: bool): i32 {
  for (let i = load<u32>(m.CHECKPOINT_SCAN); i < m.PENDING_SLOTS; i++) {
    const count = unnamedCount(i);
    if (count > 0) {
      const place = unnamedPlace(i);
      if (spaceNeed(place) < 0 || spaceNeed(place + count - 1) < 0) return FAULT;
      if (back) spaceTake(place, count);
      else spaceClear(place, count);
      const data = load<u64>(m.SUPER + l.SUPER_DATA);
      store<u64>(m.SUPER + l.SUPER_DATA, back ? data + count : data - count);
    }
    store<u32>(m.CHECKPOINT_SCAN, i + 1);
  }
  if (!back) enter(BLOCKS_PHASE);
  return 0;
}

/** Blocks for the streams; those of the last checkpoint's are free after this one. */
function takeBlocks(): i32 {
  if (load<u32>(m.CHECKPOINT_TRIM)) {
    const status = trimSlabs(trimKeep() + allStreamBlocks());
    if (status < 0) return status;
  }
  if (load<u32>(m.VIEWS_CHANGED)) takeStream(VIEWS);
  if (load<u32>(m.SUMS_CHANGED)) takeStream(SUMS);
  takeStream(TABLES);
  journalRestart();
  enter(PAGES_PHASE);
  return 0;
}

function takeStream(kind: u32): void {
  const list = streamList(kind);
  const counts = m.STREAM_COUNT + (kind << 2);
  const old = load<u32>(counts);
  for (let i: u32 = 0; i < old; i++) freeBlock(load<u32>(list + (i << 2)));
  const n = streamBlocks(kind);
  for (let i: u32 = 0; i < n; i++) store<u32>(list + (i << 2), allocBlock());
  store<u32>(counts, n);
}

/** Gathers dirty pages that lie one behind the other into the transfer buffer. */
function writePages(): i32 {
  const buffer = load<u32>(m.TRANSFER);
  const room = load<u32>(m.TRANSFER_SIZE);
  const end = load<u32>(m.META_BLOCKS);
  let length: u32 = 0;
  let block = nextFresh(load<u32>(m.CHECKPOINT_SCAN));
  for (; block < end && length < room; block = nextFresh(block + 1)) {
    const page = find(block);
    if (page == 0 || !isDirty(page)) continue;
    const offset = <f64>blockOffset(block);
    if (length == 0) store<f64>(m.IO_OFFSET, offset);
    else if (load<f64>(m.IO_OFFSET) + <f64>length != offset) break;
    memory.copy(buffer + length, page, m.PAGE);
    seal(buffer + length);
    markClean(page);
    length += m.PAGE;
  }
  store<u32>(m.CHECKPOINT_SCAN, block);
  if (length > 0) return transfer(length);
  if (load<u32>(m.VIEWS_CHANGED)) enterStream(VIEWS_PHASE, VIEWS);
  else enterBehindViews();
  return 0;
}

function enterBehindViews(): void {
  if (load<u32>(m.SUMS_CHANGED)) enterStream(SUMS_PHASE, SUMS);
  else enterStream(TABLES_PHASE, TABLES);
}

function enterStream(phase: u32, kind: u32): void {
  enter(phase);
  streamBegin(kind, streamWords(kind));
}

function transfer(length: u32): i32 {
  store<u32>(m.IO_ADDRESS, load<u32>(m.TRANSFER));
  store<u32>(m.IO_LENGTH, length);
  return 1;
}

/** Fills the transfer buffer with blocks of a stream that lie one behind the other. */
function writeStream(kind: u32): i32 {
  const buffer = load<u32>(m.TRANSFER);
  const room = load<u32>(m.TRANSFER_SIZE);
  const count = load<u32>(m.STREAM_COUNT + (kind << 2));
  let length: u32 = 0;
  let done = load<u32>(m.STREAM_DONE);
  for (; done < count && length < room; done++) {
    const offset = <f64>blockOffset(load<u32>(streamList(kind) + (done << 2)));
    if (length == 0) store<f64>(m.IO_OFFSET, offset);
    else if (load<f64>(m.IO_OFFSET) + <f64>length != offset) break;
    fillBlock(buffer + length, kind, done, count);
    length += m.PAGE;
  }
  store<u32>(m.STREAM_DONE, done);
  if (length > 0) return transfer(length);
  const first = count == 0 ? 0 : blockOffset(load<u32>(streamList(kind))) >>> m.PAGE_SHIFT;
  if (kind == SUMS) {
    store<u64>(m.SUPER + l.SUPER_SUMS, first);
    enterStream(TABLES_PHASE, TABLES);
    return 0;
  }
  const field = m.SUPER + (kind == VIEWS ? l.SUPER_VIEWS : l.SUPER_TABLES);
  store<u64>(field, first);
  store<u64>(field, streamWords(kind), 8);
  if (kind == VIEWS) enterBehindViews();
  else enter(WRITTEN);
  return 0;
}

function fillBlock(page: u32, kind: u32, index: u32, count: u32): void {
  const list = streamList(kind) + (index << 2);
  memory.fill(page, 0, m.PAGE);
  store<u32>(page, load<u32>(list), l.BLOCK_NUMBER);
  store<u32>(page, streamType(kind), l.BLOCK_TYPE);
  store<u64>(page, load<u64>(m.GENERATION), l.BLOCK_GENERATION);
  store<u64>(page, load<u64>(m.SUPER + l.SUPER_UUID), l.BLOCK_STORE);
  const next = index + 1 < count ? blockOffset(load<u32>(list + 4)) >>> m.PAGE_SHIFT : 0;
  store<u64>(page, next, l.BLOCK_NEXT);
  const left = load<u64>(m.STREAM_LEFT);
  const words = <u32>min<u64>(WORDS, left);
  for (let i: u32 = 0; i < words; i++) store<u64>(page + l.BLOCK_HEADER + (i << 3), nextWord());
  store<u64>(m.STREAM_LEFT, left - words);
  store<u16>(page, <u16>words, l.BLOCK_COUNT);
  seal(page);
}

/** The superblock of this checkpoint: IO_ADDRESS, IO_LENGTH, IO_OFFSET. */
export function checkpointSeal(): void {
  const generation = load<u64>(m.GENERATION);
  const slot = <u32>(generation & 1);
  storeViews();
  spaceLower();
  store<u64>(m.SUPER + l.SUPER_GENERATION, generation);
  store<u32>(m.SUPER + l.SUPER_SLOT, slot);
  store<u32>(m.SUPER + l.SUPER_CRC, 0);
  store<u32>(m.SUPER + l.SUPER_CRC, crc32c(m.SUPER, l.SUPER_BYTES, 0));
  store<f64>(m.IO_OFFSET, <f64>(slot * m.PAGE));
  store<u32>(m.IO_ADDRESS, <u32>m.SUPER);
  store<u32>(m.IO_LENGTH, m.PAGE);
  store<u32>(m.VIEWS_CHANGED, 0);
  store<u32>(m.SUMS_CHANGED, 0);
  metaSettle();
  store<u64>(m.GENERATION, generation + 1);
  enter(WRITTEN);
}

/** After the superblock is durable: 0, or a status to serve before calling again. */
export function checkpointFinish(): i32 {
  const slots = ensureSlots(SPARE_SLOTS);
  if (slots < 0) return slots;
  return moveCopies(true);
}
