/**
 * What the range store decides: where a view's chunks lie, what a write needs, and how the tree is
 * after it (design 4). One rule: a view's own write makes (previous live view, v] -> place, and
 * what covered v before keeps the sides that a live view still sees.
 */
import {
  BELOW,
  FOUND,
  JOURNAL_DURABLE,
  JOURNAL_SEQUENCE,
  MIDDLE,
  NEW,
  OLD,
  RUN_COUNT,
  RUNS,
  RUNS_MAX,
  SHARED_DROPPED,
  ZERO_DEFAULT,
} from "./memory";
import {
  ENTRY_AFTER,
  ENTRY_BYTES,
  ENTRY_TO,
  FLAG_AROUND,
  FLAG_FILLED,
  FLAG_HOLE,
  FLAGS,
  FLAG_SHARED,
  OP_AGAIN,
} from "./layout";
import { FAULT, NOT_FOUND } from "./status";
import { assertThat, DAMAGED } from "./assert";
import {
  anyLiveBut,
  cellOf,
  cellRank,
  liveAtOrBefore,
  liveCell,
  previousLive,
  rankOf,
} from "./timeline";
import {
  AROUND_ENTRIES,
  aroundFlag,
  coverer,
  flatten,
  highestOwn,
  insideFrom,
  lowestOwn,
} from "./around";
import { advance, descend, pathIndex, pathNext, pathPrevious } from "./btree/path";
import { noteSparse } from "./prepare";
import { epoch, isUnsettled } from "./journal";
import { spaceHold } from "./space";
import { MISSING, seek } from "./seek";
import { hasSums, sumRun } from "./sums";
import { isNamed, listNames, shareAll, shareNamed } from "./named";
import * as c from "./columns";

/**
 * Kinds of runs. A mapped run is PRIVATE where the view may overwrite it in place; only plans for
 * writing tell.
 */
export const RUN_UNMAPPED: u32 = 0;
export const RUN_HOLE: u32 = 1;
/** A hole to who writes; who reads must be told. */
export const RUN_LOST: u32 = 2;
export const RUN_SHARED: u32 = 3;
export const RUN_PRIVATE: u32 = 4;

/** Adds a run to RUNS, or makes the last one longer; answers the number of runs. */
export function addRun(n: u32, kind: u32, count: u64, place: u64): u32 {
  if (n > 0) {
    const last = RUNS + ((n - 1) << 4);
    const have = load<u32>(last, 4);
    const follows = kind < RUN_SHARED || load<f64>(last, 8) + <f64>have == <f64>place;
    if (load<u32>(last) == kind && follows) {
      store<u32>(last, have + <u32>count, 4);
      return n;
    }
  }
  const at = RUNS + (n << 4);
  store<u32>(at, kind);
  store<u32>(at, <u32>count, 4);
  store<f64>(at, <f64>place, 8);
  return n + 1;
}

/**
 * As `addRun`, for chunks `chunk` .. `stop - 1` of the entry in FOUND; the number of runs goes to
 * RUN_COUNT. What could be overwritten is not where it has a sum, and is added only as far as that
 * is the same. Answers how many chunks; 0: a page is missing.
 */
export function addPlaces(n: u32, kind: u32, chunk: u64, stop: u64): u32 {
  const place = load<u64>(FOUND) + (chunk - load<u64>(FOUND, 8));
  let part = <u32>(stop - chunk);
  if (kind == RUN_PRIVATE && hasSums()) {
    const alike = sumRun(place, part);
    if (alike < 0) return 0;
    if (alike & 1) kind = RUN_SHARED;
    part = alike >>> 1;
  }
  store<u32>(RUN_COUNT, addRun(n, kind, part, place));
  return part;
}

/**
 * Moves the path from the front of a column to the entry that the view of this rank belongs to. 1;
 * 0: to none (the path is spoilt); FAULT.
 */
export function cover(rank: u64, seat: u32): i32 {
  const last = c.lastChunk(c.here());
  let status = 1;
  if (c.toId(c.here()) != seat && rankOf(c.toId(c.here())) < rank) status = advance(last, rank);
  // No entry around others stands behind so many.
  for (let n: u32 = 0; status == 1 && c.lastChunk(c.here()) == last; n++) {
    if (c.toId(c.here()) == seat || rankOf(c.afterId(c.here())) < rank) return 1;
    if (n == AROUND_ENTRIES) return 0;
    status = pathNext();
  }
  return status == FAULT ? FAULT : 0;
}

/**
 * The answer for one chunk from `entry`, the first at or after it (0: none): one run in RUNS, and
 * 1; NOT_FOUND; 0 where it takes more than this entry to tell.
 */
export function lookupAt(entry: u32, view: u32, chunk: u64): i32 {
  const cell = liveCell(view);
  if (cell == 0) return NOT_FOUND;
  const e = entry as usize;
  if (entry == 0 || c.firstChunk(e) > chunk) return oneRun(RUN_UNMAPPED, 0);
  const rank = cellRank(cell);
  if (c.toId(e) != load<u32>(cell)) {
    if (rankOf(c.toId(e)) < rank) return 0;
    if (rankOf(c.afterId(e)) >= rank) return 0;
  }
  if (c.flagsOf(e) & FLAG_HOLE) return oneRun(c.isLost(e) ? RUN_LOST : RUN_HOLE, 0);
  return oneRun(RUN_SHARED, c.placeOf(e) + (chunk - c.firstChunk(e)));
}

// @ts-ignore: decorator
@inline
function oneRun(kind: u32, place: u64): i32 {
  store<u32>(RUNS, kind);
  store<u32>(RUNS, 1, 4);
  store<f64>(RUNS, <f64>place, 8);
  return 1;
}

/**
 * Where `count` chunks of a view from `chunk` lie: runs in RUNS, at most RUNS_MAX, so perhaps not
 * all chunks. Answers the number of runs. With `writing` PRIVATE is told from SHARED.
 */
export function lookup(view: u32, chunk: u64, count: u32, writing: bool): i32 {
  if (count == 1 && !writing) {
    const entry = seek(chunk);
    if (entry == MISSING) return FAULT;
    const runs = lookupAt(entry, view, chunk);
    if (runs != 0) return runs;
  }
  const cell = liveCell(view);
  if (cell == 0) return NOT_FOUND;
  const rank = cellRank(cell);
  const seat = load<u32>(cell);
  const end = chunk + count;
  let n: u32 = 0;
  let status = descend(chunk, 0);
  while (chunk < end && n < RUNS_MAX - 1) {
    if (status == FAULT) return someOr(n);
    const first = status == 0 ? end : c.firstChunk(c.here());
    if (first > chunk) {
      const stop = min<u64>(first, end);
      n = addRun(n, RUN_UNMAPPED, stop - chunk, 0);
      chunk = stop;
      continue;
    }
    const last = c.lastChunk(c.here());
    const stop = min<u64>(last + 1, end);
    const covered = cover(rank, seat);
    if (covered == FAULT) return someOr(n);
    const kind = covered == 0 ? RUN_UNMAPPED : runKind(cell, last, writing);
    if (<i32>kind == FAULT) return someOr(n);
    const part = addPlaces(n, kind, chunk, stop);
    if (part == 0) return someOr(n);
    n = load<u32>(RUN_COUNT);
    chunk += part;
    if (chunk < end) status = covered == 1 && !writing ? c.nextColumn() : descend(chunk, 0);
  }
  return n;
}

/**
 * A page is missing: what was found so far is an answer, too. Else a walk over more pages than the
 * cache holds would begin anew for ever.
 */
export function someOr(n: u32): i32 {
  return n > 0 ? n : FAULT;
}

/** Kind of the path's entry, which covers the view; its place and first chunk go to FOUND. */
function runKind(cell: u32, last: u64, writing: bool): u32 {
  const e = c.here();
  store<u64>(FOUND, c.placeOf(e));
  store<u64>(FOUND, c.firstChunk(e), 8);
  if (c.flagsOf(e) & FLAG_HOLE) return c.isLost(e) ? RUN_LOST : RUN_HOLE;
  if (!writing) return RUN_SHARED;
  const answer = isPrivate(e, cell, last);
  return answer == FAULT ? <u32>FAULT : answer == 1 ? RUN_PRIVATE : RUN_SHARED;
}

/**
 * Whether no other live view sees the place of the entry at the path, now and after a crash. 1, 0,
 * FAULT; the path may be spoilt.
 */
function isPrivate(entry: usize, cell: u32, last: u64): i32 {
  const flags = c.flagsOf(entry);
  if (isUnsettled(flags)) return 0;
  const to = c.toId(entry);
  const place = c.placeOf(entry);
  const others =
    flags & FLAG_AROUND
      ? anyOther(last, cell)
      : <i32>anyLiveBut(cellOf(c.afterId(entry)), cellOf(to), cell);
  if (others != 0) return others == FAULT ? FAULT : 0;
  if ((flags & FLAG_SHARED) == 0) return 1;
  if (load<u64>(SHARED_DROPPED) > load<u64>(JOURNAL_DURABLE)) return 0;
  const named = isNamed(last, place, to, true);
  return named == FAULT ? FAULT : 1 - named;
}

/**
 * Whether the path's entry, with others inside, is for a live view other than the one of `cell`.
 * 1, 0, FAULT. The path is spoilt.
 */
function anyOther(last: u64, cell: u32): i32 {
  const to = c.toId(c.here());
  let highest = liveAtOrBefore(cellOf(to));
  if (highest == cell) highest = previousLive(cell);
  // Mostly the highest tells: no entry inside ends at it or above.
  const status = pathPrevious();
  if (status == FAULT) return FAULT;
  const inside = status == 1 && c.lastChunk(c.here()) == last ? rankOf(c.toId(c.here())) : 0;
  if (inside < cellRank(highest)) return 1;
  if (descend(last, 0) == FAULT) return FAULT;
  const n = c.gather();
  if (n == FAULT) return FAULT;
  return highestOwn(OLD, c.searchList(OLD, n, rankOf(to)), cell) == 0 ? 0 : 1;
}

/** Whether a hole with this place is what a view sees without an entry. */
export function isDefault(place: u64): bool {
  return load<u32>(ZERO_DEFAULT) != 0 && place == 0;
}

/** No view has an entry for these chunks. */
export function mapGap(cell: u32, chunk: u64, part: u32, place: u64, hole: bool): void {
  if (hole && isDefault(place)) return;
  const after = load<u32>(previousLive(cell));
  c.putEntry(NEW, chunk, part, after, load<u32>(cell), place, hole ? FLAG_HOLE : 0);
  putJoined(chunk, 0, 0, 1, 0);
}

/**
 * Replaces OLD by NEW and joins at both ends of the part that begins with entry `from` of NEW and
 * has `middle` entries.
 */
export function putJoined(chunk: u64, rank: u64, old: u32, n: u32, from: u32): void {
  const index = c.replace(chunk, rank, old, n);
  if (index < 0) return;
  const behind = c.joinAt(<u32>index + from) ? pathIndex(0) : <u32>index + from;
  c.joinAt(c.columnEnd(behind));
  noteSparse(chunk);
}

/** The column at the path has an entry for `chunk`. Answers as `mapStep` (`kinds.ts`). */
export function mapColumn(cell: u32, chunk: u64, count: u32, place: u64, how: u32): i32 {
  const hole = (how & FLAG_HOLE) != 0;
  const last = c.lastChunk(c.here());
  const first = c.firstChunk(c.here());
  const seat = load<u32>(cell);
  const rank = cellRank(cell);
  let old = c.gather();
  const wide = old == c.TOO_MANY;
  assertThat(!wide || first == last, DAMAGED + 2);
  if (wide) old = c.window(last, rank);
  if (old == FAULT) return FAULT;
  const part = <u32>min<u64>(min<u32>(count, c.widthOf(wide ? 0 : old + 2)), last + 1 - chunk);
  c.copyPart(old, MIDDLE, chunk, part);
  const inside = !wide && old < <i32>AROUND_ENTRIES;
  let n = wide || inside ? <u32>old : flatten(old);
  const index = coverer(MIDDLE, n, rank);
  const covered = index < n;
  const e = c.listAt(MIDDLE, index);
  const drop = hole && isDefault(place);
  if (!covered && drop) return part;
  if (how & OP_AGAIN) {
    if (covered && c.names(e, place)) return part;
    if (wide && shareNamed(last, place) == FAULT) return FAULT;
  }
  let low = previousLive(cell);
  let flags: u32 = hole ? FLAG_HOLE : 0;
  let freed: u64 = 0;
  if (covered) {
    const source = c.dataPlace(e);
    const isShared = (c.flagsOf(e) & FLAG_SHARED) != 0;
    const elsewhere = wide && isShared ? isNamed(last, source, c.toId(e), false) : 0;
    if (elsewhere == FAULT) return FAULT;
    if (elsewhere == 0) freed = source;
    if (isShared) store<u64>(SHARED_DROPPED, load<u64>(JOURNAL_SEQUENCE));
    flags |= c.flagsOf(e) & FLAG_FILLED;
    low = later(low, cellOf(c.afterId(e)));
    const before = n;
    n = release(index, n, cell, inside);
    // MIDDLE, not the tree: what lay around others there can be several entries by now.
    if (n >= before || (isShared && listNames(MIDDLE, n, freed))) freed = 0;
  } else if (wide) {
    low = later(low, cellOf(load<u32>(BELOW)));
  }
  if (!drop || coverer(MIDDLE, n, rank) < n) {
    const at = c.searchList(MIDDLE, n, rank);
    if (at > 0) low = later(low, cellOf(c.toId(c.listAt(MIDDLE, at - 1))));
    c.openList(MIDDLE, n++, at, 1);
    c.putEntry(c.listAt(MIDDLE, at), chunk, part, load<u32>(low), seat, place, flags);
  }
  if (how & OP_AGAIN) shareAll(n, place);
  const all = c.assemble(old, n, first, last, chunk, part);
  putJoined(first, wide ? rank : 0, old, all, chunk > first ? old : 0);
  if (freed != 0) spaceHold(freed, part);
  return part;
}

/** The later of two views (cells). */
function later(a: u32, b: u32): u32 {
  return cellRank(a) >= cellRank(b) ? a : b;
}

/**
 * Entry `index` of MIDDLE (of `n`) is no longer for the view of `cell`: it goes where it is for no
 * other live view, ends below or begins above it where it can, and else lies around it (`inside`)
 * or becomes two. Answers the number of entries.
 */
function release(index: u32, n: u32, cell: u32, inside: bool): u32 {
  const e = c.listAt(MIDDLE, index);
  const highest = highestOwn(MIDDLE, index, cell);
  if (highest == 0) {
    c.openList(MIDDLE, n, index + 1, -1);
    return n - 1;
  }
  c.setFlags(e, (c.flagsOf(e) & FLAGS) | epoch());
  if (cellRank(highest) < cellRank(cell)) {
    endAt(index, highest);
  } else if (cellRank(lowestOwn(MIDDLE, index, cell)) > cellRank(cell)) {
    store<u32>(e, load<u32>(cell), ENTRY_AFTER);
    setAround(index);
  } else if (inside) {
    c.setFlags(e, c.flagsOf(e) | FLAG_AROUND);
  } else {
    if ((c.flagsOf(e) & FLAG_HOLE) == 0) c.setFlags(e, c.flagsOf(e) | FLAG_SHARED);
    c.openList(MIDDLE, n++, index, 1);
    memory.copy(e, c.listAt(MIDDLE, index + 1), ENTRY_BYTES);
    const low = later(previousLive(cell), cellOf(c.afterId(e)));
    store<u32>(e, load<u32>(low), ENTRY_TO);
    store<u32>(c.listAt(MIDDLE, index + 1), load<u32>(cell), ENTRY_AFTER);
  }
  return n;
}

/** Entry `index` of MIDDLE ends at a lower view: it moves before those that are above that. */
function endAt(index: u32, highest: u32): void {
  const e = c.listAt(MIDDLE, index);
  store<u32>(e, load<u32>(highest), ENTRY_TO);
  if ((c.flagsOf(e) & FLAG_AROUND) == 0) return;
  const at = insideFrom(MIDDLE, index, cellRank(highest));
  if (at < index) {
    memory.copy(NEW, e, ENTRY_BYTES);
    c.openList(MIDDLE, index, at, 1);
    memory.copy(c.listAt(MIDDLE, at), NEW, ENTRY_BYTES);
  }
  setAround(at);
}

/** After an end of entry `index` moved inwards: others may not lie inside any more. */
function setAround(index: u32): void {
  const e = c.listAt(MIDDLE, index);
  if (c.flagsOf(e) & FLAG_AROUND)
    c.setFlags(e, (c.flagsOf(e) & ~FLAG_AROUND) | aroundFlag(MIDDLE, index));
}
