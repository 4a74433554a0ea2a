/** Reads a stream of a checkpoint: a chain of metadata blocks of up to 504 words of 8 bytes. */
import type { Task } from "../../../task.ts";
import { type Blocks, u32At, u64At } from "./blocks.ts";
import { HEADER, type MetaBlocks, type Where } from "./meta.ts";

const WORDS = 504;
/** Blocks of a stream at most: more are not written. */
const BLOCKS_MAX = 32768;
const NEXT = 32;

export interface Stream {
  where: Where;
  type: number;
  /** Device block of its first block. */
  first: number;
  words: number;
}

/** Takes the words of a stream one by one; says what is wrong with one. */
export type TakeWord = (low: number, high: number) => string | null;

/** Whether all of the stream could be read; what is wrong is reported. */
export function* readStream(meta: MetaBlocks, stream: Stream, take: TakeWord): Task<boolean> {
  const { where, type, words } = stream;
  if (words === 0 || words > BLOCKS_MAX * WORDS) {
    meta.findings.problem(where, `a stream of ${words} words`);
    return false;
  }
  let at = stream.first;
  for (let left = words; left > 0; left -= WORDS) {
    meta.findings.step();
    const number = meta.slabs.numberAt(at);
    if (number < 0) {
      meta.findings.problem(where, `its stream goes to device block ${at}, which no slab has`);
      return false;
    }
    const count = Math.min(WORDS, left);
    const accept = (bytes: Uint8Array) => streamProblem(bytes, type, count);
    const bytes = yield* meta.fetch(number, where, accept);
    if (bytes === null) return false;
    const why = takeWords(bytes, count, take);
    if (why !== null) {
      meta.findings.problem(where, why);
      return false;
    }
    at = u64At(bytes, NEXT);
  }
  if (at !== 0) meta.findings.problem(where, "its stream goes on behind its end");
  return true;
}

function streamProblem(bytes: Uint8Array, type: number, words: number): string | null {
  if (u32At(bytes, 12) !== type) return "it is of another type";
  const count = u32At(bytes, 8) >>> 16;
  return count === words ? null : `it has ${count} words, not ${words}`;
}

function takeWords(bytes: Uint8Array, count: number, take: TakeWord): string | null {
  for (let i = 0; i < count; i++) {
    const at = HEADER + 8 * i;
    const why = take(u32At(bytes, at), u32At(bytes, at + 4));
    if (why !== null) return why;
  }
  return null;
}

/**
 * The numbers and device blocks of a stream's blocks, before it is known where slabs lie; null: the
 * chain is broken.
 */
export function* chainOf(
  blocks: Blocks,
  stream: Stream,
  isOurs: (bytes: Uint8Array) => boolean,
): Task<{ number: number; at: number; bytes: Uint8Array }[] | null> {
  const found: { number: number; at: number; bytes: Uint8Array }[] = [];
  let at = stream.first;
  if (stream.words === 0 || stream.words > BLOCKS_MAX * WORDS) return null;
  for (let left = stream.words; left > 0; left -= WORDS) {
    if (at < 2 || at >= blocks.size) return null;
    const { bytes, seal } = yield* blocks.readSealed(at);
    const count = Math.min(WORDS, left);
    if (seal === "damaged" || !isOurs(bytes)) return null;
    if (streamProblem(bytes, stream.type, count) !== null) return null;
    found.push({ number: u32At(bytes, 4), at, bytes });
    at = u64At(bytes, NEXT);
  }
  return found;
}
