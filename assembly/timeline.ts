/**
 * The timeline: all views in one total order, the bottom (seat 0) first, the origin last unless it
 * has been rolled back. A snapshot of v is inserted immediately before v, so v's predecessor is
 * always `low(v)`, and the gap that v's entries cover for snapshots to come is (predecessor, v].
 *
 * A rollback of v to s makes a snapshot of s and lets the two exchange their identity (id, name,
 * parent, date, flags, marks), not their seats: so no entry changes.
 *
 * A deleted view stays until reclaim has passed every entry that may name it. Runs of deleted views
 * are skipped by union-find: `skip` leads to the run's last cell, whose `run` is the run's first.
 * Nothing is ever inserted inside a run, because the view after an insertion point is live.
 *
 * Invariants
 * - Ranks rise strictly along the order; they are renumbered when a gap runs out and never leave
 *   memory.
 * - A seat in an entry is in the timeline (live, or deleted and not yet reclaimed).
 */
import * as m from "./memory";
import {
  MODE_ATTACHED,
  SUPER_MODE,
  SUPER_ORIGIN_SEAT,
  SUPER_VIEW_COUNT,
  VIEW_WORDS,
} from "./layout";
import {
  CELL_BY_ID,
  CELL_BY_SEAT,
  CELL_BYTES,
  CELL_CREATED,
  CELL_FLAGS,
  CELL_ID,
  CELL_NEXT,
  CELL_PARENT,
  CELL_PREVIOUS,
  CELL_RANK,
  CELL_RUN,
  CELL_SIZE,
  CELL_SKIP,
  cellRank,
  giveCell,
  idBucket,
  isLive,
  liveCell,
  ORIGIN,
  seatBucket,
  takeCell,
  unchain,
  VIEW_DYING,
  VIEW_LIVE_FLAG,
} from "./cells";
import { countBits, isMasked } from "./bitmap/mask";
import { addWords, dropName, putMarks, putName, viewWords } from "./names";
export * from "./cells";
export { findName, getMarks, getName, isNameLength, viewWords } from "./names";

const TOP_RANK: u64 = (<u64>1) << 62;
const STEP: u64 = 1 << 24;

// ---- order

/**
 * Puts a new cell between `previous` and `next` (0 at the ends of an order that is being loaded).
 */
function place(cell: u32, previous: u32, next: u32): void {
  store<u32>(cell + CELL_PREVIOUS, previous);
  store<u32>(cell + CELL_NEXT, next);
  if (previous != 0) store<u32>(previous + CELL_NEXT, cell);
  if (next != 0) store<u32>(next + CELL_PREVIOUS, cell);
}

function register(cell: u32, id: u32, seat: u32): void {
  store<u32>(cell, seat);
  const head = seatBucket(seat);
  store<u32>(cell + CELL_BY_SEAT, load<u32>(head));
  store<u32>(head, cell);
  setId(cell, id);
}

export function setId(cell: u32, id: u32): void {
  store<u32>(cell + CELL_ID, id);
  const head = idBucket(id);
  store<u32>(cell + CELL_BY_ID, load<u32>(head));
  store<u32>(head, cell);
}

export function dropId(cell: u32): void {
  unchain(idBucket(load<u32>(cell + CELL_ID)), cell, CELL_BY_ID);
}

/** Even ranks in the lower half; the gap of the last view stays the upper half. */
function renumber(): void {
  let count: u64 = 2;
  let cell = load<u32>(m.VIEW_FIRST);
  for (let at = cell; at != 0; at = load<u32>(at + CELL_NEXT)) count++;
  const step = TOP_RANK / count;
  let rank: u64 = 0;
  while (cell != 0) {
    store<u64>(cell + CELL_RANK, rank);
    rank += step;
    cell = load<u32>(cell + CELL_NEXT);
  }
  store<u64>(load<u32>(m.VIEW_LAST) + CELL_RANK, TOP_RANK * 2);
}

/**
 * A rank between two cells. New snapshots of one view come one after the other, always just before
 * it: a small step up from the predecessor leaves the rest of the gap to them.
 */
function rankBetween(previous: u32, next: u32): u64 {
  if (cellRank(next) - cellRank(previous) < 2) renumber();
  const low = cellRank(previous);
  const gap = cellRank(next) - low;
  return low + max<u64>(1, min<u64>(STEP, gap >>> 4));
}

/** The bottom and the origin of a new volume. */
export function timelineInit(size: u64, created: f64): void {
  memory.fill(m.BOTTOM, 0, CELL_BYTES);
  register(<u32>m.BOTTOM, 0, 0);
  const origin = takeCell();
  addWords(VIEW_WORDS);
  register(origin, ORIGIN, ORIGIN);
  store<u32>(origin + CELL_FLAGS, VIEW_LIVE_FLAG);
  store<f64>(origin + CELL_CREATED, created);
  store<u64>(origin + CELL_SIZE, size);
  store<u64>(origin + CELL_RANK, TOP_RANK * 2);
  store<u32>(m.VIEW_FIRST, <u32>m.BOTTOM);
  store<u32>(m.VIEW_LAST, origin);
  place(origin, <u32>m.BOTTOM, 0);
  store<u32>(m.VIEW_LIVE, 1);
}

/**
 * A new live view of the name at NAME (0 bytes: without one) just before `source`. Needs two spare
 * slots.
 */
export function insertView(id: u32, source: u32, flags: u32, created: f64, name: u32): u32 {
  const cell = takeCell();
  register(cell, id, id);
  const previous = load<u32>(source + CELL_PREVIOUS);
  store<u32>(cell + CELL_PARENT, load<u32>(source + CELL_ID));
  store<u32>(cell + CELL_FLAGS, VIEW_LIVE_FLAG | flags);
  store<f64>(cell + CELL_CREATED, created);
  store<u64>(cell + CELL_SIZE, load<u64>(source + CELL_SIZE));
  store<u64>(cell + CELL_RANK, rankBetween(previous, source));
  place(cell, previous, source);
  if (name > 0) putName(cell, name);
  addWords(viewWords(cell));
  store<u32>(m.VIEW_LIVE, load<u32>(m.VIEW_LIVE) + 1);
  countBits();
  return cell;
}

/** Adds a view read from disk at the end of the order. */
export function loadView(
  id: u32,
  seat: u32,
  parent: u32,
  flags: u32,
  created: f64,
  size: u64,
  name: u32,
): void {
  const cell = takeCell();
  register(cell, id, seat);
  store<u32>(cell + CELL_PARENT, parent);
  store<u32>(cell + CELL_FLAGS, flags);
  store<f64>(cell + CELL_CREATED, created);
  store<u64>(cell + CELL_SIZE, size);
  place(cell, load<u32>(m.VIEW_LAST), 0);
  store<u32>(m.VIEW_LAST, cell);
  if (flags & VIEW_LIVE_FLAG) {
    if (name > 0) putName(cell, name);
    store<u32>(m.VIEW_LIVE, load<u32>(m.VIEW_LIVE) + 1);
  }
  addWords(viewWords(cell));
}

export function loadBegin(): void {
  memory.fill(m.BOTTOM, 0, CELL_BYTES);
  register(<u32>m.BOTTOM, 0, 0);
  store<u32>(m.VIEW_FIRST, <u32>m.BOTTOM);
  store<u32>(m.VIEW_LAST, <u32>m.BOTTOM);
}

/**
 * Ranks and runs of a timeline just read. Whether it is one: the origin lives, and is the last
 * where nothing can have moved it.
 */
export function loadDone(): bool {
  const origin = liveCell(ORIGIN);
  if (origin == 0) return false;
  if (!canMove(ORIGIN) && origin != load<u32>(m.VIEW_LAST)) return false;
  renumber();
  for (
    let cell = load<u32>(<usize>m.BOTTOM + CELL_NEXT);
    cell != 0;
    cell = load<u32>(cell + CELL_NEXT)
  ) {
    if (!isLive(cell)) {
      store<u32>(m.VIEW_DEAD, load<u32>(m.VIEW_DEAD) + 1);
      joinRun(cell);
    }
  }
  countBits();
  return true;
}

// ---- deleted views

/** Last cell of the run of deleted views that `cell` is in. */
function runLast(cell: u32): u32 {
  let root = cell;
  while (load<u32>(root + CELL_SKIP) != 0) root = load<u32>(root + CELL_SKIP);
  while (cell != root) {
    const next = load<u32>(cell + CELL_SKIP);
    store<u32>(cell + CELL_SKIP, root);
    cell = next;
  }
  return root;
}

// @ts-ignore: decorator
@inline
function isDead(cell: u32): bool {
  return cell != 0 && cell != <u32>m.BOTTOM && !isLive(cell);
}

/** A view that has just left the live ones joins the runs beside it. */
function joinRun(cell: u32): void {
  store<u32>(cell + CELL_SKIP, 0);
  store<u32>(cell + CELL_RUN, cell);
  const previous = load<u32>(cell + CELL_PREVIOUS);
  if (isDead(previous)) {
    store<u32>(cell + CELL_RUN, load<u32>(previous + CELL_RUN));
    store<u32>(previous + CELL_SKIP, cell);
  }
  const next = load<u32>(cell + CELL_NEXT);
  if (isDead(next) && load<u32>(next + CELL_RUN) != 0) {
    const last = runLast(next);
    store<u32>(cell + CELL_SKIP, last);
    store<u32>(last + CELL_RUN, load<u32>(cell + CELL_RUN));
  }
}

export function killView(cell: u32): void {
  addWords(VIEW_WORDS - viewWords(cell));
  dropName(cell);
  putMarks(cell, 0);
  store<u32>(cell + CELL_FLAGS, load<u32>(cell + CELL_FLAGS) & ~VIEW_LIVE_FLAG);
  store<u32>(m.VIEW_LIVE, load<u32>(m.VIEW_LIVE) - 1);
  store<u32>(m.VIEW_DEAD, load<u32>(m.VIEW_DEAD) + 1);
  joinRun(cell);
  countBits();
}

/**
 * Whether the view can be rolled back by an exchange: bits are not seats, and what an attached
 * origin has is not in the store.
 */
export function canMove(id: u32): bool {
  return !isMasked() && (id != ORIGIN || load<u32>(m.SUPER + SUPER_MODE) != MODE_ATTACHED);
}

/** First live view after `cell`, or 0. */
export function nextLive(cell: u32): u32 {
  const next = load<u32>(cell + CELL_NEXT);
  return isDead(next) ? load<u32>(runLast(next) + CELL_NEXT) : next;
}

/** Last live view before `cell`, or the bottom. */
export function previousLive(cell: u32): u32 {
  const previous = load<u32>(cell + CELL_PREVIOUS);
  if (!isDead(previous)) return previous;
  return load<u32>(load<u32>(runLast(previous) + CELL_RUN) + CELL_PREVIOUS);
}

/** `cell` if it lives, else the last live view before it, or the bottom. */
export function liveAtOrBefore(cell: u32): u32 {
  return isDead(cell) ? previousLive(cell) : cell;
}

/** Whether a live view lies in (after, to]. */
export function anyLive(after: u32, to: u32): bool {
  const next = nextLive(after);
  return next != 0 && cellRank(next) <= cellRank(to);
}

/** Whether a live view other than `but` lies in (after, to]. */
export function anyLiveBut(after: u32, to: u32, but: u32): bool {
  let next = nextLive(after);
  if (next == but) next = nextLive(next);
  return next != 0 && cellRank(next) <= cellRank(to);
}

/** Marks what is deleted now for the walk that begins; answers how many that are. */
export function markDying(): u32 {
  let count: u32 = 0;
  if (load<u32>(m.VIEW_DEAD) == 0) return 0;
  for (
    let cell = load<u32>(<usize>m.BOTTOM + CELL_NEXT);
    cell != 0;
    cell = load<u32>(cell + CELL_NEXT)
  ) {
    if (isLive(cell)) continue;
    store<u32>(cell + CELL_FLAGS, load<u32>(cell + CELL_FLAGS) | VIEW_DYING);
    count++;
  }
  return count;
}

/** Forgets a walk that was cut short. */
export function clearDying(): void {
  for (
    let cell = load<u32>(<usize>m.BOTTOM + CELL_NEXT);
    cell != 0;
    cell = load<u32>(cell + CELL_NEXT)
  ) {
    store<u32>(cell + CELL_FLAGS, load<u32>(cell + CELL_FLAGS) & ~VIEW_DYING);
  }
}

/** Lets the views go that were marked; no entry names them any more. */
export function removeDying(): void {
  let cell = load<u32>(<usize>m.BOTTOM + CELL_NEXT);
  while (cell != 0) {
    const next = load<u32>(cell + CELL_NEXT);
    if (load<u32>(cell + CELL_FLAGS) & VIEW_DYING) {
      bridge(load<u32>(cell + CELL_PREVIOUS), next);
      unchain(seatBucket(load<u32>(cell)), cell, CELL_BY_SEAT);
      dropId(cell);
      giveCell(cell);
      addWords(0 - VIEW_WORDS);
      store<u32>(m.VIEW_DEAD, load<u32>(m.VIEW_DEAD) - 1);
    }
    cell = next;
  }
  rebuildRuns();
  countBits();
}

function bridge(previous: u32, next: u32): void {
  store<u32>(previous + CELL_NEXT, next);
  if (next != 0) store<u32>(next + CELL_PREVIOUS, previous);
  else store<u32>(m.VIEW_LAST, previous);
}

/** Runs anew: those who died during the walk stay. */
function rebuildRuns(): void {
  let cell = load<u32>(<usize>m.BOTTOM + CELL_NEXT);
  for (let at = cell; at != 0; at = load<u32>(at + CELL_NEXT)) store<u32>(at + CELL_RUN, 0);
  for (; cell != 0; cell = load<u32>(cell + CELL_NEXT)) if (!isLive(cell)) joinRun(cell);
}

/** Views in the order, deleted ones included, without the bottom. */
export function viewCount(): u32 {
  return load<u32>(m.VIEW_LIVE) + load<u32>(m.VIEW_DEAD);
}

/** What the superblock says of the views. */
export function storeViews(): void {
  const seat = load<u32>(liveCell(ORIGIN));
  store<u32>(m.SUPER + SUPER_VIEW_COUNT, viewCount());
  store<u32>(m.SUPER + SUPER_ORIGIN_SEAT, seat == ORIGIN ? 0 : seat);
}
