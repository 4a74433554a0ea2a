/**
 * Whether `length` bytes at `address` (a multiple of 64) are all zero; leaves at the first 64 that
 * are not.
 */
export function isZero(address: usize, length: u32): bool {
  const end = address + length;
  while (address < end) {
    const a = v128.or(v128.load(address), v128.load(address, 16));
    const b = v128.or(v128.load(address, 32), v128.load(address, 48));
    if (v128.any_true(v128.or(a, b))) return false;
    address += 64;
  }
  return true;
}
