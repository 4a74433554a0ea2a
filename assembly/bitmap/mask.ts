/**
 * Bits of snapshots in a bitmap store: each snapshot has one of 64, which no other view has until
 * it has been deleted and reclaimed. The origin has none: mask 0 is its own.
 *
 * A view's bit is kept in its flags, so the views stream has it.
 */
import { BOTTOM, KNOWN_MASK, LIVE_MASK, SUPER } from "../memory";
import { ENTRY_MASK, KIND_BITMAP, SUPER_KIND } from "../layout";
import { CELL_FLAGS, CELL_NEXT, isLive, ORIGIN } from "../cells";

export const VIEW_BIT_SHIFT: u32 = 8;
/** What `freeBit` answers where there is none. */
export const NO_BIT: u32 = 64;

// @ts-ignore: decorator
@inline
export function isMasked(): bool {
  return load<u32>(SUPER + SUPER_KIND) == KIND_BITMAP;
}

// @ts-ignore: decorator
@inline
export function entryMask(entry: usize): u64 {
  return load<u64>(entry, ENTRY_MASK);
}

/** Mask of a view alone; 0 for the origin. */
export function maskOf(cell: u32): u64 {
  if (load<u32>(cell) == ORIGIN) return 0;
  return (<u64>1) << ((load<u32>(cell, CELL_FLAGS) >>> VIEW_BIT_SHIFT) & 63);
}

// @ts-ignore: decorator
@inline
export function liveMask(): u64 {
  return load<u64>(LIVE_MASK);
}

/** The lowest bit that no view has, or NO_BIT. */
export function freeBit(): u32 {
  return <u32>ctz(~load<u64>(KNOWN_MASK));
}

/** After any change of the timeline: who lives, and who is there. */
export function countBits(): void {
  if (!isMasked()) return;
  let live: u64 = 0;
  let known: u64 = 0;
  let cell = load<u32>(<usize>BOTTOM + CELL_NEXT);
  for (; cell != 0; cell = load<u32>(cell + CELL_NEXT)) {
    const mask = maskOf(cell);
    known |= mask;
    if (isLive(cell)) live |= mask;
  }
  store<u64>(LIVE_MASK, live);
  store<u64>(KNOWN_MASK, known);
}
