/**
 * Making a store and reading one: the superblock's checks, the streams back into tables, the state
 * that follows from them.
 */
import * as m from "./memory";
import * as l from "./layout";
import { CORRUPT, INVALID, UNSUPPORTED } from "./status";
import { crc32c, crcInit } from "./crc32c";
import { cacheGrow, ensureSlots, SLOT_BYTES, SPARE_SLOTS } from "./cache";
import { addSlab, allocBlock } from "./meta";
import { spaceTake } from "./space";
import {
  areBits,
  areBlocksApart,
  areCounts,
  areTablesWhole,
  areViewsWhole,
  fixedChunks,
  isSlabWord,
  isName,
  isStreamPlace,
  isSuperSane,
  isView,
  NARROW_CHUNKS,
  seatIn,
} from "./bounds";
import { journalReset } from "./journal";
import { tableAt, tableMake } from "./table";
import { isStamped } from "./verify";
import {
  streamBegin,
  streamList,
  streamType,
  streamWords,
  SUMS,
  TABLES,
  VIEWS,
  WORDS,
} from "./stream";
import { takeSumGroup } from "./sums";
import { markView } from "./identity";
import { hasFeature } from "./features";
import * as t from "./timeline";

/** "MULTISNP" */
const MAGIC: u64 = 0x504e534954_4c554d;

/**
 * Lays memory of `end` bytes out for `slots` cache slots, journal buffers of `journal` bytes, a
 * transfer buffer of `transfer` bytes and behind it `copies` bytes that are the host's. Memory is
 * all zeros before.
 */
export function init(end: u32, slots: u32, journal: u32, transfer: u32, copies: u32): void {
  crcInit();
  let buckets: u32 = 1024;
  while (buckets < 2 * slots) buckets <<= 1;
  let at = <u32>m.HEAP;
  store<u32>(m.HASH, at);
  store<u32>(m.HASH_MASK, buckets - 1);
  at += buckets << 2;
  store<u32>(m.JOURNAL_SIZE, journal);
  store<u32>(m.JOURNAL_BUFFERS, at);
  store<u32>(m.JOURNAL_BUFFERS, at + journal, 4);
  at += 2 * journal;
  store<u32>(m.TRANSFER, at);
  store<u32>(m.TRANSFER_SIZE, transfer);
  at += transfer + copies;
  store<u32>(m.SLOTS_FIRST, at);
  store<u32>(m.SLOTS_HAND, at);
  store<u32>(m.SLOTS_UNUSED, at);
  store<u32>(m.SLOTS_END, at);
  store<u32>(m.SLOTS_WANTED, slots);
  cacheGrow(end);
  journalReset();
}

/** Bytes of memory that `init` needs. */
export function memoryFor(slots: u32, journal: u32, transfer: u32, copies: u32): f64 {
  let buckets: u32 = 1024;
  while (buckets < 2 * slots) buckets <<= 1;
  return (
    <f64>m.HEAP +
    <f64>(buckets << 2) +
    2 * <f64>journal +
    <f64>transfer +
    <f64>copies +
    <f64>slots * <f64>SLOT_BYTES
  );
}

/**
 * What follows from the superblock at SUPER and does not change while the store is open. `limit`:
 * chunks at most.
 */
export function derive(limit: f64): void {
  const shift = load<u32>(m.SUPER + l.SUPER_CHUNK_SHIFT);
  const isWide = load<u64>(m.SUPER + l.SUPER_SIZE) >>> shift >= NARROW_CHUNKS;
  store<u32>(m.WIDE, isWide || hasFeature(l.FEATURE_WIDE) ? 1 : 0);
  store<u32>(m.SLAB_SHIFT, max<u32>(6, shift - m.PAGE_SHIFT));
  store<u64>(m.SPACE_LIMIT, <u64>limit);
  store<u64>(m.SPACE_CEILING, <u64>limit);
  store<u32>(m.ZERO_DEFAULT, load<u32>(m.SUPER + l.SUPER_MODE) == 0 ? 1 : 0);
  store<u64>(m.GENERATION, load<u64>(m.SUPER + l.SUPER_GENERATION) + 1);
  store<u64>(m.JOURNAL_SEQUENCE, load<u64>(m.SUPER + l.SUPER_SEQUENCE));
  store<u64>(m.JOURNAL_DURABLE, load<u64>(m.SUPER + l.SUPER_SEQUENCE) - 1);
}

/**
 * A new store: the host has set uuid, chunk shift, kind, size, limit, mode, area blocks, created
 * and paths in SUPER. 0, or INVALID where `limit` chunks do not hold it.
 */
export function format(limit: f64): i32 {
  store<u64>(m.SUPER + l.SUPER_MAGIC, MAGIC);
  store<u32>(m.SUPER + l.SUPER_VERSION, l.VERSION);
  store<u32>(m.SUPER + l.SUPER_NEXT_ID, t.ORIGIN + 1);
  store<u64>(m.SUPER + l.SUPER_SEQUENCE, 1);
  derive(limit);
  const shift = load<u32>(m.SUPER + l.SUPER_CHUNK_SHIFT) - m.PAGE_SHIFT;
  const fixed = fixedChunks();
  const slab = (1 << load<u32>(m.SLAB_SHIFT)) >>> shift;
  if (limit < <f64>(fixed + 4 * slab)) return INVALID;
  t.timelineInit(load<u64>(m.SUPER + l.SUPER_SIZE), load<f64>(m.SUPER + l.SUPER_CREATED));
  addSlab(0, (<u64>fixed) << shift, slab << shift);
  allocBlock(); // block 0 is "none"
  spaceTake(0, fixed + slab);
  store<u64>(m.SPACE_CURSOR, fixed + slab);
  return 0;
}

/**
 * What is wrong with the superblock at `at`, which was read from slot `slot`: 0 nothing, INVALID
 * (not one), UNSUPPORTED, CORRUPT.
 */
export function superCheck(at: u32, slot: u32): i32 {
  if (load<u64>(at + l.SUPER_MAGIC) != MAGIC) return INVALID;
  if (load<u32>(at + l.SUPER_VERSION) != l.VERSION) return UNSUPPORTED;
  const crc = load<u32>(at + l.SUPER_CRC);
  store<u32>(at + l.SUPER_CRC, 0);
  const sum = crc32c(at, l.SUPER_BYTES, 0);
  store<u32>(at + l.SUPER_CRC, crc);
  if (sum != crc || load<u32>(at + l.SUPER_SLOT) != slot) return CORRUPT;
  if ((load<u32>(at + l.SUPER_INCOMPATIBLE) & ~l.FEATURES) != 0) return UNSUPPORTED;
  const sane =
    isSuperSane(at) &&
    load<u16>(at + l.SUPER_ORIGIN_PATH) < l.SUPER_PATH_BYTES - 1 &&
    load<u16>(at + l.SUPER_BASE_PATH) < l.SUPER_PATH_BYTES - 1 &&
    load<u16>(at + l.SUPER_VICTIMS) < l.SUPER_VICTIMS_BYTES - 1;
  return sane ? 0 : CORRUPT;
}

/**
 * Takes the superblock in SUPER into use; the streams are read next. False where the store is
 * longer than `limit` chunks, which is all that there is of it.
 */
export function openSuper(limit: f64): bool {
  derive(limit);
  t.loadBegin();
  return load<u64>(m.SUPER + l.SUPER_TOP) <= load<u64>(m.SPACE_LIMIT);
}

// ---- streams back

/** Begins to read a stream; answers whether there is anything to read. Tables first, then views. */
export function streamRead(kind: u32): bool {
  const first = kind == TABLES ? l.SUPER_TABLES : kind == VIEWS ? l.SUPER_VIEWS : l.SUPER_SUMS;
  const words = kind == SUMS ? streamWords(SUMS) : load<u64>(m.SUPER + first, 8);
  streamBegin(kind, words);
  store<u64>(m.FOUND, load<u64>(m.SUPER + first));
  store<u32>(m.STREAM_COUNT + (kind << 2), 0);
  if (kind == TABLES) {
    store<u32>(m.META_BLOCKS, 0);
    store<u32>(m.META_FREE, 0);
  }
  return words > 0;
}

/**
 * Where the next block of the stream is to be read: IO_OFFSET, IO_ADDRESS, IO_LENGTH. 0, or GROW,
 * or CORRUPT where no block can lie there.
 */
export function streamAsk(): i32 {
  const status = ensureSlots(SPARE_SLOTS);
  if (status < 0) return status;
  if (!isStreamPlace(load<u64>(m.FOUND))) return CORRUPT;
  store<f64>(m.IO_OFFSET, <f64>load<u64>(m.FOUND) * 4096);
  store<u32>(m.IO_ADDRESS, load<u32>(m.TRANSFER));
  store<u32>(m.IO_LENGTH, m.PAGE);
  return 0;
}

/** Takes the block just read: 1 there are more, 0 the stream is whole, CORRUPT. */
export function streamTake(kind: u32): i32 {
  const page = load<u32>(m.TRANSFER);
  const block = load<u32>(page, l.BLOCK_NUMBER);
  const words = <u32>load<u16>(page, l.BLOCK_COUNT);
  const done = load<u32>(m.STREAM_DONE);
  const left = load<u64>(m.STREAM_LEFT);
  if (!isStamped(page, block) || load<u32>(page, l.BLOCK_TYPE) != streamType(kind)) return CORRUPT;
  if (words != min<u64>(WORDS, left) || done >= m.STREAM_MAX) return CORRUPT;
  store<u32>(streamList(kind) + (done << 2), block);
  store<u32>(m.STREAM_DONE, done + 1);
  store<u32>(m.STREAM_COUNT + (kind << 2), done + 1);
  for (let i: u32 = 0; i < words; i++) {
    const word = load<u64>(page + l.BLOCK_HEADER + (i << 3));
    if (!takeWord(kind, word)) return CORRUPT;
  }
  store<u64>(m.STREAM_LEFT, left - words);
  store<u64>(m.FOUND, load<u64>(page, l.BLOCK_NEXT));
  if (left > words) return 1;
  return streamWhole(kind) ? 0 : CORRUPT;
}

function takeWord(kind: u32, word: u64): bool {
  if (kind == SUMS) return takeSumGroup(word);
  return kind == TABLES ? takeTables(word) : takeViews(word);
}

function streamWhole(kind: u32): bool {
  if (kind == SUMS) return true;
  if (kind != TABLES) {
    const done = load<u32>(m.STREAM_WORD) == 0 && t.loadDone();
    return done && areViewsWhole() && areBlocksApart();
  }
  const blocks = load<u32>(m.META_BLOCKS);
  const done = load<u32>(m.STREAM_SECTION) == 3 && load<u32>(m.STREAM_INDEX) == (blocks + 63) >>> 6;
  return done && areTablesWhole();
}

/** STREAM_WORD holds the number of groups, STREAM_RECORD that of slabs that are still to come. */
function takeTables(word: u64): bool {
  const section = load<u32>(m.STREAM_SECTION);
  if (section == 0) {
    const groups = <u32>word;
    const slabs = <u32>(word >>> 32);
    store<u32>(m.STREAM_WORD, groups);
    store<u32>(m.STREAM_RECORD, slabs);
    store<u32>(m.STREAM_SECTION, groups > 0 ? 1 : 2);
    if (!areCounts(groups, slabs)) return false;
    store<u32>(m.SUPER + l.SUPER_SLABS, 0);
    store<u32>(m.SUPER + l.SUPER_GROUPS, 0);
    return true;
  }
  if (section == 1) return takeGroup(word);
  if (section == 2) return takeSlab(word);
  const index = load<u32>(m.STREAM_INDEX);
  if (index >= (load<u32>(m.META_BLOCKS) + 63) >>> 6 || !areBits(index, word)) return false;
  store<u64>(tableAt(m.META_USED, index, 3), word);
  store<u32>(m.META_FREE, load<u32>(m.META_FREE) + <u32>popcnt(~word));
  store<u32>(m.STREAM_INDEX, index + 1);
  return true;
}

function takeGroup(word: u64): bool {
  const index = load<u32>(m.SUPER + l.SUPER_GROUPS);
  store<u64>(tableMake(m.GROUPS, index, 3), word);
  store<u32>(m.SUPER + l.SUPER_GROUPS, index + 1);
  const left = load<u32>(m.STREAM_WORD) - 1;
  store<u32>(m.STREAM_WORD, left);
  if (left == 0) store<u32>(m.STREAM_SECTION, 2);
  const free = <u32>(word >>> 32);
  return free <= l.GROUP_CHUNKS && (<u32>word != 0 || free == 0 || free == l.GROUP_CHUNKS);
}

function takeSlab(word: u64): bool {
  const index = load<u32>(m.SUPER + l.SUPER_SLABS);
  if (!isSlabWord(word)) return false;
  addSlab(index, word >>> 16, <u32>(word & 0xffff));
  store<u64>(tableAt(m.SLABS, index, 3), word);
  const left = load<u32>(m.STREAM_RECORD) - 1;
  store<u32>(m.STREAM_RECORD, left);
  if (left == 0) {
    store<u32>(m.STREAM_SECTION, 3);
    store<u32>(m.META_FREE, 0);
  }
  return true;
}

/** STREAM_WORD counts the words of the record at work. */
function takeViews(word: u64): bool {
  const at = load<u32>(m.STREAM_WORD);
  store<u64>(m.RECORD + (at << 3), word);
  const name: u32 = at == 0 ? 0 : load<u32>(m.RECORD, 12);
  if (name > l.NAME_MAX) return false;
  const marks: u32 = at < 5 ? 0 : load<u32>(m.RECORD, 40);
  if (marks > l.MARKS_MAX) return false;
  const words: u32 = at == 0 ? 2 : l.VIEW_WORDS + ((name + 7) >>> 3) + ((marks + 7) >>> 3);
  if (at + 1 < words) {
    store<u32>(m.STREAM_WORD, at + 1);
    return true;
  }
  store<u32>(m.STREAM_WORD, 0);
  memory.copy(m.NAME, m.RECORD + 48, name);
  if (!isView(name)) return false;
  const taken = takeView(
    load<u32>(m.RECORD),
    seatIn(m.RECORD),
    load<u32>(m.RECORD, 4),
    load<u32>(m.RECORD, 8),
    load<f64>(m.RECORD, 16),
    load<u64>(m.RECORD, 24),
    name,
  );
  return taken && (marks == 0 || takeMarks(m.RECORD + 48 + ((name + 7) & ~7), marks));
}

/** Marks of the view taken last, at an address. */
export function takeMarks(at: usize, length: u32): bool {
  if (!hasFeature(l.FEATURE_MARKS) || length > l.MARKS_MAX) return false;
  memory.copy(m.NAME, at, length);
  const last = load<u32>(m.VIEW_LAST);
  if (!t.isLive(last) || !isName(length)) return false;
  markView(last, length);
  return true;
}

/** The next view of the timeline, its name at NAME; false where it cannot be one. */
export function takeView(
  id: u32,
  seat: u32,
  parent: u32,
  flags: u32,
  created: f64,
  size: u64,
  name: u32,
): bool {
  const end = load<u32>(m.SUPER + l.SUPER_NEXT_ID);
  if (id == 0 || id >= end || t.cellOfId(id) != 0) return false;
  if (seat == 0 || seat >= end || t.cellOf(seat) != 0) return false;
  if (seat != id && (load<u32>(m.SUPER + l.SUPER_INCOMPATIBLE) & l.FEATURE_SEATS) == 0)
    return false;
  if (name > 0 && t.findName(name) != 0) return false;
  t.loadView(id, seat, parent, flags, created, size, name);
  return true;
}
