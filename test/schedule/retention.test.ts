/**
 * Retention against the naive model and against its own promises, over histories in which the clock
 * jumps as it likes. `SEED=7 npx tsx test/schedule/retention.test.ts` runs one.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { formatKeep, type KeepRule, parseKeep } from "../../src/schedule/keep.ts";
import { type Candidate, type Mark, nextMark } from "../../src/schedule/mark.ts";
import { planRetention } from "../../src/schedule/retention.ts";
import { Random } from "../model/prng.ts";
import { randomJumps, SECOND, START, snapshotOf, type Taken, takeAll } from "./history.ts";
import { naiveKept } from "./naive.ts";

const SEED = process.env.SEED;
const HISTORIES = 2000;
const SECONDS_MAX = 400;
const YEAR_SECONDS = 366 * 86400;

const test = suite("retention");

function kept<S extends Candidate>(snapshots: readonly S[], rules: readonly KeepRule[]): S[] {
  return planRetention(snapshots, rules)
    .filter(({ keep }) => keep)
    .map(({ snapshot }) => snapshot);
}

const names = (snapshots: readonly Candidate[]) => snapshots.map(({ name }) => name);

function randomRules(random: Random): KeepRule[] {
  const periods = new Set(
    Array.from({ length: random.between(1, 4) }, () => random.between(1, 60)),
  );
  return [...periods].map((seconds) => ({
    count: random.between(1, 6),
    period: seconds * SECOND,
  }));
}

function eachHistory(check: (taken: Taken[], rules: KeepRule[], random: Random) => void): void {
  const first = SEED === undefined ? 1 : Number(SEED);
  const last = SEED === undefined ? HISTORIES : first;
  for (let seed = first; seed <= last; seed++) {
    const random = new Random(seed);
    const seconds = random.between(1, SECONDS_MAX);
    const jumps = randomJumps(random, random.below(8), seconds, YEAR_SECONDS);
    const taken = takeAll(seconds, random.between(1, 20) * SECOND, jumps);
    const rules = randomRules(random);
    try {
      check(taken, rules, random);
    } catch (error) {
      const replay = `SEED=${seed} npx tsx test/schedule/retention.test.ts`;
      throw new Error(`${formatKeep(rules)}: ${(error as Error).message}\n${replay}`);
    }
  }
}

test("keeps what the naive model keeps, in any order of the list", () => {
  eachHistory((taken, rules, random) => {
    const marks = taken.map(({ mark }) => mark);
    const wanted = [...naiveKept(marks, rules)].sort((a, b) => a - b);
    assert.equal(
      names(kept(taken, rules)),
      wanted.map((index) => taken[index]?.name),
    );
    const mixed = [...taken].sort(() => random.between(-1, 1));
    assert.equal(new Set(names(kept(mixed, rules))), new Set(names(kept(taken, rules))));
  });
});

test("every history of up to six snapshots in five seconds", () => {
  const all = ["1x1s", "2x1s", "1x2s", "2x2s", "1x1s,1x3s", "2x1s,2x2s"].map(parseKeep);
  let histories = 0;
  const grow = (marks: Mark[]) => {
    if (marks.length > 0) {
      histories++;
      const taken = marks.map((mark, index) => snapshotOf(mark, index + 2));
      for (const rules of all) {
        const wanted = naiveKept(marks, rules);
        assert.equal(
          kept(taken, rules),
          taken.filter((_, index) => wanted.has(index)),
          `${names(taken)} ${formatKeep(rules)}`,
        );
      }
    }
    if (marks.length === 6) return;
    for (let second = 0; second < 5; second++) {
      const last = marks.at(-1) ?? null;
      const time = START + second * SECOND;
      if (time !== last?.time) grow([...marks, nextMark(last, time)]);
    }
  };
  grow([]);
  assert.is(histories, 5 + 5 * 4 + 5 * 4 ** 2 + 5 * 4 ** 3 + 5 * 4 ** 4 + 5 * 4 ** 5);
});

test("deleting twice is deleting once", () => {
  eachHistory((taken, rules) => {
    const once = kept(taken, rules);
    assert.equal(names(kept(once, rules)), names(once));
  });
});

test("deleting after every snapshot is deleting once in the end", () => {
  eachHistory((taken, rules) => {
    let step: Taken[] = [];
    for (const snapshot of taken) step = kept([...step, snapshot], rules);
    assert.equal(names(step), names(kept(taken, rules)));
  });
});

test("deleting now and then, with some in use, is deleting once in the end", () => {
  eachHistory((taken, rules, random) => {
    let step: Taken[] = [];
    for (const snapshot of taken) {
      step.push(snapshot);
      if (random.chance(0.7)) continue;
      const inUse = new Set(names(step.filter(() => random.chance(0.1))));
      step = planRetention(step, rules, (name) => inUse.has(name))
        .filter(({ keep }) => keep)
        .map(({ snapshot: one }) => one);
      for (const name of inUse) assert.ok(names(step).includes(name), `${name} was in use`);
    }
    assert.equal(names(kept(step, rules)), names(kept(taken, rules)));
  });
});

test("the newest and those of others always stay, and count for nothing", () => {
  eachHistory((taken, rules, random) => {
    const others: Candidate[] = Array.from({ length: 5 }, (_, index) => {
      const one = random.pick(taken);
      const disguises: Partial<Candidate>[] = [
        { name: `nightly ${index}` },
        { readOnly: false },
        { created: one.created + 60 * SECOND },
        { name: `${one.name}x` },
      ];
      return { ...one, id: random.below(1000) + 0.5, ...random.pick(disguises) };
    });
    const all = [...taken, ...others].sort((a, b) => a.id - b.id);
    const stay = kept(all, rules);
    assert.ok(
      others.every((other) => stay.includes(other)),
      "one of somebody else's",
    );
    assert.ok(stay.includes(taken.at(-1) as Taken), "the newest");
    const own = stay.filter((snapshot) => !others.includes(snapshot));
    assert.equal(names(own), names(kept(taken, rules)));
  });
});

test("a rule holds its count, and twice that whatever the clock does", () => {
  eachHistory((taken, rules) => {
    const oneWay = taken.every(({ mark }) => mark.pass === 1);
    for (const rule of rules) {
      const most = oneWay ? rule.count : 2 * rule.count;
      assert.ok(kept(taken, [rule]).length <= most + 1, `${kept(taken, [rule]).length} kept`);
    }
  });
  const back = Array.from({ length: 2000 }, (_, i) =>
    snapshotOf({ time: START - i * 3600 * SECOND, pass: i + 1 }, i + 2),
  );
  assert.is(kept(back, parseKeep("24x1h")).length, 48);
});

test("a month of snapshots every 5 minutes, 12x5m,24x1h,30x1d", () => {
  const rules = parseKeep("12x5m,24x1h,30x1d");
  const every = 300 * SECOND;
  const month = Array.from({ length: 40 * 288 }, (_, i) =>
    snapshotOf({ time: START + i * every, pass: 1 }, i + 2),
  );
  const times = kept(month, rules).map(({ created }) => new Date(created).toISOString());
  // The newest is of 2027-01-01T10:00. An hour's first 5 minutes are the hour's, a day's the day's.
  assert.equal(times.slice(0, 3), [
    "2026-12-03T00:00:00.000Z",
    "2026-12-04T00:00:00.000Z",
    "2026-12-05T00:00:00.000Z",
  ]);
  assert.is(times.filter((time) => time.endsWith("T00:00:00.000Z")).length, 30);
  assert.is(times.filter((time) => time.endsWith(":00:00.000Z")).length, 29 + 24);
  assert.is(times.length, 29 + 24 + 11);
  assert.is(times.at(-1), "2027-01-01T10:00:00.000Z");
});

test("no snapshots, no rules", () => {
  assert.equal(planRetention([], parseKeep("1x1s")), []);
  const taken = takeAll(20, SECOND);
  assert.equal(kept(taken, []), taken);
});

test.run();
