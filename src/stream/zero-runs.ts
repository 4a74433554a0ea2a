/** Where bytes are zeros, and where they are not. */

/** Bytes looked at together: the least chunk of a store that is no COW device. */
const STEP = 4096;

/** Whether what begins at `start` (a multiple of 4096) is zeros, up to the next multiple. */
export function isZero(bytes: Uint8Array, start: number): boolean {
  const end = Math.min(start + STEP, bytes.length);
  // Most data is told by its first byte, its last one, or its first words.
  if (bytes[start] !== 0 || bytes[end - 1] !== 0) return false;
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset + start, (end - start) >>> 2);
  for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false;
  for (let at = start + 4 * words.length; at < end; at++) if (bytes[at] !== 0) return false;
  return true;
}

/** Where what begins at `start` ends to be (`zero`), or not to be, zeros. */
export function runEnd(bytes: Uint8Array, start: number, zero: boolean): number {
  let end = start + STEP;
  while (end < bytes.length && isZero(bytes, end) === zero) end += STEP;
  return Math.min(end, bytes.length);
}
