/**
 * No byte of a metadata block is used before this found it good (I10): its stamp, its bounds, its
 * order.
 */
import * as m from "./memory";
import * as l from "./layout";
import { crc32c } from "./crc32c";
import { isBlock } from "./meta";
import { arePlaces, areUsed, chunkEnd } from "./bounds";
import { cellOf, rankOf } from "./timeline";
import { keyRank, lowestBit } from "./btree/order";
import { isMasked } from "./bitmap/mask";
import { child, entryAt, innerAt } from "./btree/node";
import * as c from "./columns";

/** Whether the page just read is block `block` of this store, whole. */
export function verifyPage(page: u32, block: u32): bool {
  if (!isStamped(page, block)) return false;
  const type = load<u32>(page, l.BLOCK_TYPE);
  const n = <u32>load<u16>(page, l.BLOCK_COUNT);
  const level = <u32>load<u16>(page, l.BLOCK_LEVEL);
  // So that it is no node to anybody (`nodeIs`).
  if (type == l.TYPE_SPACE || type == l.TYPE_SUMS) return n == 0 && level == 0;
  if (n == 0) return false;
  if (type == l.TYPE_LEAF) return level == 0 && n <= l.LEAF_MAX && verifyLeaf(page, n);
  if (type == l.TYPE_INNER) return level > 0 && n <= l.INNER_MAX && verifyInner(page, n);
  return false;
}

export function isStamped(page: u32, block: u32): bool {
  return (
    load<u32>(page, l.BLOCK_NUMBER) == block &&
    load<u64>(page, l.BLOCK_STORE) == load<u64>(m.SUPER + l.SUPER_UUID) &&
    load<u64>(page, l.BLOCK_GENERATION) <= load<u64>(m.GENERATION) &&
    load<u32>(page, l.BLOCK_CRC) == crc32c(page + 4, m.PAGE - 4, 0)
  );
}

function verifyLeaf(page: u32, n: u32): bool {
  for (let i: u32 = 0; i < n; i++) {
    const e = entryAt(page, i) as usize;
    if (!isEntry(e) || !hasPlaces(e) || (i > 0 && !inOrder(entryAt(page, i - 1), e))) return false;
  }
  return true;
}

/** Whether an entry is within bounds and for views that there are. */
export function isEntry(e: usize): bool {
  const count = c.chunkCount(e);
  if (count == 0 || c.lastChunk(e) + 1 < count || c.lastChunk(e) >= chunkEnd()) return false;
  if (isMasked() ? !hasKnownBits(e) : !isRange(e)) return false;
  return (c.flagsOf(e) & l.FLAG_HOLE) != 0 || arePlaces(c.placeOf(e), count);
}

/** Whether the places of an entry, if it has any, can be in use. */
function hasPlaces(e: usize): bool {
  return (c.flagsOf(e) & l.FLAG_HOLE) != 0 || areUsed(c.placeOf(e), c.chunkCount(e));
}

function isRange(e: usize): bool {
  if (cellOf(c.toId(e)) == 0 || cellOf(c.afterId(e)) == 0) return false;
  return rankOf(c.afterId(e)) < rankOf(c.toId(e));
}

function hasKnownBits(e: usize): bool {
  return (load<u64>(e, l.ENTRY_MASK) & ~load<u64>(m.KNOWN_MASK)) == 0;
}

/** Whether two entries of a column have a bit in common, or are in the wrong order. */
function masksMeet(before: usize, e: usize): bool {
  const common = load<u64>(before, l.ENTRY_MASK) & load<u64>(e, l.ENTRY_MASK);
  return common != 0 || lowestBit(before) >= lowestBit(e);
}

/** Whether an entry begins above the one before it, or lies around it and is marked so. */
function isApart(before: usize, e: usize): bool {
  if (rankOf(c.toId(before)) <= rankOf(c.afterId(e))) return true;
  if ((c.flagsOf(e) & l.FLAG_AROUND) == 0) return false;
  const begins = rankOf(c.afterId(e)) <= rankOf(c.afterId(before));
  return begins && rankOf(c.toId(before)) < rankOf(c.toId(e));
}

/** I1 between two neighbours, in one leaf or at the ends of two. */
export function inOrder(before: usize, e: usize): bool {
  if (c.lastChunk(before) == c.lastChunk(e)) {
    if (c.chunkCount(before) != c.chunkCount(e)) return false;
    return isMasked() ? !masksMeet(before, e) : isApart(before, e);
  }
  return c.lastChunk(before) < c.firstChunk(e);
}

function isKey(key: u32): bool {
  return isMasked() ? key <= 64 : cellOf(key) != 0;
}

function verifyInner(page: u32, n: u32): bool {
  for (let i: u32 = 0; i < n; i++) {
    const at = innerAt(page, i);
    if (!isBlock(load<u32>(at, l.INNER_CHILD)) || !isKey(load<u32>(at, l.INNER_TO))) return false;
    if (i == 0) continue;
    // A node that is its own neighbour would be merged with itself.
    if (child(page, i) == child(page, i - 1)) return false;
    const before = load<u64>(innerAt(page, i - 1));
    if (before > load<u64>(at)) return false;
    if (
      before == load<u64>(at) &&
      keyRank(load<u32>(innerAt(page, i - 1), l.INNER_TO)) >= keyRank(load<u32>(at, l.INNER_TO))
    ) {
      return false;
    }
  }
  return true;
}
