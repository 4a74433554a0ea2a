/**
 * Columns: runs of chunks whose entries are all equally long. A change takes the entries of one
 * column out (OLD), says how they shall be (NEW), and puts them back in one step. Lists hold leaf
 * entries, in the tree's order.
 *
 * Invariants
 * - I1: columns never overlap; entries of one column never overlap in the timeline.
 * - A column of more than `WIDE_ENTRIES` entries is one chunk wide, so a cut costs at most that
 *   many inserts.
 */
import { BELOW, MIDDLE, NEW, OLD, SCRATCH_MAX, SUPER } from "./memory";
import { ENTRY_BYTES, FLAG_HOLE, FLAGS, LOST_PLACE, SUPER_ENTRIES } from "./layout";
import { FAULT } from "./status";
import {
  afterId,
  chunkCount,
  firstChunk,
  flagsOf,
  isLost,
  lastChunk,
  listAt,
  placeOf,
  putEntry,
  toId,
} from "./entry";
import { assertThat, DAMAGED } from "./assert";
import { isUnsettled } from "./journal";
import { rankOf } from "./timeline";
import { count, entryAt, setCount } from "./btree/node";
import {
  descend,
  height,
  pathIndex,
  pathNext,
  pathPage,
  pathPrevious,
  setPath,
} from "./btree/path";
import { fence } from "./btree/fence";
import { entryKey, entryRank } from "./btree/order";
import { insertEntry, removeEntry, shadowPath, splice } from "./btree/change";

export * from "./entry";

export const WIDE_ENTRIES: u32 = 320;
export const COUNT_MAX: u32 = 65535;

/** How many chunks a column of so many entries may have. */
export function widthOf(entries: u32): u32 {
  if (entries <= 64) return COUNT_MAX;
  const halvings = (entries - 64) >>> 4;
  return halvings >= 16 ? 1 : max<u32>(1, COUNT_MAX >>> halvings);
}

/** The path's entry. */
// @ts-ignore: decorator
@inline
export function here(): usize {
  return entryAt(pathPage(0), pathIndex(0));
}

/**
 * Copies the column that the path stands at the front of to OLD and touches the entry behind it.
 * Answers its number of entries; more than WIDE_ENTRIES + 2 are not copied (-100); FAULT.
 */
export const TOO_MANY: i32 = -100;
export function gather(): i32 {
  const last = lastChunk(here());
  let n: u32 = 0;
  while (true) {
    if (n > WIDE_ENTRIES + 2) return TOO_MANY;
    memory.copy(listAt(OLD, n), here(), ENTRY_BYTES);
    n++;
    const status = pathNext();
    if (status == FAULT) return FAULT;
    if (status == 0 || lastChunk(here()) != last) return n;
  }
}

/** Copies the entries of OLD (n of them) cut to `count` chunks from `first` to `list`. */
export function copyPart(n: u32, list: usize, first: u64, part: u32): void {
  for (let i: u32 = 0; i < n; i++) {
    const from = listAt(OLD, i);
    const moved = placeOf(from) + (first - firstChunk(from));
    const place = isLost(from) ? LOST_PLACE : flagsOf(from) & FLAG_HOLE ? 0 : moved;
    putEntry(listAt(list, i), first, part, afterId(from), toId(from), place, flagsOf(from));
  }
}

/** First of `n` entries of a list at or above a rank; `n` where all are below. */
export function searchList(list: usize, n: u32, rank: u64): u32 {
  let low: u32 = 0;
  // The origin and the newest snapshots are at the end.
  if (n > 2 && rankOf(toId(listAt(list, n - 2))) < rank) low = n - 1;
  while (low < n) {
    const middle = (low + n) >>> 1;
    if (rankOf(toId(listAt(list, middle))) < rank) low = middle + 1;
    else n = middle;
  }
  return low;
}

/** Whether an entry names a place. */
// @ts-ignore: decorator
@inline
export function names(entry: usize, place: u64): bool {
  return placeOf(entry) == place && (flagsOf(entry) & FLAG_HOLE) == 0;
}

/** Moves entries from `index` on (of n) up by `by`. No sound column fills a list. */
export function openList(list: usize, n: u32, index: u32, by: i32): void {
  assertThat(index <= n && n < SCRATCH_MAX, DAMAGED + 53);
  const at = listAt(list, index);
  memory.copy(at + by * ENTRY_BYTES, at, (n - index) * ENTRY_BYTES);
}

/**
 * NEW becomes: what of the column in OLD (`old` entries, chunks first .. last) lies before `chunk`,
 * then MIDDLE (`middle` entries, `part` chunks from `chunk`), then what lies behind. Answers the
 * number of entries.
 */
export function assemble(old: u32, middle: u32, first: u64, last: u64, chunk: u64, part: u32): u32 {
  let n: u32 = 0;
  if (chunk > first) {
    copyPart(old, NEW, first, <u32>(chunk - first));
    n = old;
  }
  memory.copy(listAt(NEW, n), MIDDLE, middle * ENTRY_BYTES);
  n += middle;
  if (chunk + part <= last) {
    copyPart(old, listAt(NEW, n), chunk + part, <u32>(last + 1 - chunk - part));
    n += old;
  }
  return n;
}

/**
 * The window of a wide column (one chunk, more entries than are worth moving): the entry that
 * covers `rank` goes to OLD, and the view that the entry below ends at to BELOW. Answers 1 or 0
 * entries, or FAULT. The entries on both sides are touched.
 */
export function window(last: u64, rank: u64): i32 {
  let status = descend(last, rank);
  if (status == FAULT) return FAULT;
  let n = 0;
  if (status == 1 && lastChunk(here()) == last && rankOf(afterId(here())) < rank) {
    memory.copy(OLD, here(), ENTRY_BYTES);
    n = 1;
    if (pathNext() == FAULT) return FAULT;
    status = descend(last, rank);
  }
  store<u32>(BELOW, 0);
  status = pathPrevious();
  if (status == FAULT) return FAULT;
  if (status == 1 && lastChunk(here()) == last) store<u32>(BELOW, toId(here()));
  return n;
}

/** Index behind the column that begins at `index` of the path's leaf, as far as this leaf goes. */
export function columnEnd(index: u32): u32 {
  const page = pathPage(0);
  const n = count(page);
  if (index >= n) return n;
  const last = lastChunk(entryAt(page, index));
  while (index < n && lastChunk(entryAt(page, index)) == last) index++;
  return index;
}

/**
 * Puts NEW (n entries) in the place of OLD (`old` entries, the first of them the first entry at or
 * after `chunk`, `rank`). Everything is resident. Answers the index in the path's leaf where NEW
 * begins, or -1 where it had to be done piece by piece.
 */
export function replace(chunk: u64, rank: u64, old: u32, n: u32): i32 {
  const status = descend(chunk, rank);
  assertThat(status != FAULT, DAMAGED + 50);
  const index = pathIndex(0);
  if (height() > 0 && (old == 0 || index + old <= count(pathPage(0)))) {
    if (splice(old, NEW, n)) return index;
  }
  for (let i: u32 = 0; i < n; i++) putBack(listAt(NEW, i));
  for (let i: u32 = 0; i < old; i++) {
    const entry = listAt(OLD, i);
    if (!listHas(NEW, n, entry)) {
      assertThat(descend(lastChunk(entry), entryRank(entry)) == 1, DAMAGED + 51);
      removeEntry();
    }
  }
  return -1;
}

function listHas(list: usize, n: u32, entry: usize): bool {
  for (let i: u32 = 0; i < n; i++) {
    const at = listAt(list, i);
    if (lastChunk(at) == lastChunk(entry) && entryKey(at) == entryKey(entry)) return true;
  }
  return false;
}

/** Overwrites the entry of the same key, or inserts. */
function putBack(entry: usize): void {
  const status = descend(lastChunk(entry), entryRank(entry));
  assertThat(status != FAULT, DAMAGED + 52);
  const same = status == 1 && lastChunk(here()) == lastChunk(entry);
  if (same && entryKey(here()) == entryKey(entry)) {
    shadowPath();
    memory.copy(here(), entry, ENTRY_BYTES);
  } else {
    insertEntry(entry);
  }
}

/**
 * Joins the column that begins at `index` of the path's leaf with the one before it, where both lie
 * wholly in this leaf, have the same entries and places that follow on. Answers whether it did;
 * then the joined column begins where the left one did.
 */
export function joinAt(index: u32): bool {
  const page = pathPage(0);
  const n = count(page);
  if (index == 0 || index >= n) return false;
  const right = entryAt(page, index) as usize;
  const left = entryAt(page, index - 1) as usize;
  if (lastChunk(left) + 1 != firstChunk(right)) return false;
  let entries: u32 = 1;
  while (index + entries < n && lastChunk(entryAt(page, index + entries)) == lastChunk(right))
    entries++;
  if (index + entries == n && !isEdge(true)) return false;
  if (index < entries) return false;
  const start = index - entries;
  if (start == 0 ? !isEdge(false) : lastChunk(entryAt(page, start - 1)) == lastChunk(left))
    return false;
  if (!joinColumns(entryAt(page, start), right, entries)) return false;
  memory.copy(entryAt(page, start), right, (n - index) * ENTRY_BYTES);
  setCount(page, n - entries);
  fence(page);
  setPath(0, page, start);
  store<u64>(SUPER + SUPER_ENTRIES, load<u64>(SUPER + SUPER_ENTRIES) - entries);
  return true;
}

/**
 * Joins a column at `left` with one of as many entries at `right`, which gets the chunks of both.
 * Whether they could be.
 */
export function joinColumns(left: usize, right: usize, entries: u32): bool {
  if (chunkCount(left) + chunkCount(right) > widthOf(entries)) return false;
  for (let i: u32 = 0; i < entries; i++) {
    if (!follows(listAt(left, i), listAt(right, i))) return false;
  }
  for (let i: u32 = 0; i < entries; i++) {
    const l = listAt(left, i);
    const r = listAt(right, i);
    const flags = isUnsettled(flagsOf(l)) ? flagsOf(l) : flagsOf(r);
    const all = chunkCount(l) + chunkCount(r);
    putEntry(r, firstChunk(l), all, afterId(r), toId(r), placeOf(l), flags);
  }
  return true;
}

/** Whether the path's leaf is the last (or the first) of the tree. */
function isEdge(last: bool): bool {
  for (let l: u32 = 1; l < height(); l++) {
    if (pathIndex(l) != (last ? count(pathPage(l)) - 1 : 0)) return false;
  }
  return true;
}

function follows(left: usize, right: usize): bool {
  if (afterId(left) != afterId(right) || toId(left) != toId(right)) return false;
  if (lastChunk(left) + 1 != firstChunk(right) || ((flagsOf(left) ^ flagsOf(right)) & FLAGS) != 0)
    return false;
  if (flagsOf(left) & FLAG_HOLE) return isLost(left) == isLost(right);
  return placeOf(left) + chunkCount(left) == placeOf(right);
}

/** Steps from the path's entry to the first of the next column. 1, 0, FAULT. */
export function nextColumn(): i32 {
  const last = lastChunk(here());
  for (let steps = 0; steps < 8; steps++) {
    const status = pathNext();
    if (status != 1) return status;
    if (lastChunk(here()) != last) return 1;
  }
  return descend(last + 1, 0);
}

/** Last entry of the column that ends at `last`. 1 with the path there, FAULT. */
export function columnTop(last: u64): i32 {
  const status = descend(last + 1, 0);
  if (status == FAULT) return FAULT;
  return pathPrevious();
}
