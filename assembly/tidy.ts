/**
 * What reclaim makes of the entries of a column, and of the columns of a leaf: entries without a
 * live view go, ends move onto live views, places that nothing names are freed.
 */
import { BOTTOM, MIDDLE, NEW, OLD, RECLAIM_CHUNK } from "./memory";
import { ENTRY_AFTER, ENTRY_BYTES, ENTRY_TO, FLAG_AROUND, FLAG_HOLE, FLAG_SHARED } from "./layout";
import { cellRank, previousLive } from "./timeline";
import { count, entryAt } from "./btree/node";
import { pathIndex, pathPage } from "./btree/path";
import { splice } from "./btree/change";
import { noteSparse } from "./prepare";
import { isUnsettled } from "./journal";
import { spaceHold } from "./space";
import { aroundFlag, highestOwn, lowestOwn } from "./around";
import { listNames } from "./named";
import * as c from "./columns";

/**
 * The columns from the path on that end before the last one of its leaf, which may go on in the
 * next: with one splice. RECLAIM_CHUNK goes behind them. Answers how many entries it looked at; 0:
 * there is no such column.
 */
export function tidyLeaf(): u32 {
  const page = pathPage(0);
  const from = pathIndex(0);
  const end = lastColumn(page);
  if (end <= from) return 0;
  let made: u32 = 0;
  let before: u32 = 0;
  let any = false;
  let wasChanged = false;
  for (let i = from; i < end; ) {
    const last = c.lastChunk(entryAt(page, i));
    let next = i + 1;
    while (next < end && c.lastChunk(entryAt(page, next)) == last) next++;
    const n = next - i;
    memory.copy(OLD, entryAt(page, i), n * ENTRY_BYTES);
    const kept = tidy(n, <u32>BOTTOM);
    const isChanged = changed(n, kept);
    if (isChanged) tidied(n, kept);
    memory.copy(c.listAt(MIDDLE, made), NEW, kept * ENTRY_BYTES);
    any = any || isChanged;
    wasChanged = (isChanged || wasChanged) && kept > 0;
    if (wasChanged && joins(before, made, kept)) {
      any = true;
      made = before + kept;
    } else {
      wasChanged = isChanged;
      if (kept > 0) before = made;
      made += kept;
    }
    i = next;
  }
  store<u64>(RECLAIM_CHUNK, c.lastChunk(entryAt(page, end - 1)) + 1);
  if (any) {
    const chunk = c.lastChunk(entryAt(page, end));
    splice(end - from, MIDDLE, made);
    noteSparse(chunk);
  }
  return end - from;
}

/** Where the last column of a leaf begins in it. */
function lastColumn(page: u32): u32 {
  let index = count(page) - 1;
  const last = c.lastChunk(entryAt(page, index));
  while (index > 0 && c.lastChunk(entryAt(page, index - 1)) == last) index--;
  return index;
}

/** Joins the column of MIDDLE at `before` with that of `n` entries at `index`, right behind it. */
function joins(before: u32, index: u32, n: u32): bool {
  if (index - before != n) return false;
  const left = c.listAt(MIDDLE, before);
  const right = c.listAt(MIDDLE, index);
  if (!c.joinColumns(left, right, n)) return false;
  memory.copy(left, right, n * ENTRY_BYTES);
  return true;
}

/** A column in OLD (`n` entries) becomes what NEW has: what that frees, and shares no more. */
export function tidied(n: u32, kept: u32): void {
  const part = c.chunkCount(OLD);
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
}

function sharedIn(n: u32, index: u32): bool {
  const place = c.placeOf(c.listAt(NEW, index));
  for (let i: u32 = 0; i < n; i++)
    if (i != index && c.placeOf(c.listAt(NEW, i)) == place) return true;
  return false;
}

export function changed(old: u32, kept: u32): bool {
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
export function tidy(n: u32, below: u32): u32 {
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
