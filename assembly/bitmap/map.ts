/**
 * What the bitmap store changes: a view's own write, a copy-out, the bits of dead snapshots. One
 * column at a time; what its entries mean and must be stands in `lookup.ts`.
 */
import { FOUND, MIDDLE, NEW, OLD, ZERO_DEFAULT } from "../memory";
import {
  ENTRY_BYTES,
  ENTRY_MASK,
  FLAG_HOLE,
  FLAGS,
  FLAG_UNDER,
  OP_AGAIN,
  OP_COPY_OUT,
} from "../layout";
import { FAULT } from "../status";
import { assertThat, DAMAGED } from "../assert";
import { ORIGIN } from "../timeline";
import { descend } from "../btree/path";
import { lowestBit } from "../btree/order";
import { LEAVE_ALL, prepare } from "../prepare";
import { epoch, journalAppend } from "../journal";
import { spaceHold } from "../space";
import { isDefault, putJoined } from "../range";
import { entryMask, liveMask, maskOf } from "./mask";
import * as c from "../columns";

/** No entry of a list. */
const NONE: u32 = 0xffffffff;

function putMask(entry: usize, first: u64, n: u32, mask: u64, place: u64, flags: u32): void {
  c.putEntry(entry, first, n, <u32>mask, <u32>(mask >>> 32), place, flags);
}

/** What snapshots see that saw nothing before the origin wrote: zeros, or what lies under. */
function underFlags(): u32 {
  return load<u32>(ZERO_DEFAULT) ? FLAG_HOLE : FLAG_HOLE | FLAG_UNDER;
}

/** No view has an entry for these chunks. */
export function mapGap(cell: u32, chunk: u64, part: u32, place: u64, hole: bool): void {
  if (hole && isDefault(place)) return;
  const own = maskOf(cell);
  let n: u32 = 0;
  if (own == 0 && liveMask() != 0) {
    putMask(c.listAt(NEW, n++), chunk, part, liveMask(), 0, underFlags());
  }
  putMask(c.listAt(NEW, n++), chunk, part, own, place, hole ? FLAG_HOLE : 0);
  putJoined(chunk, 0, 0, n, 0);
}

/** The column at the path has an entry for `chunk`. Answers as `mapStep` (`kinds.ts`). */
export function mapColumn(cell: u32, chunk: u64, count: u32, place: u64, how: u32): i32 {
  const old = c.gather();
  if (old == FAULT) return FAULT;
  const part = <u32>min<u64>(min<u32>(count, c.COUNT_MAX), c.lastChunk(OLD) + 1 - chunk);
  const hole = (how & FLAG_HOLE) != 0;
  const own = maskOf(cell);
  if (how & OP_AGAIN) join(own, old, chunk, part, place);
  else if (own == 0) mapOrigin(old, chunk, part, place, hole);
  else mapSnapshot(own, old, chunk, part, place, hole);
  return part;
}

// ---- one column: MIDDLE holds the chunks that change, as they shall be

/** The entry that has the bit of `own`; the origin's for 0. */
function find(n: u32, own: u64): u32 {
  for (let i: u32 = 0; i < n; i++) {
    const mask = entryMask(c.listAt(MIDDLE, i));
    if (own == 0 ? mask == 0 : (mask & own) != 0) return i;
  }
  return NONE;
}

/** Live snapshots without a bit in the column. */
function unnamed(n: u32): u64 {
  let open = liveMask();
  for (let i: u32 = 0; i < n; i++) open &= ~entryMask(c.listAt(MIDDLE, i));
  return open;
}

/** Another set of views; until that is durable, the entry's place is not overwritten in place. */
function setMask(index: u32, mask: u64): void {
  store<u64>(c.listAt(MIDDLE, index), mask, ENTRY_MASK);
  mark(index);
}

function mark(index: u32): void {
  const e = c.listAt(MIDDLE, index);
  c.setFlags(e, (c.flagsOf(e) & FLAGS) | epoch());
}

function remove(n: u32, index: u32): u32 {
  c.openList(MIDDLE, n, index + 1, -1);
  return n - 1;
}

/**
 * A snapshot leaves entry `index`, which is dropped where no other live view has it: then its place
 * goes to FOUND, else 0. Answers the number of entries.
 */
function leave(n: u32, index: u32, own: u64): u32 {
  const e = c.listAt(MIDDLE, index);
  store<u64>(FOUND, 0);
  if ((entryMask(e) & liveMask()) == own) {
    store<u64>(FOUND, c.dataPlace(e));
    return remove(n, index);
  }
  setMask(index, entryMask(e) & ~own);
  return n;
}

function mapSnapshot(own: u64, old: u32, chunk: u64, part: u32, place: u64, hole: bool): void {
  c.copyPart(old, MIDDLE, chunk, part);
  const index = find(old, own);
  const origins = find(old, 0);
  const drop = hole && origins == NONE && isDefault(place);
  if (drop && index == NONE) return;
  let n = old;
  store<u64>(FOUND, 0);
  if (index != NONE) n = leave(n, index, own);
  else if (origins != NONE) mark(origins);
  if (!drop) putMask(c.listAt(MIDDLE, n++), chunk, part, own, place, hole ? FLAG_HOLE : 0);
  putColumn(old, n, chunk, part, load<u64>(FOUND));
}

function mapOrigin(old: u32, chunk: u64, part: u32, place: u64, hole: bool): void {
  c.copyPart(old, MIDDLE, chunk, part);
  const index = find(old, 0);
  const drop = hole && isDefault(place);
  if (drop && index == NONE) return;
  let n = leaveOrigin(old, index, chunk, part);
  if (!drop) putMask(c.listAt(MIDDLE, n++), chunk, part, 0, place, hole ? FLAG_HOLE : 0);
  putColumn(old, n, chunk, part, load<u64>(FOUND));
}

/**
 * The origin leaves its entry `index` (NONE: it has none) to the live snapshots without a bit, or
 * drops it, with its place in FOUND then, else 0. Answers the number of entries.
 */
function leaveOrigin(n: u32, index: u32, chunk: u64, part: u32): u32 {
  const open = unnamed(n);
  store<u64>(FOUND, 0);
  if (index == NONE) {
    if (open != 0) putMask(c.listAt(MIDDLE, n++), chunk, part, open, 0, underFlags());
  } else if (open != 0) {
    setMask(index, open);
  } else {
    store<u64>(FOUND, c.dataPlace(c.listAt(MIDDLE, index)));
    n = remove(n, index);
  }
  return n;
}

/** A snapshot's bit moves to the entry that names `place`; to none where that is the origin's. */
function join(own: u64, old: u32, chunk: u64, part: u32, place: u64): void {
  c.copyPart(old, MIDDLE, chunk, part);
  const index = find(old, own);
  assertThat(named(old, place) != NONE, DAMAGED + 7);
  if (index == named(old, place)) return;
  let n = old;
  store<u64>(FOUND, 0);
  if (own == 0) {
    n = leaveOrigin(n, index, chunk, part);
    setMask(named(n, place), 0);
  } else {
    const origins = find(old, 0);
    if (index != NONE) n = leave(n, index, own);
    else if (origins != NONE) mark(origins);
    const target = c.listAt(MIDDLE, named(n, place));
    if (entryMask(target) != 0) store<u64>(target, entryMask(target) | own, ENTRY_MASK);
  }
  putColumn(old, n, chunk, part, load<u64>(FOUND));
}

function named(n: u32, place: u64): u32 {
  for (let i: u32 = 0; i < n; i++) {
    const e = c.listAt(MIDDLE, i);
    if (c.placeOf(e) == place && (c.flagsOf(e) & FLAG_HOLE) == 0) return i;
  }
  return NONE;
}

/**
 * Puts the `n` entries of MIDDLE, in any order, in the place of `part` chunks from `chunk` of the
 * column in OLD; `freed`: a place that none of them names any more, or 0.
 */
function putColumn(old: u32, n: u32, chunk: u64, part: u32, freed: u64): void {
  sort(n);
  const first = c.firstChunk(OLD);
  const total = c.assemble(old, n, first, c.lastChunk(OLD), chunk, part);
  putJoined(first, 0, old, total, chunk > first ? old : 0);
  if (freed != 0) spaceHold(freed, part);
}

/** MIDDLE by lowest bit; a change moves few of its entries. */
function sort(n: u32): void {
  for (let i: u32 = 1; i < n; i++) {
    const e = c.listAt(MIDDLE, i);
    let to = i;
    while (to > 0 && lowestBit(c.listAt(MIDDLE, to - 1)) > lowestBit(e)) to--;
    if (to == i) continue;
    memory.copy(NEW, e, ENTRY_BYTES);
    const at = c.listAt(MIDDLE, to);
    memory.copy(at + ENTRY_BYTES, at, (i - to) * ENTRY_BYTES);
    memory.copy(at, NEW, ENTRY_BYTES);
  }
}

// ---- copy-out and reclaim

/**
 * One step of a copy-out: the old contents of `count` chunks from `chunk` lie at `place` (or are
 * zeros: a hole), for every snapshot that needs them. Answers how many chunks are done, or a status
 * with nothing changed.
 */
export function copyOutStep(chunk: u64, count: u32, place: u64, hole: bool): i32 {
  const ready = prepare(1, LEAVE_ALL);
  if (ready < 0) return ready;
  assertThat(liveMask() != 0, 8);
  const kind: u32 = hole ? FLAG_HOLE : 0;
  const status = descend(chunk, 0);
  if (status == FAULT) return FAULT;
  const start = status == 1 ? c.firstChunk(c.here()) : <u64>-1;
  let part: u32;
  if (start > chunk) {
    part = <u32>min<u64>(min<u32>(count, c.COUNT_MAX), start - chunk);
    putMask(NEW, chunk, part, liveMask(), place, kind);
    putJoined(chunk, 0, 0, 1, 0);
  } else {
    const old = c.gather();
    if (old == FAULT) return FAULT;
    part = <u32>min<u64>(min<u32>(count, c.COUNT_MAX), c.lastChunk(OLD) + 1 - chunk);
    c.copyPart(old, MIDDLE, chunk, part);
    const open = unnamed(old);
    if (open == 0) {
      // While the copy was made, the snapshots that needed it were written.
      if (!hole) spaceHold(place, part);
    } else {
      putMask(c.listAt(MIDDLE, old), chunk, part, open, place, kind);
      putColumn(old, old + 1, chunk, part, 0);
    }
  }
  journalAppend(OP_COPY_OUT, kind, part, ORIGIN, chunk, place);
  return part;
}

/** Clears the bits of dead snapshots in the column in OLD, and frees what nobody sees any more. */
export function tidyMasks(old: u32): void {
  const part = c.chunkCount(OLD);
  const first = c.firstChunk(OLD);
  let n: u32 = 0;
  let changed = false;
  for (let i: u32 = 0; i < old; i++) {
    const e = c.listAt(OLD, i);
    const mask = entryMask(e);
    const live = mask & liveMask();
    changed = changed || live != mask;
    if (mask != 0 && live == 0) {
      if (c.dataPlace(e) != 0) spaceHold(c.dataPlace(e), part);
      continue;
    }
    memory.copy(c.listAt(MIDDLE, n), e, ENTRY_BYTES);
    store<u64>(c.listAt(MIDDLE, n++), live, ENTRY_MASK);
  }
  if (changed) putColumn(old, n, first, part, 0);
}
