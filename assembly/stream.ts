/**
 * The streams of a checkpoint: tables (space index, slabs, metadata bitmap), views (the timeline in
 * its order), sums (the index of the sum map). A stream is a chain of metadata blocks with up to
 * 504 words of 8 bytes each; the superblock names the first and the number of words.
 *
 *     tables   groups | slabs << 32
 *              a word a group: block | free chunks << 32
 *              a word a slab: first device block << 16 | blocks
 *              a word for 64 metadata blocks: bit 1 = in use
 *     views    per view, bottom to origin: id | parent << 32; flags | name bytes << 32;
 *              created (f64); size; 0; 0; the name, padded to 8
 *     sums     a word a group: block | sums << 32
 *
 * Words are made and taken one at a time, so a stream of any length needs no buffer.
 */
import * as m from "./memory";
import * as l from "./layout";
import { metaWord } from "./meta";
import { tableAt } from "./table";
import { hasSums } from "./sums";
import * as t from "./timeline";

export const TABLES: u32 = 0;
export const VIEWS: u32 = 1;
export const SUMS: u32 = 2;
export const WORDS: u32 = 504;
/** The tables are sections 0 to 3. */
const VIEWS_SECTION: u32 = 4;
const SUMS_SECTION: u32 = 5;

// @ts-ignore: decorator
@inline
export function streamList(kind: u32): usize {
  return m.STREAM + kind * (m.STREAM_MAX * 4);
}

export function streamWords(kind: u32): u64 {
  if (kind == VIEWS) return load<u64>(m.VIEWS_WORDS);
  if (kind == SUMS) return hasSums() ? load<u32>(m.SUPER + l.SUPER_SUM_GROUPS) : 0;
  const blocks = load<u32>(m.META_BLOCKS);
  return (
    1 +
    load<u32>(m.SUPER + l.SUPER_GROUPS) +
    load<u32>(m.SUPER + l.SUPER_SLABS) +
    ((blocks + 63) >>> 6)
  );
}

/** Type of a stream's blocks. */
export function streamType(kind: u32): u32 {
  if (kind == SUMS) return l.TYPE_SUM_INDEX;
  return kind == VIEWS ? l.TYPE_VIEWS : l.TYPE_TABLES;
}

/** Blocks that a stream takes now. */
export function streamBlocks(kind: u32): u32 {
  return <u32>((streamWords(kind) + WORDS - 1) / WORDS);
}

/** Blocks that all streams take now. */
export function allStreamBlocks(): u32 {
  return streamBlocks(TABLES) + streamBlocks(VIEWS) + streamBlocks(SUMS);
}

export function streamBegin(kind: u32, words: u64): void {
  store<u32>(m.STREAM_DONE, 0);
  store<u64>(m.STREAM_LEFT, words);
  store<u32>(m.STREAM_SECTION, kind == TABLES ? 0 : kind == VIEWS ? VIEWS_SECTION : SUMS_SECTION);
  store<u32>(m.STREAM_INDEX, kind == VIEWS ? load<u32>(<usize>m.BOTTOM + t.CELL_NEXT) : 0);
  store<u32>(m.STREAM_WORD, 0);
  store<u32>(m.STREAM_RECORD, 0);
}

/** The next word to write. */
export function nextWord(): u64 {
  const section = load<u32>(m.STREAM_SECTION);
  return section < VIEWS_SECTION
    ? tablesWord()
    : section == VIEWS_SECTION
      ? viewsWord()
      : sumsWord();
}

function sumsWord(): u64 {
  const index = load<u32>(m.STREAM_INDEX);
  store<u32>(m.STREAM_INDEX, index + 1);
  const at = tableAt(m.SUMS, index, 3);
  return at == 0 ? 0 : load<u64>(at);
}

function tablesWord(): u64 {
  const section = load<u32>(m.STREAM_SECTION);
  const index = load<u32>(m.STREAM_INDEX);
  const groups = load<u32>(m.SUPER + l.SUPER_GROUPS);
  const slabs = load<u32>(m.SUPER + l.SUPER_SLABS);
  if (section == 0) {
    enter(groups > 0 ? 1 : slabs > 0 ? 2 : 3);
    return <u64>groups | ((<u64>slabs) << 32);
  }
  if (section == 1) {
    if (index + 1 == groups) enter(2);
    else store<u32>(m.STREAM_INDEX, index + 1);
    return load<u64>(tableAt(m.GROUPS, index, 3));
  }
  if (section == 2) {
    if (index + 1 == slabs) enter(3);
    else store<u32>(m.STREAM_INDEX, index + 1);
    return load<u64>(tableAt(m.SLABS, index, 3));
  }
  store<u32>(m.STREAM_INDEX, index + 1);
  return metaWord(index);
}

function enter(section: u32): void {
  store<u32>(m.STREAM_SECTION, section);
  store<u32>(m.STREAM_INDEX, 0);
}

function viewsWord(): u64 {
  const cell = load<u32>(m.STREAM_INDEX);
  const word = load<u32>(m.STREAM_WORD);
  if (word == 0) putRecord(cell);
  if (word + 1 == t.viewWords(cell)) {
    store<u32>(m.STREAM_INDEX, load<u32>(cell + t.CELL_NEXT));
    store<u32>(m.STREAM_WORD, 0);
  } else {
    store<u32>(m.STREAM_WORD, word + 1);
  }
  return load<u64>(m.RECORD + (word << 3));
}

function putRecord(cell: u32): void {
  memory.fill(m.RECORD, 0, 896);
  const name = t.getName(cell);
  store<u32>(m.RECORD, load<u32>(cell + t.CELL_ID));
  store<u32>(m.RECORD, load<u32>(cell + t.CELL_PARENT), 4);
  store<u32>(m.RECORD, load<u32>(cell + t.CELL_FLAGS), 8);
  store<u32>(m.RECORD, name, 12);
  store<u64>(m.RECORD, load<u64>(cell + t.CELL_CREATED), 16);
  store<u64>(m.RECORD, load<u64>(cell + t.CELL_SIZE), 24);
  const seat = load<u32>(cell);
  store<u32>(m.RECORD, seat == load<u32>(cell + t.CELL_ID) ? 0 : seat, 32);
  memory.copy(m.RECORD + 48, m.NAME, name);
  const marks = t.getMarks(cell);
  store<u32>(m.RECORD, marks, 40);
  memory.copy(m.RECORD + 48 + ((name + 7) & ~7), m.NAME, marks);
}
