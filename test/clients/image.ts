/** Disks to compare with: what should be on them, in memory or in a raw image. */
import fs from "node:fs";
import * as assert from "uvu/assert";
import { fresh } from "../cli/program.ts";
import type { Random } from "../model/prng.ts";

const RUN_BYTES_MAX = 2 ** 20;

export interface Range {
  offset: number;
  length: number;
}

/** Zeros with `runs` runs of random bytes, at any place and of any length up to 1 MiB. */
export function sparseBytes(random: Random, size: number, runs: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < runs; i++) {
    const length = random.between(1, Math.min(RUN_BYTES_MAX, size));
    bytes.set(random.bytes(length), random.between(0, size - length));
  }
  return bytes;
}

/** A raw image with these bytes, where chunks of zeros are holes. */
export function imageFile(bytes: Buffer, chunk = 4096): string {
  const file = fresh("image.raw");
  const handle = fs.openSync(file, "w");
  fs.ftruncateSync(handle, bytes.length);
  for (const { offset, length } of dataChunks(bytes, chunk)) {
    fs.writeSync(handle, bytes, offset, length, offset);
  }
  fs.closeSync(handle);
  return file;
}

/** Which whole chunks have a byte that is no zero: ranges of such, joined. */
export function dataChunks(bytes: Buffer, chunk: number): Range[] {
  const zeros = Buffer.alloc(chunk);
  return chunksWhere(bytes.length, chunk, (start, end) => {
    return !bytes.subarray(start, end).equals(zeros.subarray(0, end - start));
  });
}

/** Ranges of whole chunks that the test is true for, joined. */
export function chunksWhere(
  size: number,
  chunk: number,
  isSo: (start: number, end: number) => boolean,
): Range[] {
  const ranges: Range[] = [];
  for (let start = 0; start < size; start += chunk) {
    const end = Math.min(size, start + chunk);
    if (!isSo(start, end)) continue;
    const last = ranges.at(-1);
    if (last && last.offset + last.length === start) last.length = end - last.offset;
    else ranges.push({ offset: start, length: end - start });
  }
  return ranges;
}

/** Fails with the first place where they differ. */
export function sameBytes(found: Buffer, expected: Buffer, what: string): void {
  if (found.equals(expected)) return;
  assert.is(found.length, expected.length, `${what}: length`);
  const at = found.findIndex((byte, index) => byte !== expected[index]);
  assert.unreachable(`${what}: at ${at} there is ${found[at]}, not ${expected[at]}`);
}

/** Bytes that a file takes on its disk. */
export function takenBytes(file: string): number {
  return fs.statSync(file).blocks * 512;
}
