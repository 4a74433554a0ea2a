/**
 * Changes to the tree. Copy on write by generation: the first change of a page since the last
 * checkpoint moves it to a fresh block, and with it its parents, so nothing the last checkpoint
 * names is overwritten.
 *
 * Invariants
 * - An inner entry's key is the key of the last entry of its child, always.
 * - No node is empty; a tree without entries has height 0.
 * - All pages that a change touches are resident and slots and blocks are there before it begins.
 */
import { SUPER } from "../memory";
import {
  BLOCK_GENERATION,
  BLOCK_NUMBER,
  ENTRY_BYTES,
  INNER_CHILD,
  INNER_MAX,
  INNER_TO,
  LEAF_MAX,
  SUPER_ENTRIES,
  SUPER_HEIGHT,
  SUPER_ROOT,
} from "../layout";
import { GENERATION } from "../memory";
import { find, markDirty, need, renumber } from "../cache";
import { allocBlock, freeBlock } from "../meta";
import { FAULT } from "../status";
import {
  child,
  copyKey,
  count,
  entryAt,
  entryBytes,
  innerAt,
  level,
  newNode,
  nodeIs,
  setCount,
} from "./node";
import { assertThat, DAMAGED } from "../assert";
import { inOrder } from "../verify";
import { keyRank } from "./order";
import { fence } from "./fence";
import { height, pathIndex, pathPage, setPath } from "./path";

/** Makes the nodes of the path writable, from the root down. */
export function shadowPath(): void {
  shadowFrom(0);
}

/** Makes one page writable; answers its block. */
function shadow(page: u32): u32 {
  const block = load<u32>(page, BLOCK_NUMBER);
  if (load<u64>(page, BLOCK_GENERATION) == load<u64>(GENERATION)) {
    markDirty(page);
    return block;
  }
  const fresh = allocBlock();
  renumber(page, fresh);
  freeBlock(block);
  store<u64>(page, load<u64>(GENERATION), BLOCK_GENERATION);
  markDirty(page);
  return fresh;
}

function addEntries(n: i32): void {
  store<u64>(SUPER + SUPER_ENTRIES, load<u64>(SUPER + SUPER_ENTRIES) + <i64>n);
}

/** After a node's last entry changed: the keys above it follow. */
export function fixKeys(from: u32): void {
  for (let l = from; l + 1 < height(); l++) {
    copyKey(innerAt(pathPage(l + 1), pathIndex(l + 1)), pathPage(l));
    fence(pathPage(l + 1));
    if (pathIndex(l + 1) + 1 < count(pathPage(l + 1))) return;
  }
}

/**
 * Replaces `remove` entries at the path, all in its leaf, by the `insert` entries at `source`;
 * answers false (and changes nothing) where they would not fit or leave the leaf empty.
 */
export function splice(remove: u32, source: usize, insert: u32): bool {
  if (height() == 0) return false;
  const page = pathPage(0);
  const index = pathIndex(0);
  const n = count(page);
  const after = n - remove + insert;
  if (after > LEAF_MAX || after == 0) return false;
  shadowPath();
  const at = entryAt(page, index);
  const tail = (n - index - remove) * ENTRY_BYTES;
  if (remove != insert) memory.copy(at + insert * ENTRY_BYTES, at + remove * ENTRY_BYTES, tail);
  memory.copy(at, source, insert * ENTRY_BYTES);
  setCount(page, after);
  fence(page);
  if (tail == 0) fixKeys(0);
  addEntries(<i32>insert - <i32>remove);
  return true;
}

/** Inserts the entry at `source` before the path's entry. The path is spoilt. */
export function insertEntry(source: usize): void {
  addEntries(1);
  if (height() == 0) {
    const page = newNode(0);
    memory.copy(entryAt(page, 0), source, ENTRY_BYTES);
    setCount(page, 1);
    fence(page);
    store<u32>(SUPER + SUPER_ROOT, load<u32>(page + BLOCK_NUMBER));
    store<u32>(SUPER + SUPER_HEIGHT, 1);
    return;
  }
  shadowPath();
  insertAt(0, source);
}

/** Inserts at the path's index of `l`, splitting full nodes on the way up. */
function insertAt(l: u32, source: usize): void {
  const bytes = entryBytes(l);
  const room = l == 0 ? LEAF_MAX : INNER_MAX;
  if (count(pathPage(l)) == room) split(l);
  const page = pathPage(l);
  const index = pathIndex(l);
  const n = count(page);
  const at = (l == 0 ? entryAt(page, index) : innerAt(page, index)) as usize;
  memory.copy(at + bytes, at, (n - index) * bytes);
  memory.copy(at, source, bytes);
  setCount(page, n + 1);
  fence(page);
  if (index == n) fixKeys(l);
}

/**
 * Splits the path's full node of `l`; the path goes on in the half that holds its index. In the
 * middle; but where entries are appended the old node stays full, so that ascending work fills
 * nodes.
 */
function split(l: u32): void {
  const page = pathPage(l);
  const index = pathIndex(l);
  const n = count(page);
  if (l + 1 == height()) growRoot(page, l);
  const keep = index == n ? n - 1 : n >>> 1;
  const bytes = entryBytes(l);
  const right = newNode(l);
  const from = (l == 0 ? entryAt(page, keep) : innerAt(page, keep)) as usize;
  const to = (l == 0 ? entryAt(right, 0) : innerAt(right, 0)) as usize;
  memory.copy(to, from, (n - keep) * bytes);
  setCount(right, n - keep);
  setCount(page, keep);
  fence(right);
  fence(page);
  addChild(l + 1, page, right);
  if (index > keep) {
    setPath(l, right, index - keep);
    setPath(l + 1, pathPage(l + 1), pathIndex(l + 1) + 1);
  }
}

/** A new root above the only node of the top level. */
function growRoot(page: u32, l: u32): void {
  const root = newNode(l + 1);
  const at = innerAt(root, 0);
  store<u32>(at, load<u32>(page + BLOCK_NUMBER), INNER_CHILD);
  setCount(root, 1);
  copyKey(at, page);
  fence(root);
  store<u32>(SUPER + SUPER_ROOT, load<u32>(root + BLOCK_NUMBER));
  store<u32>(SUPER + SUPER_HEIGHT, l + 2);
  setPath(l + 1, root, 0);
}

/** Puts `right` after `page`, the path's child at level `l`; the path still leads to `page`. */
function addChild(l: u32, page: u32, right: u32): void {
  if (count(pathPage(l)) == INNER_MAX) {
    setPath(l, pathPage(l), pathIndex(l) + 1);
    split(l);
    if (pathIndex(l) == 0) stepBack(l);
    else setPath(l, pathPage(l), pathIndex(l) - 1);
  }
  const parent = pathPage(l);
  const index = pathIndex(l);
  copyKey(innerAt(parent, index), page);
  const at = innerAt(parent, index + 1);
  const n = count(parent);
  memory.copy(at + 16, at, (n - index - 1) * 16);
  store<u32>(at, load<u32>(right + BLOCK_NUMBER), INNER_CHILD);
  copyKey(at, right);
  setCount(parent, n + 1);
  fence(parent);
  if (index + 2 == n + 1) fixKeys(l);
}

/**
 * The path's index at `l` stands at the front of a node just split off; the entry before it ends
 * the left one.
 */
function stepBack(l: u32): void {
  const up = l + 1;
  setPath(up, pathPage(up), pathIndex(up) - 1);
  const left = find(child(pathPage(up), pathIndex(up)));
  setPath(l, left, count(left) - 1);
}

/** Removes the path's entry, and nodes that it leaves empty. The path is spoilt. */
export function removeEntry(): void {
  addEntries(-1);
  shadowPath();
  for (let l: u32 = 0; ; l++) {
    const page = pathPage(l);
    const index = pathIndex(l);
    const n = count(page) - 1;
    if (n == 0) {
      freeBlock(load<u32>(page + BLOCK_NUMBER));
      if (l + 1 < height()) continue;
      store<u32>(SUPER + SUPER_HEIGHT, 0);
      store<u32>(SUPER + SUPER_ROOT, 0);
      return;
    }
    const bytes = entryBytes(l);
    const at = (l == 0 ? entryAt(page, index) : innerAt(page, index)) as usize;
    memory.copy(at, at + bytes, (n - index) * bytes);
    setCount(page, n);
    fence(page);
    if (index == n) fixKeys(l);
    break;
  }
  dropRoots();
}

/** A root with one child gives way to it. */
function dropRoots(): void {
  while (height() > 1) {
    const root = find(load<u32>(SUPER + SUPER_ROOT));
    if (count(root) > 1) return;
    store<u32>(SUPER + SUPER_ROOT, child(root, 0));
    store<u32>(SUPER + SUPER_HEIGHT, height() - 1);
    freeBlock(load<u32>(root + BLOCK_NUMBER));
  }
}

/**
 * Merges the path's nodes that are less than a quarter full with a neighbour under the same parent
 * where both fit. 0, or FAULT with nothing changed. The path is spoilt where something was merged.
 */
export function mergeSparse(): i32 {
  for (let l: u32 = 0; l + 1 < height(); l++) {
    const room = l == 0 ? LEAF_MAX : INNER_MAX;
    const page = pathPage(l);
    if (count(page) >= room >>> 2) return 0;
    const parent = pathPage(l + 1);
    const index = pathIndex(l + 1);
    if (count(parent) < 2) return 0;
    const left = index + 1 < count(parent) ? index : index - 1;
    const other = need(child(parent, left == index ? index + 1 : left));
    if (other == 0) return FAULT;
    assertThat(nodeIs(other, l), DAMAGED);
    const isApart = left == index ? follow(l, page, other) : follow(l, other, page);
    assertThat(isApart, DAMAGED + 1);
    if (count(page) + count(other) > room - (room >>> 2)) return 0;
    if (left == index) merge(l, page, other);
    else mergeIntoLeft(l, other, page);
  }
  return 0;
}

/** Whether the keys of two neighbours of level `l` are in order, which no parent tells for sure. */
function follow(l: u32, left: u32, right: u32): bool {
  const last = count(left) - 1;
  if (l == 0) return inOrder(entryAt(left, last), entryAt(right, 0));
  const before = innerAt(left, last);
  const behind = innerAt(right, 0);
  if (load<u64>(before) != load<u64>(behind)) return load<u64>(before) < load<u64>(behind);
  return keyRank(load<u32>(before, INNER_TO)) < keyRank(load<u32>(behind, INNER_TO));
}

function mergeIntoLeft(l: u32, left: u32, page: u32): void {
  setPath(l + 1, pathPage(l + 1), pathIndex(l + 1) - 1);
  setPath(l, left, 0);
  merge(l, left, page);
}

/** Moves all of `right` to the end of the path's node of `l`, its neighbour, and drops it. */
function merge(l: u32, page: u32, right: u32): void {
  shadowFrom(l);
  const bytes = entryBytes(l);
  const n = count(page);
  const more = count(right);
  const to = (l == 0 ? entryAt(page, n) : innerAt(page, n)) as usize;
  const from = (l == 0 ? entryAt(right, 0) : innerAt(right, 0)) as usize;
  memory.copy(to, from, more * bytes);
  setCount(page, n + more);
  fence(page);
  freeBlock(load<u32>(right + BLOCK_NUMBER));
  const parent = pathPage(l + 1);
  const index = pathIndex(l + 1);
  const children = count(parent) - 1;
  const at = innerAt(parent, index + 1) as usize;
  memory.copy(at, at + 16, (children - index - 1) * 16);
  setCount(parent, children);
  fence(parent);
  fixKeys(l);
  dropRoots();
}

/** As `shadowPath`, for the levels from `l` up. */
function shadowFrom(l: u32): void {
  for (let at = height(); at-- > l; ) {
    const block = shadow(pathPage(at));
    if (at + 1 == height()) store<u32>(SUPER + SUPER_ROOT, block);
    else store<u32>(innerAt(pathPage(at + 1), pathIndex(at + 1)), block, INNER_CHILD);
  }
}

/** Whether the path's leaf is sparse enough to look for a neighbour. */
export function isSparse(): bool {
  return height() > 1 && level(pathPage(0)) == 0 && count(pathPage(0)) < LEAF_MAX >>> 2;
}
