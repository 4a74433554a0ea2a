/**
 * A checksum that is wrong by one flipped bit says which: crc32c is linear, so computed xor stored
 * is what that bit alone leaves, and it depends on nothing but the bit's distance from the end.
 */

const POLYNOMIAL = 0x82f63b78;

/**
 * Which of the last `length` bytes under a crc has a flipped bit, where computed xor stored is
 * `syndrome`: byte * 8 + bit; -1 where it is the stored crc itself; null: more is wrong than one
 * bit. Up to 8 steps a byte.
 */
export function flippedBit(syndrome: number, length: number): number | null {
  const wrong = syndrome >>> 0;
  if (wrong === 0) return null;
  if ((wrong & (wrong - 1)) === 0) return -1;
  let left = 1;
  for (let distance = 0; distance < length * 8; distance++) {
    left = left & 1 ? (left >>> 1) ^ POLYNOMIAL : left >>> 1;
    if (left >>> 0 === wrong) return length * 8 - 1 - distance;
  }
  return null;
}
