/** Retention as its sentences say it, rule by rule and snapshot by snapshot; squares are fine. */
import type { KeepRule } from "../../src/schedule/keep.ts";
import type { Mark } from "../../src/schedule/mark.ts";
import { bucketOf } from "../../src/schedule/period.ts";

/** Indexes of `marks`, in the order in which they were taken, that stay. */
export function naiveKept(marks: readonly Mark[], rules: readonly KeepRule[]): Set<number> {
  const kept = new Set<number>();
  if (marks.length > 0) kept.add(marks.length - 1);
  for (const rule of rules) {
    for (const index of keptBy(marks, rule)) kept.add(index);
  }
  return kept;
}

function keptBy(marks: readonly Mark[], { count, period }: KeepRule): number[] {
  const keys = marks.map(({ time, pass }) => `${pass}/${bucketOf(time, period)}`);
  const buckets = [...new Set(keys.toReversed())];
  const passOf = (key: string) => key.split("/")[0];
  const free = buckets.filter((key) => {
    const ended = passOf(key) !== passOf(buckets[0] as string);
    return ended && buckets.find((other) => passOf(other) === passOf(key)) === key;
  });
  const within = buckets.filter((_, index) => {
    const newer = buckets.slice(0, index).filter((key) => !free.includes(key));
    return index < 2 * count && newer.length < count;
  });
  return within.map((key) => keys.indexOf(key));
}
