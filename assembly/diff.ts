/**
 * Where two views differ: one walk over the columns for both, which compares what entries they see.
 * Chunks at the same place are the same; nothing is read.
 */
import { RUNS_MAX, ZERO_DEFAULT } from "./memory";
import { FLAG_HOLE, FLAG_UNDER } from "./layout";
import { FAULT, NOT_FOUND } from "./status";
import { cellRank, liveCell, rankOf } from "./timeline";
import { count, entryAt } from "./btree/node";
import { descend, pathIndex, pathNext, pathPage } from "./btree/path";
import { addRun, cover, someOr } from "./range";
import { entryMask, isMasked, maskOf } from "./bitmap/mask";
import * as c from "./columns";

/** Kinds of runs: below RUN_SHARED, so that neighbours are joined whatever their places. */
export const RUN_SAME: u32 = 0;
export const RUN_DIFFERENT: u32 = 1;

/** What a view sees of a column: a place, or one of these. */
const UNKNOWN: u64 = <u64>-1;
const UNDER: u64 = <u64>-2;
const ZEROS: u64 = <u64>-3;
const LOST: u64 = <u64>-4;
const MISSING: u64 = <u64>-5;

/** Entries of a column that are looked at one after the other before it is searched. */
const NEAR: u32 = 16;
/** Columns of one call: some milliseconds. */
const COLUMNS_MAX: u32 = 1 << 15;

/**
 * Whether `count` chunks of two views from `chunk` are the same: runs in RUNS, perhaps not for all
 * chunks. Answers the number of runs, NOT_FOUND, or FAULT.
 */
export function diff(a: u32, b: u32, chunk: u64, count: u32): i32 {
  const left = liveCell(a);
  const right = liveCell(b);
  if (left == 0 || right == 0) return NOT_FOUND;
  const end = chunk + count;
  let n: u32 = 0;
  let status = descend(chunk, 0);
  for (let columns: u32 = 0; chunk < end && n < RUNS_MAX - 1 && columns < COLUMNS_MAX; columns++) {
    if (status == FAULT) return someOr(n);
    const first = status == 0 ? end : c.firstChunk(c.here());
    if (first > chunk) {
      const stop = min<u64>(first, end);
      n = addRun(n, RUN_SAME, stop - chunk, 0);
      chunk = stop;
      continue;
    }
    const last = c.lastChunk(c.here());
    const different = isMasked()
      ? differInMasks(maskOf(left), maskOf(right), last)
      : differInRanges(left, right, last);
    if (different == FAULT) return someOr(n);
    const stop = min<u64>(last + 1, end);
    n = addRun(n, different == 1 ? RUN_DIFFERENT : RUN_SAME, stop - chunk, 0);
    chunk = stop;
    if (chunk < end) status = isAtFront(last) ? c.nextColumn() : descend(chunk, 0);
  }
  return n;
}

/** Whether the path is still in the column that ends at `last`. */
function isAtFront(last: u64): bool {
  return pathIndex(0) < count(pathPage(0)) && c.lastChunk(c.here()) == last;
}

/** 1, 0, FAULT. */
function differInRanges(left: u32, right: u32, last: u64): i32 {
  const a = cellRank(left);
  const b = cellRank(right);
  const page = pathPage(0);
  const n = min<u32>(count(page), pathIndex(0) + NEAR);
  let x = UNKNOWN;
  let y = UNKNOWN;
  for (let i = pathIndex(0); i < n; i++) {
    const e = entryAt(page, i) as usize;
    if (c.lastChunk(e) != last) return differ(known(x), known(y));
    const to = rankOf(c.toId(e));
    if (to < a && to < b) continue;
    const after = rankOf(c.afterId(e));
    if (x == UNKNOWN && to >= a && after < a) x = sight(e);
    if (y == UNKNOWN && to >= b && after < b) y = sight(e);
    if (x != UNKNOWN && y != UNKNOWN) return differ(x, y);
  }
  if (x == UNKNOWN) x = search(a, load<u32>(left), last);
  if (x == MISSING) return FAULT;
  if (y == UNKNOWN) y = search(b, load<u32>(right), last);
  if (y == MISSING) return FAULT;
  return differ(x, y);
}

/** What the view of this rank sees of the column that ends at `last`. The path moves. */
function search(rank: u64, view: u32, last: u64): u64 {
  const status = descend(last, 0);
  if (status == FAULT) return MISSING;
  const covered = cover(rank, view);
  if (covered == FAULT) return MISSING;
  return covered == 1 ? sight(c.here()) : UNDER;
}

/** 1, 0, FAULT. An entry that names the view counts, else the last one, the origin's own. */
function differInMasks(a: u64, b: u64, last: u64): i32 {
  let x = UNKNOWN;
  let y = UNKNOWN;
  while (true) {
    const e = c.here();
    const mask = entryMask(e);
    if (x == UNKNOWN && ((mask & a) != 0 || mask == 0)) x = sight(e);
    if (y == UNKNOWN && ((mask & b) != 0 || mask == 0)) y = sight(e);
    if (x != UNKNOWN && y != UNKNOWN) break;
    const status = pathNext();
    if (status == FAULT) return FAULT;
    if (status == 0 || c.lastChunk(c.here()) != last) break;
  }
  return differ(known(x), known(y));
}

function sight(entry: usize): u64 {
  const flags = c.flagsOf(entry);
  if (isMasked() && (flags & FLAG_UNDER) != 0) return UNDER;
  if (flags & FLAG_HOLE) return c.isLost(entry) ? LOST : ZEROS;
  return c.placeOf(entry);
}

/** A view without an entry sees what lies under the store. */
function known(sight: u64): u64 {
  return sight == UNKNOWN ? UNDER : sight;
}

/** What is lost is as nothing else: who relies on the answer must look, and is told. */
function differ(x: u64, y: u64): i32 {
  if (x == LOST || y == LOST) return 1;
  if (x == UNDER && load<u32>(ZERO_DEFAULT) != 0) x = ZEROS;
  if (y == UNDER && load<u32>(ZERO_DEFAULT) != 0) y = ZEROS;
  return x == y ? 0 : 1;
}
