/** Periods as they are typed (`5m`), and the buckets that they cut time into. */
import { MultisnapError } from "../errors.ts";

/** Milliseconds. */
const UNITS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const PERIOD_MAX = 36_525 * UNITS.d;
/**
 * Where the first bucket begins: 1970-01-05, a Monday, so that weeks begin on Mondays. What divides
 * a day begins as it would without.
 */
const FIRST_MONDAY = 4 * UNITS.d;

/** `90s`, `5m`, `1h`, `30d`, `2w` as milliseconds. */
export function parsePeriod(text: string): number {
  const match = /^([0-9]+)([smhdw])$/.exec(text);
  if (match === null) {
    throw invalid(text, "give a whole number and one of s, m, h, d, w, as in 5m");
  }
  const period = Number(match[1]) * UNITS[match[2] as keyof typeof UNITS];
  if (period < UNITS.s) throw invalid(text, "the least is 1s");
  if (period > PERIOD_MAX) throw invalid(text, "the most is 36525d, a hundred years");
  return period;
}

function invalid(text: string, wanted: string): MultisnapError {
  return new MultisnapError("Invalid", `${JSON.stringify(text)} is not a period: ${wanted}`);
}

/** In the largest unit that divides it. */
export function formatPeriod(period: number): string {
  const [unit, length] = Object.entries(UNITS).findLast(([, ms]) => period % ms === 0)!;
  return `${period / length}${unit}`;
}

/** Number of the bucket that `time` (milliseconds since 1970) falls into. */
export function bucketOf(time: number, period: number): number {
  return Math.floor((time - FIRST_MONDAY) / period);
}

/** Milliseconds since 1970. */
export function bucketStart(bucket: number, period: number): number {
  return bucket * period + FIRST_MONDAY;
}

/** Where a bucket begins, no more exactly than its period: `2026-11-22T10:05Z`, `2026-11-22`. */
export function formatBucket(bucket: number, period: number): string {
  const text = formatTime(bucketStart(bucket, period));
  if (period % UNITS.d === 0) return text.replace(/T.*$/, "");
  return period % UNITS.m === 0 ? text.replace(/:\d\dZ$/, "Z") : text;
}

/** To the second: `2026-11-22T10:05:00Z`. */
export function formatTime(time: number): string {
  return new Date(time).toISOString().replace(/\.\d+Z$/, "Z");
}

export function wholeSecond(time: number): number {
  return Math.floor(time / UNITS.s) * UNITS.s;
}
