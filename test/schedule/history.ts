/** What a schedule takes while true time goes on and its clock jumps, without a volume. */
import { type Candidate, type Mark, markName, nextMark } from "../../src/schedule/mark.ts";
import { bucketOf } from "../../src/schedule/period.ts";
import type { Random } from "../model/prng.ts";

export const SECOND = 1000;
export const START = Date.UTC(2026, 10, 22, 10, 5, 0);

export interface Taken extends Candidate {
  mark: Mark;
  /** Milliseconds on a clock that never jumps. */
  trueTime: number;
}

/** From the second `at` of true time on, the clock is `by` milliseconds further than before. */
export interface Jump {
  at: number;
  by: number;
}

/** The server was not running from second `from` to `to`. */
export interface Pause {
  from: number;
  to: number;
}

/** One look at the clock each second. */
export function takeAll(
  seconds: number,
  every: number,
  jumps: readonly Jump[] = [],
  pauses: readonly Pause[] = [],
): Taken[] {
  const taken: Taken[] = [];
  let offset = 0;
  let last: Mark | null = null;
  for (let second = 0; second < seconds; second++) {
    for (const { at, by } of jumps) if (at === second) offset += by;
    if (pauses.some(({ from, to }) => from <= second && second < to)) continue;
    const trueTime = START + second * SECOND;
    const time = trueTime + offset;
    if (last !== null && bucketOf(last.time, every) === bucketOf(time, every)) continue;
    last = nextMark(last, time);
    taken.push(snapshotOf(last, taken.length + 2, trueTime));
  }
  return taken;
}

export function snapshotOf(mark: Mark, id: number, trueTime = mark.time): Taken {
  return { name: markName(mark), id, created: mark.time, readOnly: true, mark, trueTime };
}

export function randomJumps(random: Random, count: number, seconds: number, most: number): Jump[] {
  return Array.from({ length: count }, () => {
    const size = random.chance(0.3) ? random.below(most) : random.below(120);
    return { at: random.below(seconds), by: (random.chance(0.5) ? 1 : -1) * (1 + size) * SECOND };
  });
}
