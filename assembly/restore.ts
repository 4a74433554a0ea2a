/**
 * A store built anew from records: for a repair, and from a dump. The host has put a superblock at
 * SUPER (what it says of tree, tables, views and space is made anew), and gives views in the order
 * of the timeline, then entries in the order of the tree, each looked at before (I10); an ordinary
 * checkpoint ends it.
 *
 * Invariants
 * - Metadata goes where the host says (`restoreSlab`): so nothing that the device holds is
 *   overwritten before the checkpoint's superblock.
 * - Blocks that the checkpoint takes are always free beside those that a step needs.
 */
import * as m from "./memory";
import * as l from "./layout";
import { FAULT, INVALID, NO_SPACE } from "./status";
import { ensureSlots, SPARE_SLOTS } from "./cache";
import { addSlab, allocBlock, META_SPARE, replaySlab } from "./meta";
import { growGroups, spaceNeed, spaceTake } from "./space";
import { fixedChunks } from "./bounds";
import { sumReplay } from "./sums";
import { derive, takeMarks, takeView } from "./open";
import { inOrder, isEntry } from "./verify";
import { allStreamBlocks } from "./stream";
import { descend, height, pathIndex, pathPage } from "./btree/path";
import { entryAt } from "./btree/node";
import { insertEntry } from "./btree/change";
import * as t from "./timeline";
import * as c from "./columns";

/** Blocks that one entry can need: a node split on every level, pages of the space map. */
const STEP_BLOCKS: u32 = 48;
/** Groups of the space map made at once: a pinned page for 512 of them. */
const GROUPS_AT_ONCE: u64 = 4096;
/** Behind every entry. */
const LAST: u64 = ((<u64>1) << 48) - 1;

/** `limit`: chunks at most; `generation`: of the checkpoint that ends it. */
export function restoreBegin(limit: f64, generation: f64): void {
  const s = m.SUPER;
  store<u32>(s + l.SUPER_HEIGHT, 0);
  store<u32>(s + l.SUPER_ROOT, 0);
  store<u64>(s + l.SUPER_ENTRIES, 0);
  store<u64>(s + l.SUPER_TOP, 0);
  store<u64>(s + l.SUPER_USED, 0);
  store<u64>(s + l.SUPER_DATA, 0);
  store<u32>(s + l.SUPER_META, 0);
  store<u32>(s + l.SUPER_GROUPS, 0);
  store<u32>(s + l.SUPER_SLABS, 0);
  derive(limit);
  store<u64>(m.GENERATION, <u64>generation);
  store<u32>(m.REPLAYING, 1);
  t.loadBegin();
}

/** 0, or a status: slots and groups for places below `end`. */
function reach(end: u64): i32 {
  while (true) {
    const slots = ensureSlots(SPARE_SLOTS);
    if (slots < 0) return slots;
    const groups: u64 = load<u32>(m.SUPER + l.SUPER_GROUPS);
    if (groups * l.GROUP_CHUNKS >= end) return 0;
    growGroups(min<u64>(end, (groups + GROUPS_AT_ONCE) * l.GROUP_CHUNKS) - 1);
  }
}

/**
 * Metadata may lie in `count` chunks from `place` on; 1, or a status. The first of all is with the
 * fixed part.
 */
export function restoreSlab(place: f64, count: u32): i32 {
  const at = <u64>place;
  const shift = load<u32>(m.SUPER + l.SUPER_CHUNK_SHIFT) - m.PAGE_SHIFT;
  const status = reach(at + count);
  if (status < 0) return status;
  if (spaceNeed(at) < 0 || spaceNeed(at + count - 1) < 0) return FAULT;
  const slabs = load<u32>(m.SUPER + l.SUPER_SLABS);
  if (slabs > 0) {
    replaySlab(slabs, at, count << shift);
    return 1;
  }
  addSlab(0, at << shift, count << shift);
  allocBlock(); // block 0 is "none"
  spaceTake(0, fixedChunks());
  spaceTake(at, count);
  return 1;
}

/** As a record of the views stream, the name at NAME. 1, INVALID, or a status. */
export function restoreView(
  id: u32,
  seat: u32,
  parent: u32,
  flags: u32,
  created: f64,
  size: f64,
  name: u32,
): i32 {
  const slots = ensureSlots(SPARE_SLOTS);
  if (slots < 0) return slots;
  return takeView(id, seat, parent, flags, created, <u64>size, name) ? 1 : INVALID;
}

/** Marks of the view given last, at NAME. 1, INVALID, or a status. */
export function restoreMarks(length: u32): i32 {
  const slots = ensureSlots(SPARE_SLOTS);
  if (slots < 0) return slots;
  return takeMarks(m.NAME, length) ? 1 : INVALID;
}

/** After the last view: 1, or INVALID where they are no timeline. */
export function restoreTimeline(): i32 {
  return t.loadDone() ? 1 : INVALID;
}

/** 1, or NO_SPACE: a slab more is needed first. */
export function restoreRoom(): i32 {
  const wanted = STEP_BLOCKS + META_SPARE + allStreamBlocks();
  return load<u32>(m.META_FREE) < wanted ? NO_SPACE : 1;
}

/**
 * The sums at NEW become those of `count` places, as far as an entry names them. 1, or a status.
 */
export function restoreSums(place: f64, count: u32): i32 {
  const room = restoreRoom();
  if (room < 0) return room;
  const slots = ensureSlots(SPARE_SLOTS);
  return slots < 0 ? slots : sumReplay(<u64>place, count, m.NEW);
}

/**
 * Appends the entry at NEW to the tree; `take`: its places are not in use yet. 1, INVALID (not an
 * entry, or not behind the last one), or a status.
 */
export function restoreEntry(take: bool): i32 {
  const e = m.NEW;
  const count = c.chunkCount(e);
  const place = c.placeOf(e);
  const room = restoreRoom();
  if (room < 0) return room;
  if (!isEntry(e)) return INVALID;
  const status = reach(take ? place + count : 0);
  if (status < 0) return status;
  if (take && (spaceNeed(place) < 0 || spaceNeed(place + count - 1) < 0)) return FAULT;
  if (descend(LAST, 0) == FAULT) return FAULT;
  if (height() > 0 && !inOrder(entryAt(pathPage(0), pathIndex(0) - 1), e)) return INVALID;
  if (take) {
    spaceTake(place, count);
    store<u64>(m.SUPER + l.SUPER_DATA, load<u64>(m.SUPER + l.SUPER_DATA) + count);
  }
  insertEntry(e);
  return 1;
}
