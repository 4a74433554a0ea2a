/** Cuts pieces of an image into runs of data and runs of zeros, so that zeros take no space. */

/** Bytes looked at together: the least chunk, and the block of most file systems. */
const STEP_BYTES = 4096;
const ZEROS = Buffer.alloc(STEP_BYTES);

export interface Run {
  /**
   * Of the run in the piece, in bytes; both are multiples of 4096, the end of the piece excepted.
   */
  start: number;
  end: number;
  zero: boolean;
}

/** The runs of `piece`, in order, without a gap. */
export function* runs(piece: Uint8Array): Generator<Run> {
  const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.length);
  let start = 0;
  while (start < bytes.length) {
    const zero = isZero(bytes, start);
    let end = start + STEP_BYTES;
    while (end < bytes.length && isZero(bytes, end) === zero) end += STEP_BYTES;
    end = Math.min(end, bytes.length);
    yield { start, end, zero };
    start = end;
  }
}

function isZero(bytes: Buffer, start: number): boolean {
  const end = Math.min(start + STEP_BYTES, bytes.length);
  return bytes.compare(ZEROS, 0, end - start, start, end) === 0;
}
