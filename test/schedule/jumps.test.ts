/**
 * What a jump of the clock costs, against the same schedule on a clock that goes on as it should.
 * Every snapshot is followed by a deletion, so that nothing comes back that a jump took.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { KeepRule } from "../../src/schedule/keep.ts";
import { planRetention } from "../../src/schedule/retention.ts";
import { Random } from "../model/prng.ts";
import { type Jump, randomJumps, SECOND, type Taken, takeAll } from "./history.ts";

const HISTORIES = 400;
const EVERY = 2 * SECOND;
const PERIODS = [2 * SECOND, 6 * SECOND, 24 * SECOND];
const COMMON_PERIOD = 24;
/** From START to where a bucket of the longest period begins, in seconds. */
const PHASE = 12;

const test = suite("a clock that jumps");

function rolled(taken: readonly Taken[], rules: readonly KeepRule[]): Taken[] {
  let step: Taken[] = [];
  for (const snapshot of taken) {
    step = planRetention([...step, snapshot], rules)
      .filter(({ keep }) => keep)
      .map((verdict) => verdict.snapshot);
  }
  return step;
}

const moments = (taken: readonly Taken[]) => taken.map(({ trueTime }) => trueTime);

interface World {
  seconds: number;
  jumps: Jump[];
  forward: number;
  back: number;
  rules: KeepRule[];
  random: Random;
}

function eachWorld(check: (world: World) => void): void {
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const random = new Random(seed);
    const seconds = random.between(60, 300);
    const jumps = randomJumps(random, random.between(1, 4), seconds, 40_000_000);
    const forward = jumps.filter(({ by }) => by > 0).length;
    const back = jumps.length - forward;
    const rules = PERIODS.map((period) => ({ count: back + random.between(1, 8), period }));
    try {
      check({ seconds, jumps, forward, back, rules, random });
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`);
    }
  }
}

/** Jumps by whole multiples of every period: buckets begin at the same moments in both worlds. */
function aligned(jumps: readonly Jump[], sign: (by: number) => number): Jump[] {
  const unit = COMMON_PERIOD * SECOND;
  return jumps.map(({ at, by }) => ({ at, by: sign(by) * unit * Math.ceil(Math.abs(by) / unit) }));
}

const plus = (rules: readonly KeepRule[], more: number) =>
  rules.map(({ count, period }) => ({ count: count + more, period }));

/** Moments that the schedule keeps on a steady clock and not on one that jumps. */
function lost(seconds: number, jumps: Jump[], jumpy: KeepRule[], steady: KeepRule[]): number[] {
  const there = new Set(moments(rolled(takeAll(seconds, EVERY, jumps), jumpy)));
  return moments(rolled(takeAll(seconds, EVERY), steady)).filter((moment) => !there.has(moment));
}

test("back, however often: costs one bucket in all", () => {
  eachWorld(({ seconds, jumps, rules, forward }) => {
    const all = aligned(jumps, () => -1);
    const enough = plus(rules, forward);
    assert.equal(lost(seconds, all, plus(enough, 1), enough), []);
  });
});

test("back: costs nothing where no bucket is cut", () => {
  eachWorld(({ seconds, jumps, rules, forward }) => {
    const between = jumps.map(({ at, by }) => ({ at: at - (at % COMMON_PERIOD) + PHASE, by }));
    const all = aligned(between, () => -1);
    const enough = plus(rules, forward);
    assert.equal(lost(seconds, all, enough, enough), []);
  });
});

test("forward: each jump costs one bucket, as a pause does", () => {
  eachWorld(({ seconds, jumps, rules, back, forward }) => {
    const all = aligned(jumps, () => 1);
    assert.equal(lost(seconds, all, plus(rules, back + forward), rules), []);
  });
});

test("forward and back, again and again", () => {
  eachWorld(({ seconds, jumps, rules, back, forward }) => {
    const all = aligned(jumps, Math.sign);
    assert.equal(lost(seconds, all, plus(rules, forward + Math.min(back, 1)), rules), []);
  });
});

test("by any amount: how far a rule reaches back, and that it has no holes", () => {
  eachWorld(({ seconds, jumps, rules, forward, back, random }) => {
    const rule = random.pick(rules);
    const taken = takeAll(seconds, EVERY, jumps);
    const there = moments(rolled(taken, [rule]));
    const [oldest, newest] = [there[0] as number, there.at(-1) as number];
    const start = moments(taken)[0] as number;
    // The newest bucket has only begun, and both parts of one that a jump cuts may be short.
    const reach = (rule.count - 1 - 2 * (forward + back)) * rule.period - EVERY;
    assert.ok(oldest <= Math.max(start, newest - reach), `${(newest - oldest) / SECOND} s`);
    for (const [index, moment] of there.slice(0, -1).entries()) {
      const gap = (there[index + 1] as number) - moment;
      assert.ok(gap <= rule.period + 2 * EVERY, `a hole of ${gap / SECOND} s at ${index}`);
    }
  });
});

test("a pause costs what a jump forward costs, whatever its length", () => {
  const rules: KeepRule[] = [{ count: 5, period: 6 * SECOND }];
  const before = rolled(takeAll(100, EVERY), rules);
  for (const length of [10, 100, 1000]) {
    const taken = takeAll(100 + length + 1, EVERY, [], [{ from: 100, to: 100 + length }]);
    const after = moments(rolled(taken, rules));
    const gone = moments(before).filter((moment) => !after.includes(moment));
    // Its first bucket, and the newest, which was not the first of any.
    assert.ok(gone.length <= 2, `${gone.length} lost in a pause of ${length} s`);
  }
});

test.run();
