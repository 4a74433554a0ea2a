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
  ENTRY_BYTES,
  FLAG_HOLE,
  FLAG_SHARED,
  OP_RECLAIM,
  OP_RECLAIM_BEGIN,
  OP_RECLAIM_END,
} from "./layout";
import { FAULT } from "./status";
import { assertThat, DAMAGED } from "./assert";
import { cellOf, markDying, rankOf, removeDying } from "./timeline";
import { descend, pathNext, pathPrevious } from "./btree/path";
import { LEAVE_NOTHING, prepare } from "./prepare";
import { journalAppend, journalReclaim } from "./journal";
import { spaceHold } from "./space";
import { putJoined } from "./range";
import { tidyMasks } from "./bitmap/map";
import { isMasked } from "./bitmap/mask";
import { listNames } from "./named";
import { changed, tidied, tidy, tidyLeaf } from "./tidy";
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

/**
 * The columns of one leaf, or one column, or one window of a wide one. How many entries it looked
 * at; 0: the walk is over; or a status.
 */
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
    // A record says where its columns begin and end, which is not where a leaf does.
    const seen = isMasked() || load<u32>(REPLAYING) ? 0 : tidyLeaf();
    if (seen > 0) {
      journalReclaim(first, load<u64>(RECLAIM_CHUNK));
      return seen;
    }
    const n = c.gather();
    if (n == FAULT) return FAULT;
    if (n != c.TOO_MANY) {
      if (isMasked()) tidyMasks(n);
      else tidyColumn(n);
      journalReclaim(first, last + 1);
      store<u64>(RECLAIM_CHUNK, last + 1);
      return n;
    }
    if (descend(last, 0) == FAULT) return FAULT;
  }
  assertThat(!isMasked(), DAMAGED + 54);
  return tidyWindow(last, from);
}

/** The `n` entries of OLD are a whole column. */
function tidyColumn(n: u32): void {
  const first = c.firstChunk(OLD);
  const kept = tidy(n, <u32>BOTTOM);
  if (!changed(n, kept)) return;
  tidied(n, kept);
  putJoined(first, 0, n, kept, 0);
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
  return n;
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
