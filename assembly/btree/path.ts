/**
 * The path from the root to a leaf entry: per level a page and an index, in state memory. An
 * operation that meets FAULT starts over, so a path is only good until the operation ends.
 */
import { PATH, PATH_LEVELS, SUPER } from "../memory";
import { SUPER_HEIGHT, SUPER_ROOT } from "../layout";
import { need } from "../cache";
import { FAULT } from "../status";
import { assertThat, DAMAGED } from "../assert";
import { inOrder } from "../verify";
import { child, count, entryAt, nodeIs, searchInner, searchLeaf } from "./node";

// @ts-ignore: decorator
@inline
export function pathPage(level: u32): u32 {
  return load<u32>(PATH + (level << 3));
}

// @ts-ignore: decorator
@inline
export function pathIndex(level: u32): u32 {
  return load<u32>(PATH + (level << 3), 4);
}

// @ts-ignore: decorator
@inline
export function setPath(level: u32, page: u32, index: u32): void {
  store<u32>(PATH + (level << 3), page);
  store<u32>(PATH + (level << 3), index, 4);
}

// @ts-ignore: decorator
@inline
export function height(): u32 {
  return load<u32>(SUPER + SUPER_HEIGHT);
}

/**
 * Goes to the first leaf entry at or after (chunk, rank). 1: it is there; 0: there is none (the
 * path stands after the last entry); FAULT.
 */
export function descend(chunk: u64, rank: u64): i32 {
  let level = height();
  if (level == 0) return 0;
  assertThat(level <= PATH_LEVELS, 130);
  let block = load<u32>(SUPER + SUPER_ROOT);
  while (true) {
    const page = need(block);
    if (page == 0) return FAULT;
    level--;
    assertThat(nodeIs(page, level), DAMAGED);
    if (level == 0) {
      const index = searchLeaf(page, chunk, rank);
      setPath(0, page, index);
      return index < count(page) ? 1 : 0;
    }
    const index = searchInner(page, chunk, rank);
    setPath(level, page, index);
    block = child(page, index);
  }
}

/** As `descend`, for an entry at or after the path's: in its leaf, where it is there. */
export function advance(chunk: u64, rank: u64): i32 {
  const page = pathPage(0);
  const index = searchLeaf(page, chunk, rank);
  if (index == count(page)) return descend(chunk, rank);
  setPath(0, page, index);
  return 1;
}

/** Goes to the next leaf entry. 1, 0 (none; the path stands after the last), FAULT. */
export function pathNext(): i32 {
  const index = pathIndex(0) + 1;
  setPath(0, pathPage(0), index);
  return index < count(pathPage(0)) ? 1 : nextLeaf();
}

/** From the end of a leaf to the first entry of the next. 1, 0 (the path stays), FAULT. */
export function nextLeaf(): i32 {
  let level: u32 = 1;
  while (level < height() && pathIndex(level) + 1 >= count(pathPage(level))) level++;
  if (level >= height()) return 0;
  return down(level, pathIndex(level) + 1, false);
}

/** Goes to the entry before. 1, 0 (none; the path is spoilt), FAULT. */
export function pathPrevious(): i32 {
  if (height() == 0) return 0;
  if (pathIndex(0) > 0) {
    setPath(0, pathPage(0), pathIndex(0) - 1);
    return 1;
  }
  let level: u32 = 1;
  while (level < height() && pathIndex(level) == 0) level++;
  if (level >= height()) return 0;
  return down(level, pathIndex(level) - 1, true);
}

/**
 * From inner entry `index` of `level` down to the first or last leaf entry under it. Changes the
 * path only when all is resident.
 */
function down(level: u32, index: u32, last: bool): i32 {
  const top = level;
  let page = pathPage(level);
  let at = index;
  for (let l = level; l > 0; l--) {
    page = need(child(page, at));
    if (page == 0) return FAULT;
    assertThat(nodeIs(page, l - 1), DAMAGED);
    at = last ? count(page) - 1 : 0;
  }
  assertThat(isBeside(page, last), DAMAGED + 1);
  page = pathPage(top);
  at = index;
  for (let l = top; l > 0; l--) {
    setPath(l, page, at);
    page = need(child(page, at));
    at = last ? count(page) - 1 : 0;
  }
  setPath(0, page, at);
  return 1;
}

/**
 * I1 between the path's leaf and the one before or behind it. What verifies a page sees no other:
 * a walk over leaves whose parents lie about their order would go round and round.
 */
function isBeside(page: u32, before: bool): bool {
  const here = pathPage(0);
  return before
    ? inOrder(entryAt(page, count(page) - 1), entryAt(here, 0))
    : inOrder(entryAt(here, count(here) - 1), entryAt(page, 0));
}
