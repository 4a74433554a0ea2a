/**
 * What a snapshot of an attached origin has otherwise than that: chunk by chunk, of any size. The
 * metadata says where to look, the bytes decide.
 */
import { endIfAborted, turn } from "../task.ts";
import { differing } from "../volume/compare/compare.ts";
import type { View, Volume } from "../volume/types.ts";

/** Of a piece; a multiple of every chunk size. */
const PIECE_BYTES = 2 ** 20;

/** Whole chunks of a view from `offset` on; the last one of the view may be short. */
export interface Piece {
  offset: number;
  /** Good until the next piece is asked for. */
  bytes: Uint8Array;
  /** Of each chunk: whether the origin has other bytes there. */
  differs: boolean[];
  /** Bytes that were looked at so far. */
  done: number;
}

/** In order. `chunk`: bytes, a power of two up to 1 MiB. */
export async function* differences(
  volume: Volume,
  view: View,
  chunk: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Piece> {
  const mine = new Uint8Array(PIECE_BYTES);
  const origins = new Uint8Array(PIECE_BYTES);
  let at = 0;
  let done = 0;
  for await (const range of volume.diff(volume.origin, view)) {
    // Its ends may lie inside chunks; then the one before may have had the first of them.
    at = Math.max(at, range.offset - (range.offset % chunk));
    const last = range.offset + range.length;
    const end = Math.min(view.size, Math.ceil(last / chunk) * chunk);
    while (at < end) {
      endIfAborted(signal);
      const length = Math.min(PIECE_BYTES, end - at);
      const [bytes, under] = [mine.subarray(0, length), origins.subarray(0, length)];
      await view.read(at, bytes);
      await volume.origin.read(at, under);
      const differs = differing(bytes, under, chunk);
      done += length;
      if (differs.includes(true)) yield { offset: at, bytes, differs, done };
      at += length;
      await turn();
    }
  }
}
