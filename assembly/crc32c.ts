/**
 * CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), slicing by 16 (Kounavis and Berry, 2005).
 * The tables are made at init, because a data segment would be written again by every further
 * instance over the same memory.
 */
import { CRC_TABLES } from "./memory";

/** Bytes that are taken at once, and tables of 256 words. */
const SLICES: u32 = 16;

export function crcInit(): void {
  for (let i: u32 = 0; i < 256; i++) {
    let c = i;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
    store<u32>(CRC_TABLES + (i << 2), c);
  }
  for (let i: u32 = 0; i < 256; i++) {
    let c = load<u32>(CRC_TABLES + (i << 2));
    for (let t: u32 = 1; t < SLICES; t++) {
      c = load<u32>(CRC_TABLES + ((c & 255) << 2)) ^ (c >>> 8);
      store<u32>(CRC_TABLES + (t << 10) + (i << 2), c);
    }
  }
}

// @ts-ignore: decorator
@inline
function table(t: u32, byte: u32): u32 {
  return load<u32>(CRC_TABLES + (t << 10) + (byte << 2));
}

/** What four bytes with `t` bytes behind them in their slice make of the crc; paired: a tree. */
// @ts-ignore: decorator
@inline
function word(t: u32, bytes: u32): u32 {
  return (
    table(t + 3, bytes & 255) ^
    table(t + 2, (bytes >>> 8) & 255) ^
    (table(t + 1, (bytes >>> 16) & 255) ^ table(t, bytes >>> 24))
  );
}

/**
 * Crc of `length` bytes at `address`, going on from `seed` (0, or the crc of what stands before).
 */
export function crc32c(address: usize, length: u32, seed: u32): u32 {
  let c = ~seed;
  const end = address + length;
  const fast = address + (length & ~(SLICES - 1));
  while (address < fast) {
    // Only the first word waits for the slice before: it comes last.
    const rest =
      word(8, load<u32>(address, 4)) ^
      (word(4, load<u32>(address, 8)) ^ word(0, load<u32>(address, 12)));
    c = word(12, load<u32>(address) ^ c) ^ rest;
    address += SLICES;
  }
  while (address < end) {
    c = table(0, (c ^ load<u8>(address)) & 255) ^ (c >>> 8);
    address++;
  }
  return ~c;
}
