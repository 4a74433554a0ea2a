/**
 * The two kinds of stores in the tree, behind one name each: what a request asks and what it
 * changes. What is the same for both is done here, what an entry says of its views by the kind.
 */
import { FLAG_HOLE, LOST_PLACE, OP_AGAIN, OP_MAP, OP_SUMS_MAX } from "./layout";
import { FAULT, NOT_FOUND } from "./status";
import { assertThat, DAMAGED } from "./assert";
import { liveCell } from "./timeline";
import { descend } from "./btree/path";
import { LEAVE_ALL, LEAVE_HALF, prepare } from "./prepare";
import { journalAppend } from "./journal";
import { hasSums, sumChunks, sumNeed } from "./sums";
import { isMasked } from "./bitmap/mask";
import * as masks from "./bitmap/lookup";
import * as bitmap from "./bitmap/map";
import * as range from "./range";
import * as out from "./copyout";
import * as c from "./columns";

/**
 * Where `count` chunks of a view from `chunk` lie: runs in RUNS, at most RUNS_MAX, so perhaps not
 * all chunks. Answers the number of runs. With `writing` PRIVATE is told from SHARED.
 */
export function lookup(view: u32, chunk: u64, count: u32, writing: bool): i32 {
  return isMasked()
    ? masks.lookup(view, chunk, count, writing)
    : range.lookup(view, chunk, count, writing);
}

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
  if (hole) place = holePlace(place);
  const status = descend(chunk, 0);
  if (status == FAULT) return FAULT;
  const start = status == 1 ? c.firstChunk(c.here()) : <u64>-1;
  let done: i32;
  if (start > chunk) {
    assertThat((how & OP_AGAIN) == 0, DAMAGED + 3);
    done = <i32>min<u64>(min<u32>(count, c.COUNT_MAX), start - chunk);
    if (isMasked()) bitmap.mapGap(cell, chunk, done, place, hole);
    else range.mapGap(cell, chunk, done, place, hole);
  } else {
    done = isMasked()
      ? bitmap.mapColumn(cell, chunk, count, place, how)
      : range.mapColumn(cell, chunk, count, place, how);
  }
  if (done > 0) journalAppend(OP_MAP, how, done, view, chunk, place);
  return done;
}

/**
 * What an entry of a hole has for a place: 0, or LOST_PLACE, which only a repair asks for that
 * replays what it cannot keep.
 */
function holePlace(place: u64): u64 {
  return place == LOST_PLACE ? place : 0;
}

/**
 * One step of a copy-out: the old contents of `count` chunks from `chunk` lie at `place` (or are
 * zeros: a hole), for every view that needs them. Answers how many chunks are done (0: the first is
 * for some of its views; call again), or a status with nothing changed. The chunks at `address`
 * become the sums of the places, where there are sums; 0: they do not.
 */
export function copyOutStep(chunk: u64, count: u32, place: u64, hole: bool, address: usize): i32 {
  if (hole || address == 0 || !hasSums()) return copyOut(chunk, count, place, hole);
  count = min<u32>(count, OP_SUMS_MAX);
  // Slots first: what makes them free must not take the pages that are needed.
  const ready = prepare(1, LEAVE_ALL);
  if (ready < 0) return ready;
  if (sumNeed(place, count) < 0) return FAULT;
  const done = copyOut(chunk, count, place, hole);
  if (done >= 0) sumChunks(place, max<u32>(1, done), address);
  return done;
}

function copyOut(chunk: u64, count: u32, place: u64, hole: bool): i32 {
  if (hole) place = holePlace(place);
  return isMasked()
    ? bitmap.copyOutStep(chunk, count, place, hole)
    : out.copyOutStep(chunk, count, place, hole);
}
