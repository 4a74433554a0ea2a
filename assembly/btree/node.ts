/**
 * Nodes: fields, entries, binary search. Nothing here knows what an entry means beyond its order:
 * (last chunk, rank in its column).
 */
import {
  BLOCK_COUNT,
  BLOCK_GENERATION,
  BLOCK_HEADER,
  BLOCK_LEVEL,
  BLOCK_TYPE,
  ENTRY_BYTES,
  INNER_BYTES,
  INNER_CHILD,
  INNER_TO,
  TYPE_INNER,
  TYPE_LEAF,
} from "../layout";
import { GENERATION } from "../memory";
import { newPage } from "../cache";
import { allocBlock } from "../meta";
import { fenced, fencedEnd } from "./fence";
import { entryKey, entryRank, keyRank } from "./order";

// @ts-ignore: decorator
@inline
export function count(page: u32): u32 {
  return load<u16>(page, BLOCK_COUNT);
}

/**
 * Whether a page is a node of this level: neither what a key or a child leads to, nor that it is no
 * page of the space map, is known before. No node is empty.
 */
// @ts-ignore: decorator
@inline
export function nodeIs(page: u32, nodeLevel: u32): bool {
  const levelAndCount = load<u32>(page, BLOCK_LEVEL);
  return (levelAndCount & 0xffff) == nodeLevel && levelAndCount > 0xffff;
}

// @ts-ignore: decorator
@inline
export function setCount(page: u32, n: u32): void {
  store<u16>(page, <u16>n, BLOCK_COUNT);
}

// @ts-ignore: decorator
@inline
export function level(page: u32): u32 {
  return load<u16>(page, BLOCK_LEVEL);
}

/** Address of leaf entry `index`. */
// @ts-ignore: decorator
@inline
export function entryAt(page: u32, index: u32): u32 {
  return page + BLOCK_HEADER + index * ENTRY_BYTES;
}

/** Address of inner entry `index`. */
// @ts-ignore: decorator
@inline
export function innerAt(page: u32, index: u32): u32 {
  return page + BLOCK_HEADER + (index << 4);
}

// @ts-ignore: decorator
@inline
export function child(page: u32, index: u32): u32 {
  return load<u32>(innerAt(page, index), INNER_CHILD);
}

/** A new, empty, dirty node under a fresh block. */
export function newNode(nodeLevel: u32): u32 {
  const page = newPage(allocBlock());
  store<u16>(page, <u16>nodeLevel, BLOCK_LEVEL);
  store<u32>(page, nodeLevel == 0 ? TYPE_LEAF : TYPE_INNER, BLOCK_TYPE);
  store<u64>(page, load<u64>(GENERATION), BLOCK_GENERATION);
  return page;
}

/** First entry of an inner node at or after (chunk, rank); the last where all are before it. */
// @ts-ignore: decorator
@inline
export function searchInner(page: u32, chunk: u64, rank: u64): u32 {
  const key = chunk << 16;
  const n = count(page);
  let low = fenced(page, n, chunk);
  let high = rank == 0 ? fencedEnd(low, n, n - 1) : n - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = innerAt(page, middle);
    const last = load<u64>(at);
    if (last > key || (last == key && (rank == 0 || keyRank(load<u32>(at, INNER_TO)) >= rank))) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return high;
}

/** First entry of a leaf at or after (chunk, rank), or its count. */
// @ts-ignore: decorator
@inline
export function searchLeaf(page: u32, chunk: u64, rank: u64): u32 {
  const key = chunk << 16;
  const n = count(page);
  let low = fenced(page, n, chunk);
  let high = rank == 0 ? fencedEnd(low, n, n) : n;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = entryAt(page, middle);
    const span = load<u64>(at);
    if (span >= key && (rank == 0 || span >>> 16 > chunk || entryRank(at) >= rank)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return high;
}

/** Sets an inner entry's key to that of the last entry of its child. */
export function copyKey(inner: u32, page: u32): void {
  const last = count(page) - 1;
  if (level(page) == 0) {
    const entry = entryAt(page, last);
    store<u64>(inner, (load<u64>(entry) >>> 16) << 16);
    store<u32>(inner, entryKey(entry), INNER_TO);
  } else {
    const entry = innerAt(page, last);
    store<u64>(inner, load<u64>(entry));
    store<u32>(inner, load<u32>(entry, INNER_TO), INNER_TO);
  }
}

/** Bytes of an entry at a level. */
// @ts-ignore: decorator
@inline
export function entryBytes(nodeLevel: u32): u32 {
  return nodeLevel == 0 ? ENTRY_BYTES : INNER_BYTES;
}
