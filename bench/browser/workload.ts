/** What every contestant of a measure does: sizes, orders, bytes. */
import { shuffled } from "../order.ts";
import type { Course, Measure } from "./contest.ts";

export const UNIT = 4096;
export const SEQUENTIAL = 65536;
/** Blobs of a transaction. */
export const BATCH = 100;

export type Courses = Record<Measure, Course>;

/** Operations of a turn for `bytes` of volume. */
function courses(bytes: number, flushes: number, blobs: number): Courses {
  return {
    firstWrites: { count: bytes / UNIT, slice: 256 },
    sequential: { count: bytes / SEQUENTIAL, slice: 16 },
    reads: { count: bytes / UNIT, slice: 256 },
    flushes: { count: flushes, slice: 1, typical: true },
    blobs: { count: blobs, slice: BATCH, typical: true },
  };
}

/** Firefox takes 80 us and more a call: the same with a quarter of the operations. */
export const COURSES: Record<string, Courses> = {
  chromium: courses(2 ** 26, 200, 4000),
  firefox: courses(2 ** 24, 100, 1000),
};

export const data = new Uint8Array(SEQUENTIAL).fill(0xa5);
export const unit = data.subarray(0, UNIT);

export function orderOf(count: number): Uint32Array {
  return shuffled(count, 12345);
}
