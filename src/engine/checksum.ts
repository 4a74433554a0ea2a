/** crc32c of bytes that are not in the memory of an engine: they are copied to a calculator's. */
import { CALCULATOR_BYTES } from "./calculator.ts";
import type { Engine } from "./engine.ts";

/** Bytes of a word. */
const WORD = 8;
const PIECE_MAX = CALCULATOR_BYTES - WORD;

/** Going on from `seed`: 0, or the crc of what stands before. */
export function crc32c(calculator: Engine, bytes: Uint8Array, seed = 0): number {
  const { u8, at, x } = calculator;
  let crc = seed;
  for (let done = 0; done < bytes.length; done += PIECE_MAX) {
    const isAll = bytes.length <= PIECE_MAX;
    const piece = isAll ? bytes : bytes.subarray(done, done + PIECE_MAX);
    // Shared memory is written word by word only from what lies alike in its words, else byte by
    // byte: seven times as slow.
    const address = at.transfer + (piece.byteOffset % WORD);
    u8.set(piece, address);
    crc = x.crc32c(address, piece.length, crc);
  }
  return crc >>> 0;
}
