/** Cuts bytes into runs of zeros and of everything else. */

/** Bytes looked at together: the least chunk of a store that is no COW device. */
const STEP = 4096;

export interface Run {
  /** In the bytes; multiples of 4096, the last end excepted. */
  start: number;
  end: number;
  isZero: boolean;
}

/** In order, without a gap. `bytes` begin at a multiple of 4. */
export function* zeroRuns(bytes: Uint8Array): Generator<Run> {
  let start = 0;
  while (start < bytes.length) {
    const zero = isZero(bytes, start);
    let end = start + STEP;
    while (end < bytes.length && isZero(bytes, end) === zero) end += STEP;
    yield { start, end: Math.min(end, bytes.length), isZero: zero };
    start = end;
  }
}

function isZero(bytes: Uint8Array, start: number): boolean {
  const end = Math.min(start + STEP, bytes.length);
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset + start, (end - start) >>> 2);
  for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false;
  for (let at = start + 4 * words.length; at < end; at++) if (bytes[at] !== 0) return false;
  return true;
}
