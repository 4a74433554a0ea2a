/**
 * Fences: twelve keys of a node, evenly spread, beside its number in the slot's header. They cut
 * the node into thirteen blocks, and one comparison of three vectors finds the right one: four of
 * eight cache misses less. Only in memory; made again whenever a key of the node changes.
 *
 * A fence holds the low 32 bits of a chunk, so disks of 2^32 chunks and more do without (WIDE).
 */
import { WIDE } from "../memory";
import { BLOCK_COUNT, BLOCK_HEADER, BLOCK_LEVEL, ENTRY_BYTES, INNER_BYTES } from "../layout";

/** Where the fences lie: from this far before the page. */
const FENCES: u32 = 48;
const COUNT: u32 = 12;
const NONE: u32 = 0xffffffff;

/**
 * Entries of a block: enough that the thirteenth, which has no fence, ends behind the last entry.
 */
// @ts-ignore: decorator
@inline
export function blockSize(count: u32): u32 {
  return (count + COUNT + 1) / (COUNT + 1);
}

/** Makes the fences of a node anew. */
export function fence(page: u32): void {
  const count = <u32>load<u16>(page, BLOCK_COUNT);
  const bytes = load<u16>(page, BLOCK_LEVEL) == 0 ? ENTRY_BYTES : INNER_BYTES;
  const step = blockSize(count);
  const first = page + BLOCK_HEADER + 2; // a key's chunk begins 16 bits up
  let index = step - 1;
  for (let i: u32 = 0; i < COUNT; i++, index += step) {
    const key = index < count ? load<u32>(first + index * bytes) : NONE;
    store<u32>(page - FENCES + (i << 2), key);
  }
}

/** First entry of the block that a chunk falls into; 0 where fences do not serve. */
// @ts-ignore: decorator
@inline
export function fenced(page: u32, count: u32, chunk: u64): u32 {
  if (load<u32>(WIDE)) return 0;
  const key = i32x4.splat(<u32>chunk);
  const at = page - FENCES;
  const a = i32x4.bitmask(i32x4.lt_u(v128.load(at), key));
  const b = i32x4.bitmask(i32x4.lt_u(v128.load(at, 16), key));
  const c = i32x4.bitmask(i32x4.lt_u(v128.load(at, 32), key));
  return <u32>popcnt(a | (b << 4) | (c << 8)) * blockSize(count);
}

/** Entry behind which the search in that block need not look. */
// @ts-ignore: decorator
@inline
export function fencedEnd(first: u32, count: u32, end: u32): u32 {
  return load<u32>(WIDE) ? end : min<u32>(first + blockSize(count) - 1, end);
}
