/**
 * The timeline: all views in one total order, the bottom (id 0) first, the origin last. A snapshot of v is inserted immediately
 * before v, so v's predecessor is always `low(v)`, and the gap that v's entries cover for snapshots to come is (predecessor, v].
 *
 *     cell  +0 id  +4 parent  +8 flags  +12 previous  +16 next  +20 skip  +24 run  +28 next by id  +32 next by name
 *           +36 name bytes u16  +40 rank u64  +48 created f64  +56 size u64  +64 name (28)  +92 next cell of the name
 *
 * 96 bytes a view whose name has at most 28 bytes; longer names go on in further cells of 92 bytes.
 *
 * A deleted view stays until reclaim has passed every entry that may name it. Runs of deleted views are skipped by union-find: `skip`
 * leads to the run's last cell, whose `run` is the run's first. Nothing is ever inserted inside a run, because the view after an
 * insertion point is live.
 *
 * Invariants
 * - Ranks rise strictly along the order; they are renumbered when a gap runs out and never leave memory.
 * - An id in an entry is in the timeline (live, or deleted and not yet reclaimed).
 */
import * as m from "./memory";
import { NAME_MAX, SUPER_VIEW_COUNT, VIEW_WORDS } from "./layout";
import { pinnedPage } from "./cache";
import { assertThat } from "./assert";

export const ORIGIN: u32 = 1;
export const CELL_BYTES: u32 = 96;

export const CELL_PARENT: u32 = 4;
export const CELL_FLAGS: u32 = 8;
export const CELL_PREVIOUS: u32 = 12;
export const CELL_NEXT: u32 = 16;
const CELL_SKIP: u32 = 20;
const CELL_RUN: u32 = 24;
const CELL_BY_ID: u32 = 28;
const CELL_BY_NAME: u32 = 32;
export const CELL_NAME_BYTES: u32 = 36;
const CELL_RANK: u32 = 40;
export const CELL_CREATED: u32 = 48;
export const CELL_SIZE: u32 = 56;
const CELL_NAME: u32 = 64;
const CELL_MORE: u32 = 92;
const NAME_HERE: u32 = 28;
const NAME_MORE: u32 = 92;

export const VIEW_LIVE_FLAG: u32 = 1;
export const VIEW_READ_ONLY: u32 = 2;
/** Deleted before the reclaim walk that is under way began. */
export const VIEW_DYING: u32 = 4;

const TOP_RANK: u64 = (<u64>1) << 62;
const STEP: u64 = 1 << 24;

// ---- cells

function takeCell(): u32 {
  let cell = load<u32>(m.VIEW_FREE);
  if (cell == 0) {
    const page = pinnedPage();
    for (let i: u32 = 0; i + CELL_BYTES <= m.PAGE; i += CELL_BYTES) giveCell(page + i);
    cell = load<u32>(m.VIEW_FREE);
  }
  store<u32>(m.VIEW_FREE, load<u32>(cell));
  memory.fill(cell, 0, CELL_BYTES);
  return cell;
}

function giveCell(cell: u32): void {
  store<u32>(cell, load<u32>(m.VIEW_FREE));
  store<u32>(m.VIEW_FREE, cell);
}

// @ts-ignore: decorator
@inline
function idBucket(id: u32): usize {
  return m.VIEWS_BY_ID + ((id & (m.VIEW_BUCKETS - 1)) << 2);
}

/** Cell of a view, live or deleted; 0 where the id is unknown. */
// @ts-ignore: decorator
@inline
export function cellOf(id: u32): u32 {
  let cell = load<u32>(idBucket(id));
  while (cell != 0 && load<u32>(cell) != id) cell = load<u32>(cell, CELL_BY_ID);
  return cell;
}

// @ts-ignore: decorator
@inline
export function rankOf(id: u32): u64 {
  return load<u64>(cellOf(id), CELL_RANK);
}

// @ts-ignore: decorator
@inline
export function cellRank(cell: u32): u64 {
  return load<u64>(cell, CELL_RANK);
}

// @ts-ignore: decorator
@inline
export function isLive(cell: u32): bool {
  return (load<u32>(cell, CELL_FLAGS) & VIEW_LIVE_FLAG) != 0;
}

/** Cell of a live view, or 0. */
export function liveCell(id: u32): u32 {
  const cell = cellOf(id);
  return cell != 0 && id != 0 && isLive(cell) ? cell : 0;
}

function unchain(head: usize, cell: u32, link: u32): void {
  let at = head;
  while (load<u32>(at) != cell) at = load<u32>(at) + link;
  store<u32>(at, load<u32>(cell + link));
}

// ---- names: bytes at NAME

function hashName(length: u32): usize {
  let h: u32 = 0x811c9dc5; // FNV-1a
  for (let i: u32 = 0; i < length; i++) h = (h ^ load<u8>(m.NAME + i)) * 0x01000193;
  return m.VIEWS_BY_NAME + ((h & (m.VIEW_BUCKETS - 1)) << 2);
}

function putName(cell: u32, length: u32): void {
  store<u16>(cell + CELL_NAME_BYTES, <u16>length);
  const here = min<u32>(length, NAME_HERE);
  memory.copy(cell + CELL_NAME, m.NAME, here);
  let done = here;
  let link = cell + CELL_MORE;
  while (done < length) {
    const more = takeCell();
    const n = min<u32>(length - done, NAME_MORE);
    memory.copy(more, m.NAME + done, n);
    store<u32>(link, more);
    link = more + CELL_MORE;
    done += n;
  }
  const head = hashName(length);
  store<u32>(cell + CELL_BY_NAME, load<u32>(head));
  store<u32>(head, cell);
}

/** Copies a view's name to NAME; answers its bytes. */
export function getName(cell: u32): u32 {
  const length = <u32>load<u16>(cell + CELL_NAME_BYTES);
  let done = min<u32>(length, NAME_HERE);
  memory.copy(m.NAME, cell + CELL_NAME, done);
  let more = load<u32>(cell + CELL_MORE);
  while (done < length) {
    const n = min<u32>(length - done, NAME_MORE);
    memory.copy(m.NAME + done, more, n);
    done += n;
    more = load<u32>(more + CELL_MORE);
  }
  return length;
}

function dropName(cell: u32): void {
  const length = getName(cell);
  if (length == 0) return;
  unchain(hashName(length), cell, CELL_BY_NAME);
  let more = load<u32>(cell + CELL_MORE);
  while (more != 0) {
    const next = load<u32>(more + CELL_MORE);
    giveCell(more);
    more = next;
  }
  store<u32>(cell + CELL_MORE, 0);
  store<u16>(cell + CELL_NAME_BYTES, 0);
}

function hasName(cell: u32, length: u32): bool {
  if (load<u16>(cell + CELL_NAME_BYTES) != length) return false;
  let cellAt = cell;
  let at: u32 = 0;
  let base = CELL_NAME;
  let room = NAME_HERE;
  for (let i: u32 = 0; i < length; i++, at++) {
    if (at == room) {
      cellAt = load<u32>(cellAt + CELL_MORE);
      base = 0;
      room = NAME_MORE;
      at = 0;
    }
    if (load<u8>(cellAt + base + at) != load<u8>(m.NAME + i)) return false;
  }
  return true;
}

/** Cell of the live view with the name at NAME, or 0. */
export function findName(length: u32): u32 {
  let cell = load<u32>(hashName(length));
  while (cell != 0 && !hasName(cell, length)) cell = load<u32>(cell + CELL_BY_NAME);
  return cell;
}

/** Words that a view takes in the views stream. */
export function viewWords(cell: u32): u32 {
  return VIEW_WORDS + ((<u32>load<u16>(cell + CELL_NAME_BYTES) + 7) >>> 3);
}

function addWords(n: i32): void {
  store<u64>(m.VIEWS_WORDS, load<u64>(m.VIEWS_WORDS) + <i64>n);
  store<u32>(m.VIEWS_CHANGED, 1);
}

// ---- order

/** Puts a new cell between `previous` and `next` (0 at the ends of an order that is being loaded). */
function place(cell: u32, previous: u32, next: u32): void {
  store<u32>(cell + CELL_PREVIOUS, previous);
  store<u32>(cell + CELL_NEXT, next);
  if (previous != 0) store<u32>(previous + CELL_NEXT, cell);
  if (next != 0) store<u32>(next + CELL_PREVIOUS, cell);
}

function register(cell: u32, id: u32): void {
  store<u32>(cell, id);
  const head = idBucket(id);
  store<u32>(cell + CELL_BY_ID, load<u32>(head));
  store<u32>(head, cell);
}

/** Even ranks in the lower half; the origin's gap stays the upper half. */
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
 * A rank between two cells. New snapshots of one view come one after the other, always just before it: a small step up from the
 * predecessor leaves the rest of the gap to them.
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
  register(<u32>m.BOTTOM, 0);
  const origin = takeCell();
  addWords(VIEW_WORDS);
  register(origin, ORIGIN);
  store<u32>(origin + CELL_FLAGS, VIEW_LIVE_FLAG);
  store<f64>(origin + CELL_CREATED, created);
  store<u64>(origin + CELL_SIZE, size);
  store<u64>(origin + CELL_RANK, TOP_RANK * 2);
  store<u32>(m.VIEW_FIRST, <u32>m.BOTTOM);
  store<u32>(m.VIEW_LAST, origin);
  place(origin, <u32>m.BOTTOM, 0);
  store<u32>(m.VIEW_LIVE, 1);
}

/** A new live view of the name at NAME just before `source`. Needs two spare slots. */
export function insertView(id: u32, source: u32, flags: u32, created: f64, name: u32): u32 {
  const cell = takeCell();
  register(cell, id);
  const previous = load<u32>(source + CELL_PREVIOUS);
  store<u32>(cell + CELL_PARENT, load<u32>(source));
  store<u32>(cell + CELL_FLAGS, VIEW_LIVE_FLAG | flags);
  store<f64>(cell + CELL_CREATED, created);
  store<u64>(cell + CELL_SIZE, load<u64>(source + CELL_SIZE));
  store<u64>(cell + CELL_RANK, rankBetween(previous, source));
  place(cell, previous, source);
  putName(cell, name);
  addWords(viewWords(cell));
  store<u32>(m.VIEW_LIVE, load<u32>(m.VIEW_LIVE) + 1);
  return cell;
}

/** Adds a view read from disk at the end of the order, before the origin that `loadDone` closes with. */
export function loadView(id: u32, parent: u32, flags: u32, created: f64, size: u64, name: u32): void {
  const cell = takeCell();
  register(cell, id);
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
  register(<u32>m.BOTTOM, 0);
  store<u32>(m.VIEW_FIRST, <u32>m.BOTTOM);
  store<u32>(m.VIEW_LAST, <u32>m.BOTTOM);
}

/** Ranks and runs of a timeline just read. Whether it is one: the origin last and live. */
export function loadDone(): bool {
  const origin = load<u32>(m.VIEW_LAST);
  if (load<u32>(origin) != ORIGIN || !isLive(origin)) return false;
  renumber();
  for (let cell = load<u32>(<usize>m.BOTTOM + CELL_NEXT); cell != 0; cell = load<u32>(cell + CELL_NEXT)) {
    if (!isLive(cell)) {
      store<u32>(m.VIEW_DEAD, load<u32>(m.VIEW_DEAD) + 1);
      joinRun(cell);
    }
  }
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
  store<u32>(cell + CELL_FLAGS, load<u32>(cell + CELL_FLAGS) & ~VIEW_LIVE_FLAG);
  store<u32>(m.VIEW_LIVE, load<u32>(m.VIEW_LIVE) - 1);
  store<u32>(m.VIEW_DEAD, load<u32>(m.VIEW_DEAD) + 1);
  joinRun(cell);
}

export function renameView(cell: u32, length: u32): void {
  const before = viewWords(cell);
  memory.copy(m.RECORD, m.NAME, length);
  dropName(cell);
  memory.copy(m.NAME, m.RECORD, length);
  putName(cell, length);
  addWords(viewWords(cell) - before);
}

/** First live view after `cell` (0 past the origin, which always lives). */
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
  for (let cell = load<u32>(<usize>m.BOTTOM + CELL_NEXT); cell != 0; cell = load<u32>(cell + CELL_NEXT)) {
    if (isLive(cell)) continue;
    store<u32>(cell + CELL_FLAGS, load<u32>(cell + CELL_FLAGS) | VIEW_DYING);
    count++;
  }
  return count;
}

/** Forgets a walk that was cut short. */
export function clearDying(): void {
  for (let cell = load<u32>(<usize>m.BOTTOM + CELL_NEXT); cell != 0; cell = load<u32>(cell + CELL_NEXT)) {
    store<u32>(cell + CELL_FLAGS, load<u32>(cell + CELL_FLAGS) & ~VIEW_DYING);
  }
}

/** Lets the ids go that were marked; no entry names them any more. */
export function removeDying(): void {
  let cell = load<u32>(<usize>m.BOTTOM + CELL_NEXT);
  while (cell != 0) {
    const next = load<u32>(cell + CELL_NEXT);
    if (load<u32>(cell + CELL_FLAGS) & VIEW_DYING) {
      bridge(load<u32>(cell + CELL_PREVIOUS), next);
      unchain(idBucket(load<u32>(cell)), cell, CELL_BY_ID);
      giveCell(cell);
      addWords(0 - VIEW_WORDS);
      store<u32>(m.VIEW_DEAD, load<u32>(m.VIEW_DEAD) - 1);
    }
    cell = next;
  }
  rebuildRuns();
}

function bridge(previous: u32, next: u32): void {
  store<u32>(previous + CELL_NEXT, next);
  assertThat(next != 0, 120);
  store<u32>(next + CELL_PREVIOUS, previous);
}

/** Runs anew: those who died during the walk stay. */
function rebuildRuns(): void {
  let cell = load<u32>(<usize>m.BOTTOM + CELL_NEXT);
  for (let at = cell; at != 0; at = load<u32>(at + CELL_NEXT)) store<u32>(at + CELL_RUN, 0);
  for (; cell != 0; cell = load<u32>(cell + CELL_NEXT)) if (!isLive(cell)) joinRun(cell);
}

export function isNameLength(length: u32): bool {
  return length > 0 && length <= NAME_MAX;
}

/** Views in the order, deleted ones included, without the bottom. */
export function viewCount(): u32 {
  return load<u32>(m.VIEW_LIVE) + load<u32>(m.VIEW_DEAD);
}

export function storeViewCount(): void {
  store<u32>(m.SUPER + SUPER_VIEW_COUNT, viewCount());
}
