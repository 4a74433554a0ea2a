/**
 * What the superblock and the streams say, held against each other before anything of it is used
 * (I10). A checksum only tells that somebody wrote it: here is what makes the rest of the engine
 * safe to run on it.
 *
 * - Every number that becomes an address: metadata blocks lie in slabs that are there and are
 *   marked used, groups and slabs have their tables, ids are in the timeline.
 * - Every number that becomes an offset of the device: slabs, streams and the journal lie below the
 *   top, that lies below the limit, and nothing but superblocks and journal lies in the fixed part.
 * - Counts that are kept beside what they count: used, data, metadata blocks, views.
 *
 * What of a device becomes an address in memory, and what guards it:
 *
 *     block number       tables of slabs and bits: `isBlock` for root, groups, streams (here) and
 *                        children (`verifyInner`), so `blockOffset` and the bits stay in them
 *     group, slab        `areCounts`, `isSlabNumber`, `arePlaces`; places: `verifyLeaf`, replay
 *     words of a stream  BLOCK_COUNT is the lesser of 504 and what is left (`streamTake`)
 *     entries of a node  BLOCK_COUNT against LEAF_MAX and INNER_MAX (`verifyPage`); level and that
 *                        it is a node at all: `nodeIs`, at each step down
 *     view's id          a hash: an unknown one is cell 0, zeros in the guard area, never written
 *     bit of a view      & 63 (`maskOf`)
 *     name's length      NAME_MAX: `takeViews`, replay; a record's at most SUPER_PATH_BYTES: host
 *     record's length    JOURNAL_SIZE (`journalLength`); each operation ends in it (`replayStep`)
 *     entries of a column  `gather` stops at WIDE_ENTRIES + 2; `openList` at SCRATCH_MAX
 */
import * as m from "./memory";
import * as l from "./layout";
import { isBlock, slabBlocks } from "./meta";
import { streamList, streamWords, SUMS, TABLES, WORDS } from "./stream";
import { groupBlock } from "./sums";
import { tableAt } from "./table";
import { isMasked, VIEW_BIT_SHIFT } from "./bitmap/mask";
import * as t from "./timeline";

/** A view has fewer chunks, unless the origin has as many, or FEATURE_WIDE says so. */
export const NARROW_CHUNKS: u32 = 0xfffffff0;
const AREA_MIN: u32 = 64;
const AREA_MAX: u32 = 1 << 20;
/** Generations, sequences and bytes are exact in a double of the host. */
const EXACT: u64 = (<u64>1) << 53;
const SIZE_MAX: u64 = (<u64>1) << 52;
/** Milliseconds that a date has on either side of 1970. */
const TIME_MAX: f64 = 8.64e15;
const CHUNKS_MAX: u64 = (<u64>1) << 47;

/** Whether the numbers of a superblock image are within their bounds. */
export function isSuperSane(at: u32): bool {
  const shift = load<u32>(at + l.SUPER_CHUNK_SHIFT);
  const area = load<u32>(at + l.SUPER_AREA_BLOCKS);
  if (shift < 12 || shift > 20 || area < AREA_MIN || area > AREA_MAX) return false;
  const generation = load<u64>(at + l.SUPER_GENERATION);
  const sequence = load<u64>(at + l.SUPER_SEQUENCE);
  const height = load<u32>(at + l.SUPER_HEIGHT);
  const size = load<u64>(at + l.SUPER_SIZE);
  const top = load<u64>(at + l.SUPER_TOP);
  const used = load<u64>(at + l.SUPER_USED);
  return (
    generation - 1 < EXACT &&
    (generation & 1) == load<u32>(at + l.SUPER_SLOT) &&
    sequence - 1 < EXACT &&
    load<u32>(at + l.SUPER_AREA) < 2 &&
    height <= m.PATH_LEVELS &&
    (height == 0) == (load<u32>(at + l.SUPER_ROOT) == 0) &&
    load<u32>(at + l.SUPER_MODE) <= 2 &&
    size - 1 < SIZE_MAX &&
    (size & 511) == 0 &&
    load<u64>(at + l.SUPER_LIMIT) <= EXACT &&
    load<u32>(at + l.SUPER_NEXT_ID) > t.ORIGIN &&
    isTime(load<f64>(at + l.SUPER_CREATED)) &&
    areWords(load<u64>(at + l.SUPER_TABLES_WORDS)) &&
    areWords(load<u64>(at + l.SUPER_VIEWS_WORDS)) &&
    isSumCount(at) &&
    top <= CHUNKS_MAX &&
    fixedIn(shift, area) <= top &&
    used <= top &&
    load<u64>(at + l.SUPER_DATA) <= used
  );
}

/** Whether the index of the sum map can be that long. */
function isSumCount(at: u32): bool {
  const isThere = (load<u32>(at + l.SUPER_READ_COMPATIBLE) & l.FEATURE_SUMS) != 0;
  return !isThere || load<u32>(at + l.SUPER_SUM_GROUPS) <= m.SUM_PAGES * 512;
}

/** Whether a stream may have so many words. */
function areWords(words: u64): bool {
  return words - 1 < <u64>m.STREAM_MAX * WORDS;
}

/** Whether a view can have so many bytes. */
export function isSize(size: u64): bool {
  const chunks = size >>> load<u32>(m.SUPER + l.SUPER_CHUNK_SHIFT);
  return size - 1 < SIZE_MAX && chunks < chunkEnd();
}

export function isTime(time: f64): bool {
  return abs(time) <= TIME_MAX;
}

function fixedIn(shift: u32, area: u32): u32 {
  const perChunk = shift - m.PAGE_SHIFT;
  return (2 + 2 * area + (1 << perChunk) - 1) >>> perChunk;
}

/** Chunks that superblocks and journal areas take. */
export function fixedChunks(): u32 {
  return fixedIn(
    load<u32>(m.SUPER + l.SUPER_CHUNK_SHIFT),
    load<u32>(m.SUPER + l.SUPER_AREA_BLOCKS),
  );
}

/**
 * No chunk of a view lies from here on: a key has 48 bits, and a fence 32 where the origin is small
 * enough (WIDE). A search for one past it would go astray.
 */
export function chunkEnd(): u64 {
  return load<u32>(m.WIDE) ? CHUNKS_MAX : <u64>NARROW_CHUNKS;
}

/** Whether chunks of the store can be data or metadata: not in the fixed part, not past the end. */
export function arePlaces(place: u64, count: u64): bool {
  const limit = load<u64>(m.SPACE_LIMIT);
  return place >= fixedChunks() && place <= limit && count <= limit - place;
}

/** Whether chunks of the store can be in use: below top, so the space map knows them. */
export function areUsed(place: u64, count: u64): bool {
  return arePlaces(place, count) && place + count <= load<u64>(m.SUPER + l.SUPER_TOP);
}

/** Whether a device block can be one of a stream. */
export function isStreamPlace(block: u64): bool {
  const shift = load<u32>(m.SUPER + l.SUPER_CHUNK_SHIFT) - m.PAGE_SHIFT;
  return (
    block >= (<u64>fixedChunks()) << shift && block < load<u64>(m.SUPER + l.SUPER_TOP) << shift
  );
}

/** Whether there can be so many groups and slabs. They are those of the superblock, too. */
export function areCounts(groups: u32, slabs: u32): bool {
  return (
    groups == load<u32>(m.SUPER + l.SUPER_GROUPS) &&
    slabs == load<u32>(m.SUPER + l.SUPER_SLABS) &&
    groups <= m.GROUP_PAGES * 512 &&
    load<u64>(m.SUPER + l.SUPER_TOP) <= <u64>groups * l.GROUP_CHUNKS &&
    slabs > 0 &&
    isSlabNumber(slabs - 1)
  );
}

/** Whether the tables have room for a slab of this number. */
export function isSlabNumber(index: u32): bool {
  const blocks = (<u64>index + 1) << load<u32>(m.SLAB_SHIFT);
  return index < m.SLAB_PAGES * 512 && blocks <= <u64>m.BITMAP_PAGES * 32768;
}

/** Whether `blocks` blocks in whole chunks from a place can be a slab. */
export function isSlab(place: u64, blocks: u32): bool {
  const shift = load<u32>(m.SUPER + l.SUPER_CHUNK_SHIFT) - m.PAGE_SHIFT;
  if (blocks == 0 || blocks > 1 << load<u32>(m.SLAB_SHIFT)) return false;
  return (blocks & ((1 << shift) - 1)) == 0 && arePlaces(place, blocks >>> shift);
}

/** The same of a word of the tables; 0: no slab has its number. */
export function isSlabWord(word: u64): bool {
  if (word == 0) return true;
  const shift = load<u32>(m.SUPER + l.SUPER_CHUNK_SHIFT) - m.PAGE_SHIFT;
  const base = word >>> 16;
  const blocks = <u32>(word & 0xffff);
  const isWhole = (base & ((1 << shift) - 1)) == 0 && isSlab(base >>> shift, blocks);
  return isWhole && areUsed(base >>> shift, blocks >>> shift);
}

/** Whether only blocks that are there are free, and not number 0, in word `index` of the bits. */
export function areBits(index: u32, word: u64): bool {
  const first = index << 6;
  const there = slabBlocks(first, 64);
  const absent: u64 = there == 64 ? 0 : ~(((<u64>1) << there) - 1);
  return (~word & absent) == 0 && (index > 0 || (word & 1) != 0);
}

/** The counts of the superblock, once the tables are there. */
export function areTablesWhole(): bool {
  const groups = load<u32>(m.SUPER + l.SUPER_GROUPS);
  const slabs = load<u32>(m.SUPER + l.SUPER_SLABS);
  const shift = load<u32>(m.SUPER + l.SUPER_CHUNK_SHIFT) - m.PAGE_SHIFT;
  let used: u64 = 0;
  for (let i: u32 = 0; i < groups; i++) {
    used += l.GROUP_CHUNKS - <u32>(load<u64>(tableAt(m.GROUPS, i, 3)) >>> 32);
  }
  let blocks: u32 = 0;
  for (let i: u32 = 0; i < slabs; i++) blocks += <u32>(load<u64>(tableAt(m.SLABS, i, 3)) & 0xffff);
  const own = <u64>fixedChunks() + (blocks >>> shift);
  return (
    used == load<u64>(m.SUPER + l.SUPER_USED) &&
    used == own + load<u64>(m.SUPER + l.SUPER_DATA) &&
    blocks - load<u32>(m.META_FREE) == load<u32>(m.SUPER + l.SUPER_META)
  );
}

/** Seat of the view whose record is at `record`. */
export function seatIn(record: usize): u32 {
  const seat = load<u32>(record, 32);
  return seat == 0 ? load<u32>(record) : seat;
}

/** A record of the views stream, at RECORD, with its name at NAME. */
export function isView(name: u32): bool {
  const id = load<u32>(m.RECORD);
  const flags = load<u32>(m.RECORD, 8);
  const isLive = (flags & t.VIEW_LIVE_FLAG) != 0;
  const known = t.VIEW_LIVE_FLAG | t.VIEW_READ_ONLY | t.VIEW_DYING;
  const bits: u32 = isMasked() && id != t.ORIGIN ? 63 << VIEW_BIT_SHIFT : 0;
  if ((flags & ~(known | bits)) != 0 || (isLive && (flags & t.VIEW_DYING) != 0)) return false;
  // A parent is older than its snapshots, so there are no cycles.
  if (id == 0 || id >= load<u32>(m.SUPER + l.SUPER_NEXT_ID) || load<u32>(m.RECORD, 4) >= id) {
    return false;
  }
  if ((isLive && id != t.ORIGIN) != name > 0 || !isName(name)) return false;
  return isTime(load<f64>(m.RECORD, 16)) && isSize(load<u64>(m.RECORD, 24));
}

/** Whether the `length` bytes at NAME are UTF-8. */
export function isName(length: u32): bool {
  for (let i: u32 = 0; i < length; ) {
    const bytes = sequenceAt(i, length - i);
    if (bytes == 0) return false;
    i += bytes;
  }
  return true;
}

/** Bytes of the character `at` bytes into the name, of which `left` are there; 0: it is none. */
function sequenceAt(at: u32, left: u32): u32 {
  const first = <u32>load<u8>(m.NAME + at);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const bytes: u32 = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (left < bytes) return 0;
  const second = <u32>load<u8>(m.NAME + at, 1);
  // Neither longer than need be, nor half of a pair, nor past the last character.
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)) return 0;
  if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return 0;
  for (let i: u32 = 1; i < bytes; i++) if ((load<u8>(m.NAME + at + i) & 0xc0) != 0x80) return 0;
  return bytes;
}

/**
 * The origin's size is the volume's, its seat is where the superblock says, and a bitmap store's
 * snapshots have a bit each.
 */
export function areViewsWhole(): bool {
  if (t.viewCount() != load<u32>(m.SUPER + l.SUPER_VIEW_COUNT)) return false;
  const origin = t.liveCell(t.ORIGIN);
  if (origin == 0 || load<u64>(origin + t.CELL_SIZE) != load<u64>(m.SUPER + l.SUPER_SIZE)) {
    return false;
  }
  const seat = load<u32>(m.SUPER + l.SUPER_ORIGIN_SEAT);
  if (load<u32>(origin) != (seat == 0 ? t.ORIGIN : seat)) return false;
  return !isMasked() || <u32>popcnt(load<u64>(m.KNOWN_MASK)) == t.viewCount() - 1;
}

/** Whether root, groups and streams have blocks of their own. Leaves META_FREEING as it was. */
export function areBlocksApart(): bool {
  const apart = claimAll();
  const words = (load<u32>(m.META_BLOCKS) + 63) >>> 6;
  for (let w: u32 = 0; w < words; w++) store<u64>(tableAt(m.META_FREEING, w, 3), 0);
  return apart;
}

function claimAll(): bool {
  const root = load<u32>(m.SUPER + l.SUPER_ROOT);
  if (root != 0 && !claim(root)) return false;
  for (let kind = TABLES; kind <= SUMS; kind++) {
    const count = load<u32>(m.STREAM_COUNT + (kind << 2));
    for (let i: u32 = 0; i < count; i++) {
      if (!claim(load<u32>(streamList(kind) + (i << 2)))) return false;
    }
  }
  const groups = load<u32>(m.SUPER + l.SUPER_GROUPS);
  for (let i: u32 = 0; i < groups; i++) {
    const block = load<u32>(tableAt(m.GROUPS, i, 3));
    if (block != 0 && !claim(block)) return false;
  }
  const sums = <u32>streamWords(SUMS);
  for (let i: u32 = 0; i < sums; i++) {
    const block = groupBlock(i);
    if (block != 0 && !claim(block)) return false;
  }
  return true;
}

/** Takes a block that is in use and that nobody else has taken. */
function claim(block: u32): bool {
  if (block == 0 || !isBlock(block)) return false;
  const at = tableAt(m.META_FREEING, block >>> 6, 3);
  const bit = (<u64>1) << (block & 63);
  if ((load<u64>(at) & bit) != 0) return false;
  store<u64>(at, load<u64>(at) | bit);
  return true;
}
