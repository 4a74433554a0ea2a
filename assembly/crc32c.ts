/**
 * CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), slicing by 8 (Kounavis and Berry, 2005).
 * The tables are made at init, because a data segment would be written again by every further
 * instance over the same memory.
 */
import { CRC_TABLES } from "./memory";

export function crcInit(): void {
  for (let i: u32 = 0; i < 256; i++) {
    let c = i;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
    store<u32>(CRC_TABLES + (i << 2), c);
  }
  for (let i: u32 = 0; i < 256; i++) {
    let c = load<u32>(CRC_TABLES + (i << 2));
    for (let t: u32 = 1; t < 8; t++) {
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

/**
 * Crc of `length` bytes at `address`, going on from `seed` (0, or the crc of what stands before).
 */
export function crc32c(address: usize, length: u32, seed: u32): u32 {
  let c = ~seed;
  const end = address + length;
  const fast = address + (length & ~7);
  while (address < fast) {
    const low = load<u32>(address) ^ c;
    const high = load<u32>(address, 4);
    c =
      table(7, low & 255) ^
      table(6, (low >>> 8) & 255) ^
      table(5, (low >>> 16) & 255) ^
      table(4, low >>> 24) ^
      table(3, high & 255) ^
      table(2, (high >>> 8) & 255) ^
      table(1, (high >>> 16) & 255) ^
      table(0, high >>> 24);
    address += 8;
  }
  while (address < end) {
    c = table(0, (c ^ load<u8>(address)) & 255) ^ (c >>> 8);
    address++;
  }
  return ~c;
}
