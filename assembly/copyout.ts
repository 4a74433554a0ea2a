/**
 * Attached origin: before the origin's chunks are overwritten, every live view that has no entry
 * for them needs one (I5). One copy serves all of them, however many parts of the timeline that is;
 * the parts' entries name the same place.
 */
import { BOTTOM, MIDDLE, NEW, OLD, RUNS_MAX } from "./memory";
import { FLAG_FILLED, FLAG_HOLE, FLAG_SHARED, OP_AGAIN, OP_COPY_OUT, OP_PART } from "./layout";
import { FAULT } from "./status";
import { assertThat } from "./assert";
import { anyLive, cellOf, cellRank, liveCell, ORIGIN, previousLive, rankOf } from "./timeline";
import { shadowPath } from "./btree/change";
import { descend, pathNext } from "./btree/path";
import { LEAVE_ALL, prepare } from "./prepare";
import { journalAppend } from "./journal";
import { spaceHold } from "./space";
import { addRun, putJoined, someOr } from "./range";
import * as c from "./columns";

/** Kinds of runs of a plan. */
export const RUN_READY: u32 = 0;
export const RUN_COPY: u32 = 1;

/**
 * The newest live snapshot, which all uncovered parts end at or below; the bottom where there is
 * none.
 */
function top(): u32 {
  return previousLive(liveCell(ORIGIN));
}

/**
 * Which of `count` chunks of the origin must be copied before they are overwritten: runs in RUNS,
 * perhaps not all.
 */
export function planCopyOut(chunk: u64, count: u32): i32 {
  const end = chunk + count;
  const newest = top();
  if (newest == <u32>BOTTOM) return addRun(0, RUN_READY, count, 0);
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
    const open = hasGap(newest);
    if (open == FAULT) return someOr(n);
    n = addRun(n, open == 1 ? RUN_COPY : RUN_READY, stop - chunk, 0);
    chunk = stop;
  }
  return n;
}

/** Whether a live view at or below `newest` has no entry in the column at the path. 1, 0, FAULT. */
function hasGap(newest: u32): i32 {
  const last = c.lastChunk(c.here());
  let below = <u32>BOTTOM;
  let open = false;
  for (let steps = 0; ; steps++) {
    if (steps == 8) {
      const status = c.columnTop(last);
      if (status == FAULT) return FAULT;
      const e = c.here();
      if (c.flagsOf(e) & FLAG_FILLED) return anyLive(cellOf(c.toId(e)), newest) ? 1 : 0;
      if (descend(last, cellRank(below) + 1) == FAULT) return FAULT;
    }
    const e = c.here();
    if (c.flagsOf(e) & FLAG_FILLED) open = false;
    else if (cellRank(below) < rankOf(c.afterId(e)) && anyLive(below, cellOf(c.afterId(e))))
      open = true;
    below = cellOf(c.toId(e));
    const status = pathNext();
    if (status == FAULT) return FAULT;
    if (status == 0 || c.lastChunk(c.here()) != last) break;
  }
  return open || anyLive(below, newest) ? 1 : 0;
}

/**
 * One step of a copy-out: the old contents of `count` chunks from `chunk` lie at `place` (or are
 * zeros: a hole), for every view that needs them. Answers how many chunks are done (0: the first is
 * for some of its views; call again), or a status with nothing changed.
 */
export function copyOutStep(chunk: u64, count: u32, place: u64, hole: bool): i32 {
  const ready = prepare(1, LEAVE_ALL);
  if (ready < 0) return ready;
  const newest = top();
  const kind: u32 = hole ? FLAG_HOLE : 0;
  if (hole) place = 0;
  assertThat(newest != <u32>BOTTOM, 5);
  const status = descend(chunk, 0);
  if (status == FAULT) return FAULT;
  const start = status == 1 ? c.firstChunk(c.here()) : <u64>-1;
  if (start <= chunk) return fillColumn(newest, chunk, count, place, kind);
  const done = <u32>min<u64>(min<u32>(count, c.COUNT_MAX), start - chunk);
  c.putEntry(NEW, chunk, done, 0, load<u32>(newest), place, FLAG_FILLED | kind);
  putJoined(chunk, 0, 0, 1, 0);
  append(kind, done, chunk, place);
  return done;
}

function append(flags: u32, n: u32, chunk: u64, place: u64): void {
  journalAppend(OP_COPY_OUT, flags, n, ORIGIN, chunk, place);
}

function fillColumn(newest: u32, chunk: u64, count: u32, place: u64, kind: u32): i32 {
  const last = c.lastChunk(c.here());
  const first = c.firstChunk(c.here());
  const old = c.gather();
  if (old == FAULT) return FAULT;
  if (old == c.TOO_MANY) return fillLowest(newest, last, place, kind);
  const again = namedInOld(old, chunk, place);
  const room = again ? 1 : min<u32>(count, c.widthOf(2 * old + 1));
  const part = <u32>min<u64>(room, last + 1 - chunk);
  const gaps = listGaps(old, newest, chunk, part, place, kind, again);
  if (gaps == 0) return again ? part : unneeded(chunk, part, place, kind);
  const middle = old + gaps;
  const n = c.assemble(old, middle, first, last, chunk, part);
  putJoined(first, 0, old, n, chunk > first ? old : 0);
  append(again ? kind | OP_AGAIN : kind, part, chunk, place);
  return part;
}

/**
 * Whether a step before this one, while the column was wide, has named the place of `chunk`: it is
 * not free any more, and every entry that names it is shared.
 */
function namedInOld(old: u32, chunk: u64, place: u64): bool {
  for (let i: u32 = 0; i < old; i++) {
    const e = c.listAt(OLD, i);
    if (names(e, place - (chunk - c.firstChunk(e)))) return true;
  }
  return false;
}

// @ts-ignore: decorator
@inline
function names(entry: usize, place: u64): bool {
  return c.placeOf(entry) == place && (c.flagsOf(entry) & FLAG_HOLE) == 0;
}

/** While the copy was made, the views that needed it were written: nobody names the place. */
function unneeded(chunk: u64, part: u32, place: u64, kind: u32): i32 {
  if (place != 0) spaceHold(place, part);
  append(kind, part, chunk, place);
  return part;
}

/**
 * MIDDLE becomes the `old` entries of OLD with an entry for `place` in every gap; answers how many
 * gaps there were.
 */
function listGaps(
  old: u32,
  newest: u32,
  chunk: u64,
  part: u32,
  place: u64,
  kind: u32,
  again: bool,
): u32 {
  let below = <u32>BOTTOM;
  let n: u32 = 0;
  let gaps: u32 = 0;
  c.copyPart(old, NEW, chunk, part);
  for (let i: u32 = 0; i <= old; i++) {
    const e = c.listAt(NEW, i);
    const above = i < old ? cellOf(c.afterId(e)) : newest;
    if (cellRank(below) < cellRank(above) && anyLive(below, above)) {
      const flags = FLAG_FILLED | kind;
      c.putEntry(
        c.listAt(MIDDLE, n++),
        chunk,
        part,
        load<u32>(below),
        load<u32>(above),
        place,
        flags,
      );
      gaps++;
    }
    if (i == old) break;
    memory.copy(c.listAt(MIDDLE, n++), e, 24);
    below = cellOf(c.toId(e));
  }
  const shared = kind == 0 && (again || gaps > 1);
  for (let i: u32 = 0; i < n && shared; i++) {
    const e = c.listAt(MIDDLE, i);
    if (names(e, place)) c.setFlags(e, c.flagsOf(e) | FLAG_SHARED);
  }
  const highest = c.listAt(MIDDLE, n - 1);
  c.setFlags(highest, c.flagsOf(highest) | FLAG_FILLED);
  return gaps;
}

/**
 * A wide column: one step fills its lowest gap. Each is an operation of its own, so that a commit
 * or a checkpoint that comes between two of them has what the tree has. 1: no gap is left; 0: call
 * again; FAULT.
 */
function fillLowest(newest: u32, last: u64, place: u64, kind: u32): i32 {
  if (c.columnTop(last) == FAULT) return FAULT;
  const highest = c.here();
  let below = c.flagsOf(highest) & FLAG_FILLED ? cellOf(c.toId(highest)) : <u32>BOTTOM;
  let gapBelow: u32 = 0;
  let gapAbove: u32 = 0;
  let more = false;
  let again = false;
  let status = descend(last, cellRank(below) + 1);
  while (!more) {
    if (status == FAULT) return FAULT;
    const inside = status == 1 && c.lastChunk(c.here()) == last;
    const above = inside ? cellOf(c.afterId(c.here())) : newest;
    if (cellRank(below) < cellRank(above) && anyLive(below, above)) {
      more = gapAbove != 0;
      if (!more) {
        gapBelow = below;
        gapAbove = above;
      }
    }
    if (!inside) break;
    again = again || names(c.here(), place);
    below = cellOf(c.toId(c.here()));
    status = pathNext();
  }
  if (gapAbove == 0) return again ? 1 : unneeded(last, 1, place, kind);
  if (!more && gapAbove != newest) markFilled(last);
  const shared = kind == 0 && (again || more) ? FLAG_SHARED : kind;
  putGap(last, gapBelow, gapAbove, place, gapAbove == newest ? shared | FLAG_FILLED : shared);
  append(kind | (more ? OP_PART : 0) | (again ? OP_AGAIN : 0), 1, last, place);
  return more ? 0 : 1;
}

/** Nothing below the highest entry of a wide column is without an entry any more. */
function markFilled(last: u64): void {
  c.columnTop(last);
  shadowPath();
  c.setFlags(c.here(), c.flagsOf(c.here()) | FLAG_FILLED);
}

/** Puts an entry (below, above] into a wide column. */
function putGap(last: u64, below: u32, above: u32, place: u64, flags: u32): void {
  c.putEntry(NEW, last, 1, load<u32>(below), load<u32>(above), place, flags);
  c.replace(last, cellRank(below) + 1, 0, 1);
}
