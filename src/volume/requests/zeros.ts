/** Ranges that become zeros: whole chunks are given back, what is left of them is written. */
import type { Task } from "../../task.ts";

const ZEROS = new Uint8Array(65536);

/** A disk, as far as zeros concern it. */
export interface Zeroed {
  /** Bytes. */
  readonly size: number;
  readonly chunk: number;
  write(offset: number, bytes: Uint8Array): Task<void>;
  /** Gives whole chunks back; null where the disk cannot. */
  readonly punch: ((first: number, count: number) => Task<void>) | null;
}

/** `exact`: also what are no whole chunks. */
export function* zero(disk: Zeroed, offset: number, length: number, exact: boolean): Task<void> {
  const { size, chunk, punch } = disk;
  const end = offset + length;
  const first = Math.ceil(offset / chunk);
  const last = end === size ? Math.ceil(end / chunk) : Math.floor(end / chunk);
  if (last <= first) {
    if (exact) yield* writeZeros(disk, offset, end);
    return;
  }
  if (exact) yield* writeZeros(disk, offset, first * chunk);
  if (punch) yield* punch(first, last - first);
  else yield* writeZeros(disk, first * chunk, Math.min(size, last * chunk));
  if (exact && last * chunk < end) yield* writeZeros(disk, last * chunk, end);
}

function* writeZeros(disk: Zeroed, from: number, to: number): Task<void> {
  for (let at = from, end = from; at < to; at = end) {
    // Whole sectors to a piece: a concurrent write must not meet it inside one.
    end = Math.min(to, at - (at % ZEROS.length) + ZEROS.length);
    yield* disk.write(at, ZEROS.subarray(0, end - at));
  }
}
