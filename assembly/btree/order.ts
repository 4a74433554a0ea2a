/**
 * The order of the entries of one column. Range store: the rank of the view that an entry ends at.
 * Bitmap store: its lowest bit; the masks of a column have no bit in common.
 *
 * A key is what an inner node keeps of an entry for it: a view's id, or a bit.
 */
import { ENTRY_MASK, ENTRY_TO } from "../layout";
import { rankOf } from "../timeline";
import { isMasked } from "../bitmap/mask";

/** 64 for mask 0, the origin's own entry, which is the last. */
// @ts-ignore: decorator
@inline
export function lowestBit(entry: usize): u32 {
  return <u32>ctz(load<u64>(entry, ENTRY_MASK));
}

// @ts-ignore: decorator
@inline
export function entryKey(entry: usize): u32 {
  return isMasked() ? lowestBit(entry) : load<u32>(entry, ENTRY_TO);
}

/** Above 0: a search for rank 0 finds the first entry of a column. */
// @ts-ignore: decorator
@inline
export function keyRank(key: u32): u64 {
  return isMasked() ? key + 1 : rankOf(key);
}

// @ts-ignore: decorator
@inline
export function entryRank(entry: usize): u64 {
  return keyRank(entryKey(entry));
}
