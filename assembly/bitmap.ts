/**
 * What the bitmap store decides (Fujita + Daniel): an entry is for the snapshots in its mask; the
 * entry with mask 0 is the inline origin's own. A snapshot whose bit no entry of a column has sees
 * what the origin sees. So whatever the number of snapshots, one entry serves all that a write to
 * the origin takes its old chunk from: those without a bit.
 *
 * Invariants
 * - I1: the masks of a column have no bit in common, so it has at most 65 entries; sorted by lowest
 *   bit.
 * - A place is named by one entry.
 */
import { FOUND, MIDDLE, NEW, OLD, RUNS_MAX, ZERO_DEFAULT } from "./memory";
import {
  ENTRY_BYTES,
  ENTRY_MASK,
  FLAG_HOLE,
  FLAGS,
  FLAG_UNDER,
  OP_AGAIN,
  OP_COPY_OUT,
  OP_MAP,
} from "./layout";
import { FAULT, NOT_FOUND } from "./status";
import { assertThat } from "./assert";
import { liveCell, ORIGIN } from "./timeline";
import { descend, pathNext } from "./btree/path";
import { lowestBit } from "./btree/order";
import { LEAVE_ALL, LEAVE_HALF, prepare } from "./prepare";
import { epoch, isUnsettled, journalAppend } from "./journal";
import { spaceHold } from "./space";
import { liveMask, maskOf } from "./mask";
import {
  addRun,
  putJoined,
  RUN_HOLE,
  RUN_PRIVATE,
  RUN_SHARED,
  RUN_UNMAPPED,
  someOr,
} from "./range";
import { RUN_COPY, RUN_READY } from "./copyout";
import * as c from "./columns";

/** No entry of a list. */
const NONE: u32 = 0xffffffff;

// @ts-ignore: decorator
@inline
function entryMask(entry: usize): u64 {
  return load<u64>(entry, ENTRY_MASK);
}

function putMask(entry: usize, first: u64, n: u32, mask: u64, place: u64, flags: u32): void {
  c.putEntry(entry, first, n, <u32>mask, <u32>(mask >>> 32), place, flags);
}

/** What snapshots see that saw nothing before the origin wrote: zeros, or what lies under. */
function underFlags(): u32 {
  return load<u32>(ZERO_DEFAULT) ? FLAG_HOLE : FLAG_HOLE | FLAG_UNDER;
}

// ---- plans

/**
 * Where `count` chunks of a view from `chunk` lie: runs in RUNS, at most RUNS_MAX, so perhaps not
 * all chunks. Answers the number of runs. With `writing` PRIVATE is told from SHARED.
 */
export function lookup(view: u32, chunk: u64, count: u32, writing: bool): i32 {
  const cell = liveCell(view);
  if (cell == 0) return NOT_FOUND;
  const own = maskOf(cell);
  const end = chunk + count;
  let n: u32 = 0;
  while (chunk < end && n < RUNS_MAX - 1) {
    const status = descend(chunk, 0);
    if (status == FAULT) return someOr(n);
    const first = status == 0 ? end : c.firstChunk(c.here());
    if (first > chunk) {
      const stop = min<u64>(first, end);
      n = addRun(n, RUN_UNMAPPED, stop - chunk, 0);
      chunk = stop;
      continue;
    }
    const stop = min<u64>(c.lastChunk(c.here()) + 1, end);
    const kind = columnKind(own, writing);
    if (kind == FAULT) return someOr(n);
    n = addRun(n, <u32>kind, stop - chunk, load<u64>(FOUND) + (chunk - load<u64>(FOUND, 8)));
    chunk = stop;
  }
  return n;
}

/**
 * Kind of run of the column at the path for the view with mask `own`; place and first chunk of the
 * entry that it sees go to FOUND. Or FAULT.
 */
function columnKind(own: u64, writing: bool): i32 {
  const last = c.lastChunk(c.here());
  let named: u64 = 0;
  while (true) {
    const e = c.here();
    const mask = entryMask(e);
    named |= mask;
    // The origin's own entry is the last, and nothing in the column has the bit before it.
    if (own != 0 ? (mask & own) != 0 || mask == 0 : mask == 0) {
      store<u64>(FOUND, c.placeOf(e));
      store<u64>(FOUND, c.firstChunk(e), 8);
      return entryKind(e, own, named, writing);
    }
    const status = pathNext();
    if (status == FAULT) return FAULT;
    if (status == 0 || c.lastChunk(c.here()) != last) return RUN_UNMAPPED;
  }
}

/** `named`: bits of the column up to this entry; all of them, if it is the origin's. */
function entryKind(entry: usize, own: u64, named: u64, writing: bool): i32 {
  const flags = c.flagsOf(entry);
  if (flags & FLAG_HOLE) return flags & FLAG_UNDER ? RUN_UNMAPPED : RUN_HOLE;
  if (!writing || isUnsettled(flags)) return RUN_SHARED;
  const mask = entryMask(entry);
  if (own != 0) return mask != 0 && (mask & liveMask()) == own ? RUN_PRIVATE : RUN_SHARED;
  return (liveMask() & ~named) == 0 ? RUN_PRIVATE : RUN_SHARED;
}

/**
 * Which of `count` chunks of an attached origin must be copied before they are overwritten: runs in
 * RUNS, perhaps not all.
 */
export function planCopyOut(chunk: u64, count: u32): i32 {
  const end = chunk + count;
  if (liveMask() == 0) return addRun(0, RUN_READY, count, 0);
  let n: u32 = 0;
  while (chunk < end && n < RUNS_MAX - 1) {
    const status = descend(chunk, 0);
    if (status == FAULT) return someOr(n);
    const first = status == 0 ? end : c.firstChunk(c.here());
    if (first > chunk) {
      const stop = min<u64>(first, end);
      n = addRun(n, RUN_COPY, stop - chunk, 0);
      chunk = stop;
      continue;
    }
    const stop = min<u64>(c.lastChunk(c.here()) + 1, end);
    const open = needsCopy();
    if (open == FAULT) return someOr(n);
    n = addRun(n, open == 1 ? RUN_COPY : RUN_READY, stop - chunk, 0);
    chunk = stop;
  }
  return n;
}

/** Whether a live snapshot has no bit in the column at the path. 1, 0, FAULT. */
function needsCopy(): i32 {
  const last = c.lastChunk(c.here());
  let open = liveMask();
  while (true) {
    open &= ~entryMask(c.here());
    if (open == 0) return 0;
    const status = pathNext();
    if (status == FAULT) return FAULT;
    if (status == 0 || c.lastChunk(c.here()) != last) return 1;
  }
}

// ---- changes

/**
 * One step of a view's own write: its chunks from `chunk` lie at `place` from now on, or are a hole
 * (`how` FLAG_HOLE), or lie where another entry says already (OP_AGAIN). Answers how many of
 * `count` chunks are done, at least one, or a status with nothing changed.
 */
export function mapStep(view: u32, chunk: u64, count: u32, place: u64, how: u32): i32 {
  const hole = (how & FLAG_HOLE) != 0;
  const ready = prepare(4, hole ? LEAVE_HALF : LEAVE_ALL);
  if (ready < 0) return ready;
  const cell = liveCell(view);
  if (cell == 0) return NOT_FOUND;
  if (hole) place = 0;
  const status = descend(chunk, 0);
  if (status == FAULT) return FAULT;
  const start = status == 1 ? c.firstChunk(c.here()) : <u64>-1;
  let part: u32;
  if (start > chunk) {
    assertThat((how & OP_AGAIN) == 0, 6);
    part = <u32>min<u64>(min<u32>(count, c.COUNT_MAX), start - chunk);
    mapGap(maskOf(cell), chunk, part, place, hole);
  } else {
    const old = c.gather();
    if (old == FAULT) return FAULT;
    part = <u32>min<u64>(min<u32>(count, c.COUNT_MAX), c.lastChunk(OLD) + 1 - chunk);
    const own = maskOf(cell);
    if (how & OP_AGAIN) join(own, old, chunk, part, place);
    else if (own == 0) mapOrigin(old, chunk, part, place, hole);
    else mapSnapshot(own, old, chunk, part, place, hole);
  }
  journalAppend(OP_MAP, how, part, view, chunk, place);
  return part;
}

/** No view has an entry for these chunks. */
function mapGap(own: u64, chunk: u64, part: u32, place: u64, hole: bool): void {
  if (hole && load<u32>(ZERO_DEFAULT)) return;
  let n: u32 = 0;
  if (own == 0 && liveMask() != 0) {
    putMask(c.listAt(NEW, n++), chunk, part, liveMask(), 0, underFlags());
  }
  putMask(c.listAt(NEW, n++), chunk, part, own, place, hole ? FLAG_HOLE : 0);
  putJoined(chunk, 0, 0, n, 0);
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
    store<u64>(FOUND, c.placeOf(e));
    return remove(n, index);
  }
  setMask(index, entryMask(e) & ~own);
  return n;
}

function mapSnapshot(own: u64, old: u32, chunk: u64, part: u32, place: u64, hole: bool): void {
  c.copyPart(old, MIDDLE, chunk, part);
  const index = find(old, own);
  const origins = find(old, 0);
  const drop = hole && origins == NONE && load<u32>(ZERO_DEFAULT) != 0;
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
  const open = unnamed(old);
  const drop = hole && load<u32>(ZERO_DEFAULT) != 0;
  if (drop && index == NONE) return;
  let n = old;
  let freed: u64 = 0;
  if (index == NONE) {
    if (open != 0) putMask(c.listAt(MIDDLE, n++), chunk, part, open, 0, underFlags());
  } else if (open != 0) {
    setMask(index, open);
  } else {
    freed = c.placeOf(c.listAt(MIDDLE, index));
    n = remove(n, index);
  }
  if (!drop) putMask(c.listAt(MIDDLE, n++), chunk, part, 0, place, hole ? FLAG_HOLE : 0);
  putColumn(old, n, chunk, part, freed);
}

/** A snapshot's bit moves to the entry that names `place`; to none where that is the origin's. */
function join(own: u64, old: u32, chunk: u64, part: u32, place: u64): void {
  c.copyPart(old, MIDDLE, chunk, part);
  const index = find(old, own);
  let target = named(old, place);
  assertThat(target != NONE, 7);
  if (index == target) return;
  let n = old;
  store<u64>(FOUND, 0);
  const origins = find(old, 0);
  if (index != NONE) n = leave(n, index, own);
  else if (origins != NONE) mark(origins);
  target = named(n, place);
  const mask = entryMask(c.listAt(MIDDLE, target));
  if (mask != 0) store<u64>(c.listAt(MIDDLE, target), mask | own, ENTRY_MASK);
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
  if (hole) place = 0;
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
      if (place != 0) spaceHold(place, part);
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
      if (c.placeOf(e) != 0) spaceHold(c.placeOf(e), part);
      continue;
    }
    memory.copy(c.listAt(MIDDLE, n), e, ENTRY_BYTES);
    store<u64>(c.listAt(MIDDLE, n++), live, ENTRY_MASK);
  }
  if (changed) putColumn(old, n, first, part, 0);
}
