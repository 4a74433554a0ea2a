/**
 * Reclaim: one walk over the tree for all views deleted before it began, in bounded, resumable
 * steps. Entries without a live view go, places that no entry of the column names are freed,
 * neighbours that are one again are joined, and the ends of entries move onto live views; at the
 * end the deleted ids are let go.
 *
 * A write during the walk names only views that live, or that its column named before; so behind
 * the walk nothing names a dying view.
 */
import {
  BOTTOM,
  MIDDLE,
  NEW,
  OLD,
  RECLAIM_ACTIVE,
  RECLAIM_CHUNK,
  RECLAIM_TO,
  REPLAYING,
} from "./memory";
import {
  ENTRY_AFTER,
  ENTRY_BYTES,
  ENTRY_TO,
  FLAG_AROUND,
  FLAG_HOLE,
  FLAG_SHARED,
  OP_RECLAIM,
  OP_RECLAIM_BEGIN,
  OP_RECLAIM_END,
} from "./layout";
import { FAULT } from "./status";
import { assertThat, DAMAGED } from "./assert";
import { cellOf, cellRank, markDying, previousLive, rankOf, removeDying } from "./timeline";
import { descend, pathNext, pathPrevious } from "./btree/path";
import { LEAVE_NOTHING, prepare } from "./prepare";
import { isUnsettled, journalAppend, journalReclaim } from "./journal";
import { spaceHold } from "./space";
import { putJoined } from "./range";
import { tidyMasks } from "./bitmap/map";
import { isMasked } from "./bitmap/mask";
import { aroundFlag, highestOwn, lowestOwn } from "./around";
import { listNames } from "./named";
import * as c from "./columns";

/** Entries of a wide column that one step looks at. */
const WINDOW: u32 = 256;
/** Places that one step frees at most. */
const STEP_FREES: u32 = 400;

/** Begins a walk. Answers how many views it is for; 0: there is nothing to do. */
export function reclaimBegin(): i32 {
  const ready = prepare(0, LEAVE_NOTHING);
  if (ready < 0) return ready;
  const dying = markDying();
  if (dying == 0) return 0;
  store<u32>(RECLAIM_ACTIVE, 1);
  store<u64>(RECLAIM_CHUNK, 0);
  store<u32>(RECLAIM_TO, 0);
  journalAppend(OP_RECLAIM_BEGIN, 0, 0, 0, 0, 0);
  return dying;
}

/** One column, or one window of a wide one. 1: more to do; 0: the walk is over; or a status. */
export function reclaimStep(): i32 {
  const ready = prepare(STEP_FREES, LEAVE_NOTHING);
  if (ready < 0) return ready;
  const chunk = load<u64>(RECLAIM_CHUNK);
  const from = load<u32>(RECLAIM_TO);
  const status = descend(chunk, from == 0 ? 0 : rankOf(from) + 1);
  if (status == FAULT) return FAULT;
  if (status == 0) {
    removeDying();
    store<u32>(RECLAIM_ACTIVE, 0);
    journalAppend(OP_RECLAIM_END, 0, 0, 0, 0, 0);
    return 0;
  }
  const last = c.lastChunk(c.here());
  if (from != 0 && last != chunk) {
    store<u64>(RECLAIM_CHUNK, last);
    store<u32>(RECLAIM_TO, 0);
    return 1;
  }
  const first = c.firstChunk(c.here());
  if (from == 0) {
    const n = c.gather();
    if (n == FAULT) return FAULT;
    if (n != c.TOO_MANY) {
      if (isMasked()) tidyMasks(n);
      else tidyColumn(n);
      journalReclaim(first, last + 1);
      store<u64>(RECLAIM_CHUNK, last + 1);
      return 1;
    }
    if (descend(last, 0) == FAULT) return FAULT;
  }
  assertThat(!isMasked(), DAMAGED + 54);
  return tidyWindow(last, from);
}

/** The `n` entries of OLD are a whole column. */
function tidyColumn(n: u32): void {
  const kept = tidy(n, <u32>BOTTOM);
  if (!changed(n, kept)) return;
  const part = c.chunkCount(OLD);
  const first = c.firstChunk(OLD);
  for (let i: u32 = 0; i < n; i++) {
    const e = c.listAt(OLD, i);
    if (
      (c.flagsOf(e) & FLAG_HOLE) == 0 &&
      !listNames(OLD, i, c.placeOf(e)) &&
      !listNames(NEW, kept, c.placeOf(e))
    ) {
      spaceHold(c.placeOf(e), part);
    }
  }
  for (let i: u32 = 0; i < kept; i++) {
    const e = c.listAt(NEW, i);
    if (c.flagsOf(e) & FLAG_SHARED && !sharedIn(kept, i))
      c.setFlags(e, c.flagsOf(e) & ~FLAG_SHARED);
  }
  putJoined(first, 0, n, kept, 0);
}

function sharedIn(n: u32, index: u32): bool {
  const place = c.placeOf(c.listAt(NEW, index));
  for (let i: u32 = 0; i < n; i++)
    if (i != index && c.placeOf(c.listAt(NEW, i)) == place) return true;
  return false;
}

function changed(old: u32, kept: u32): bool {
  if (old != kept) return true;
  const bytes = old * ENTRY_BYTES;
  for (let at: u32 = 0; at < bytes; at += 8)
    if (load<u64>(OLD + at) != load<u64>(NEW + at)) return true;
  return false;
}

/**
 * NEW becomes the `n` entries of OLD without those that no live view sees, with ends on live views
 * and joined where two that meet name the same place. `below`: cell of the view that the entry
 * before them ends at. Answers the number of entries.
 */
function tidy(n: u32, below: u32): u32 {
  let kept: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const e = c.listAt(OLD, i);
    const highest = highestOwn(OLD, i, 0);
    if (highest == 0) continue;
    let after = previousLive(lowestOwn(OLD, i, 0));
    if (cellRank(below) > cellRank(after)) after = below;
    const at = c.searchList(NEW, kept, cellRank(highest));
    const before = c.listAt(NEW, at - 1);
    if (at > 0 && c.toId(before) == load<u32>(after) && samePlace(before, e)) {
      store<u32>(before, load<u32>(highest), ENTRY_TO);
      if (isUnsettled(c.flagsOf(e))) c.setFlags(before, c.flagsOf(e) & ~FLAG_AROUND);
    } else {
      c.openList(NEW, kept++, at, 1);
      memory.copy(c.listAt(NEW, at), e, ENTRY_BYTES);
      store<u32>(c.listAt(NEW, at), load<u32>(after), ENTRY_AFTER);
      store<u32>(c.listAt(NEW, at), load<u32>(highest), ENTRY_TO);
    }
  }
  for (let i: u32 = 0; i < kept; i++) {
    const e = c.listAt(NEW, i);
    c.setFlags(e, (c.flagsOf(e) & ~FLAG_AROUND) | aroundFlag(NEW, i));
  }
  return kept;
}

function samePlace(a: usize, b: usize): bool {
  if ((c.flagsOf(a) ^ c.flagsOf(b)) & FLAG_HOLE) return false;
  return c.dataPlace(a) == c.dataPlace(b) && c.isLost(a) == c.isLost(b);
}

/** Up to WINDOW entries of a wide column from the path on, which end above view `from`. */
function tidyWindow(last: u64, from: u32): i32 {
  let n: u32 = 0;
  let status = 1;
  while (n < WINDOW && status == 1 && c.lastChunk(c.here()) == last) {
    memory.copy(c.listAt(OLD, n++), c.here(), ENTRY_BYTES);
    status = pathNext();
    if (status == FAULT) return FAULT;
  }
  const end = c.toId(c.listAt(OLD, n - 1));
  const rank = from == 0 ? 0 : rankOf(from) + 1;
  if (descend(last, rank) == FAULT) return FAULT;
  status = pathPrevious();
  if (status == FAULT) return FAULT;
  const below =
    status == 1 && c.lastChunk(c.here()) == last ? cellOf(c.toId(c.here())) : <u32>BOTTOM;
  const kept = tidy(n, below);
  const freed = listFreed(n, kept, last);
  if (freed == FAULT) return FAULT;
  let next = end;
  if (changed(n, kept)) {
    c.replace(last, rank, n, kept);
    for (let i = 0; i < freed; i++) spaceHold(load<u64>(MIDDLE + (i << 3)), 1);
    next = kept > 0 ? c.toId(c.listAt(NEW, kept - 1)) : from;
  }
  journalAppend(OP_RECLAIM, 1, n, from, last, 0);
  store<u64>(RECLAIM_CHUNK, last);
  store<u32>(RECLAIM_TO, next == 0 ? end : next);
  return 1;
}

/**
 * Places to MIDDLE that entries of OLD name and none of NEW, nor the rest of the column. Answers
 * how many, or FAULT.
 */
function listFreed(n: u32, kept: u32, last: u64): i32 {
  let freed = 0;
  const low = rankOf(c.toId(OLD));
  const high = rankOf(c.toId(c.listAt(OLD, n - 1)));
  for (let i: u32 = 0; i < n; i++) {
    const e = c.listAt(OLD, i);
    const place = c.placeOf(e);
    if (c.flagsOf(e) & FLAG_HOLE || listNames(OLD, i, place) || listNames(NEW, kept, place))
      continue;
    if (c.flagsOf(e) & FLAG_SHARED) {
      const outside = namedOutside(last, place, low, high);
      if (outside == FAULT) return FAULT;
      if (outside == 1) continue;
    }
    store<u64>(MIDDLE + (freed << 3), place);
    freed++;
  }
  return freed;
}

/**
 * Whether an entry of the wide column with its end outside the ranks `low` .. `high` names a place.
 * 1, 0, FAULT.
 */
function namedOutside(last: u64, place: u64, low: u64, high: u64): i32 {
  let status = descend(last, 0);
  while (status == 1 && c.lastChunk(c.here()) == last) {
    const e = c.here();
    const rank = rankOf(c.toId(e));
    if ((rank < low || rank > high) && c.placeOf(e) == place && (c.flagsOf(e) & FLAG_HOLE) == 0)
      return 1;
    status = pathNext();
  }
  return status == FAULT ? FAULT : 0;
}

/**
 * Sets the walk on an OP_RECLAIM of a journal record: columns are cut at both ends of it first (see
 * `replay.ts`).
 */
export function reclaimAt(chunk: u64, from: u32): void {
  store<u64>(RECLAIM_CHUNK, chunk);
  store<u32>(RECLAIM_TO, from);
  store<u32>(RECLAIM_ACTIVE, load<u32>(REPLAYING));
}

/** Cuts the column that crosses `chunk` there. 0, or a status. */
export function cutAt(chunk: u64): i32 {
  const ready = prepare(0, LEAVE_NOTHING);
  if (ready < 0) return ready;
  const status = descend(chunk, 0);
  if (status != 1) return status;
  const first = c.firstChunk(c.here());
  const last = c.lastChunk(c.here());
  if (first >= chunk) return 0;
  const n = c.gather();
  if (n < 0) return n;
  c.copyPart(n, MIDDLE, first, <u32>(chunk - first));
  c.replace(first, 0, n, c.assemble(n, n, first, last, first, <u32>(chunk - first)));
  return 0;
}
