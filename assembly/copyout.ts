/**
 * Attached origin: before the origin's chunks are overwritten, every live view that has no entry
 * for them needs one (I5). One copy serves all of them, however many parts of the timeline that is;
 * the parts' entries name the same place.
 */
import { BOTTOM, MIDDLE, NEW, OLD, RUNS_MAX } from "./memory";
import {
  FLAG_AROUND,
  FLAG_FILLED,
  FLAG_HOLE,
  FLAG_SHARED,
  OP_AGAIN,
  OP_COPY_OUT,
  OP_PART,
} from "./layout";
import { FAULT } from "./status";
import { assertThat } from "./assert";
import { anyLive, cellOf, cellRank, liveCell, ORIGIN, previousLive, rankOf } from "./timeline";
import { shadowPath } from "./btree/change";
import { descend, pathNext } from "./btree/path";
import { LEAVE_ALL, prepare } from "./prepare";
import { journalAppend } from "./journal";
import { spaceHold } from "./space";
import { addRun, putJoined, someOr } from "./range";
import { needsCopy } from "./bitmap/lookup";
import { isMasked } from "./bitmap/mask";
import { AROUND_ENTRIES, flatten, insideFrom } from "./around";
import { shareAll } from "./named";
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
    const open = isMasked() ? needsCopy() : hasGap(newest);
    if (open == FAULT) return someOr(n);
    n = addRun(n, open == 1 ? RUN_COPY : RUN_READY, stop - chunk, 0);
    chunk = stop;
  }
  return n;
}

/**
 * Whether a live view at or below `newest` has no entry in the column at the path. 1, 0, FAULT.
 * The lowest gap so far is (from, end]; an entry around others closes what it spans.
 */
function hasGap(newest: u32): i32 {
  const last = c.lastChunk(c.here());
  let below = <u32>BOTTOM;
  let from = <u32>BOTTOM;
  let end = <u32>BOTTOM;
  for (let steps = 0; ; steps++) {
    if (steps == 8) {
      const status = c.columnTop(last);
      if (status == FAULT) return FAULT;
      const e = c.here();
      if (c.flagsOf(e) & FLAG_FILLED) return anyLive(cellOf(c.toId(e)), newest) ? 1 : 0;
      if (descend(last, cellRank(below) + 1) == FAULT) return FAULT;
    }
    const e = c.here();
    const after = cellOf(c.afterId(e));
    const flags = c.flagsOf(e);
    if (flags & FLAG_FILLED) {
      end = from;
    } else if (flags & FLAG_AROUND && cellRank(after) < cellRank(end)) {
      end = after;
      if (cellRank(from) >= cellRank(end) || !anyLive(from, end)) end = from;
    } else if (from == end && cellRank(below) < cellRank(after) && anyLive(below, after)) {
      from = below;
      end = after;
    }
    below = cellOf(c.toId(e));
    const status = pathNext();
    if (status == FAULT) return FAULT;
    if (status == 0 || c.lastChunk(c.here()) != last) break;
  }
  return from != end || anyLive(below, newest) ? 1 : 0;
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
  const middle = fillGaps(old, newest, chunk, part, place, kind, again);
  if (middle == 0) return again ? part : unneeded(chunk, part, place, kind);
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
    if (c.names(e, place - (chunk - c.firstChunk(e)))) return true;
  }
  return false;
}

/** While the copy was made, the views that needed it were written: nobody names the place. */
function unneeded(chunk: u64, part: u32, place: u64, kind: u32): i32 {
  if (kind == 0) spaceHold(place, part);
  append(kind, part, chunk, place);
  return part;
}

/**
 * MIDDLE becomes the `old` entries of OLD with an entry for `place` around all gaps, or in a column
 * of too many entries one in each. Answers the number of entries, 0 where there was no gap.
 */
function fillGaps(
  old: u32,
  newest: u32,
  chunk: u64,
  part: u32,
  place: u64,
  kind: u32,
  again: bool,
): u32 {
  c.copyPart(old, MIDDLE, chunk, part);
  const around = old < AROUND_ENTRIES;
  let n = around ? old : flatten(old);
  let gaps: u32 = 0;
  let highest = newest;
  let lowest = newest;
  let above = newest;
  for (let at = n; ; ) {
    const below = at > 0 ? cellOf(c.toId(c.listAt(MIDDLE, at - 1))) : <u32>BOTTOM;
    if (cellRank(below) < cellRank(above) && anyLive(below, above)) {
      if (gaps++ == 0) highest = above;
      lowest = below;
      if (!around) putGapAt(n++, at, chunk, part, below, above, place, kind);
    }
    if (at == 0) break;
    above = cellOf(c.afterId(c.listAt(MIDDLE, at - 1)));
    at = insideFrom(MIDDLE, at - 1, cellRank(above));
  }
  if (gaps == 0) return 0;
  if (around) {
    const at = c.searchList(MIDDLE, n, cellRank(highest));
    const flags = gaps > 1 ? kind | FLAG_AROUND : kind;
    putGapAt(n++, at, chunk, part, lowest, highest, place, flags);
  }
  if (kind == 0 && (again || (gaps > 1 && !around))) shareAll(n, place);
  const last = c.listAt(MIDDLE, n - 1);
  c.setFlags(last, c.flagsOf(last) | FLAG_FILLED);
  return n;
}

/** Inserts an entry (below, above] at index `at` of MIDDLE, which has `n`. */
function putGapAt(
  n: u32,
  at: u32,
  chunk: u64,
  part: u32,
  below: u32,
  above: u32,
  place: u64,
  flags: u32,
): void {
  c.openList(MIDDLE, n, at, 1);
  const e = c.listAt(MIDDLE, at);
  const kept = FLAG_FILLED | flags;
  c.putEntry(e, chunk, part, load<u32>(below), load<u32>(above), place, kept);
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
    again = again || c.names(c.here(), place);
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
