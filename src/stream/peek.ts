/** What a stream says of its first snapshot, before anybody has received anything of it. */
import { MultisnapError } from "../errors.ts";
import { decodeStream } from "./heads.ts";
import * as l from "./layout.ts";
import { u64 } from "./records.ts";

/** Where the head of the first snapshot begins, and where what is looked at of it ends. */
const SNAPSHOT = 2 * l.RECORD_HEADER + l.STREAM_BYTES;
const PEEKED = SNAPSHOT + l.SNAPSHOT_NAME_BYTES;

export interface Peeked {
  /** Bytes of the snapshot, and of a chunk where it comes from. */
  size: number;
  chunk: number;
  /** It follows on another snapshot. */
  hasBase: boolean;
  /** All of the stream. */
  stream: AsyncIterable<Uint8Array>;
}

/** Checks no checksum: who receives the stream does. Errors: `Invalid` (it is none). */
export async function peekStream(stream: AsyncIterable<Uint8Array>): Promise<Peeked> {
  const parts = stream[Symbol.asyncIterator]();
  const begun: Uint8Array[] = [];
  let bytes = 0;
  while (bytes < PEEKED) {
    const { done, value } = await parts.next();
    if (done) break;
    // Parts are the giver's again when the next one is asked for.
    begun.push(value.slice());
    bytes += value.length;
  }
  const head = new Uint8Array(PEEKED);
  let filled = 0;
  for (const part of begun) {
    head.set(part.subarray(0, PEEKED - filled), filled);
    filled = Math.min(PEEKED, filled + part.length);
  }
  decodeStream(head.subarray(l.RECORD_HEADER, l.RECORD_HEADER + l.STREAM_BYTES));
  if (filled < PEEKED) {
    throw new MultisnapError("Corrupt", "the stream is not whole: it ends in its first snapshot");
  }
  const view = new DataView(head.buffer);
  const size = u64(view, SNAPSHOT + l.SNAPSHOT_SIZE);
  const chunk = view.getUint32(SNAPSHOT + l.SNAPSHOT_CHUNK, true);
  const flags = view.getUint32(SNAPSHOT + l.SNAPSHOT_FLAGS, true);
  const hasBase = (flags & l.SNAPSHOT_HAS_BASE) !== 0;
  return { size, chunk, hasBase, stream: again(begun, parts) };
}

async function* again(
  begun: readonly Uint8Array[],
  parts: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* begun;
    for (;;) {
      const { done, value } = await parts.next();
      if (done) return;
      yield value;
    }
  } finally {
    await parts.return?.();
  }
}
