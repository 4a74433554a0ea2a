/** Periods, rules and names as they are typed and shown. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { MultisnapError } from "../../src/errors.ts";
import { formatKeep, parseKeep, remarks } from "../../src/schedule/keep.ts";
import { type Candidate, markName, markOf, nextMark } from "../../src/schedule/mark.ts";
import {
  bucketOf,
  bucketStart,
  formatBucket,
  formatPeriod,
  parsePeriod,
} from "../../src/schedule/period.ts";
import { Random } from "../model/prng.ts";
import { START } from "./history.ts";

const DAY = 86_400_000;
const test = suite("rules of the schedule");

function refused(call: () => unknown, message: RegExp): void {
  assert.throws(
    call,
    (error: MultisnapError) => error.code === "Invalid" && message.test(error.message),
    String(message),
  );
}

test("periods", () => {
  const periods = { "1s": 1000, "90s": 90_000, "5m": 300_000, "1h": 3_600_000, "30d": 30 * DAY };
  for (const [text, ms] of Object.entries({ ...periods, "1w": 7 * DAY, "36525d": 36_525 * DAY })) {
    assert.is(parsePeriod(text), ms, text);
    assert.is(formatPeriod(ms), text);
  }
  assert.is(formatPeriod(parsePeriod("120m")), "2h");
  assert.is(formatPeriod(parsePeriod("0060s")), "1m");
});

test("what is not a period, and why", () => {
  const texts = [
    "",
    "5",
    "m",
    "5 m",
    "5M",
    "-5m",
    "+5m",
    "1.5h",
    "5min",
    "1mo",
    "1e3s",
    "٣s",
    "5m ",
  ];
  for (const text of texts) refused(() => parsePeriod(text), /whole number and one of s, m, h/);
  refused(() => parsePeriod("0s"), /"0s" is not a period: the least is 1s/);
  refused(() => parsePeriod("36526d"), /the most is 36525d/);
  refused(() => parsePeriod(`${"9".repeat(400)}w`), /the most is 36525d/);
});

test("rules", () => {
  const rules = [
    { count: 12, period: 300_000 },
    { count: 24, period: 3_600_000 },
    { count: 30, period: DAY },
  ];
  assert.equal(parseKeep("12x5m,24x1h,30x1d"), rules);
  assert.equal(parseKeep(" 12x5m, 24x60m ,30x1d"), rules);
  assert.is(formatKeep(rules), "12x5m,24x1h,30x1d");
  assert.equal(parseKeep("1x1s"), [{ count: 1, period: 1000 }]);
});

test("what is not a rule, and why", () => {
  for (const text of [
    "",
    "5m",
    "x5m",
    "12*5m",
    "12X5m",
    "-1x5m",
    "12x5m,",
    ",12x5m",
    "12x5m;1x1h",
  ]) {
    refused(() => parseKeep(text), /is not a (rule|period): give a/);
  }
  refused(() => parseKeep("12x5m,0x1h"), /"0x1h" is not a rule: the count is from 1 to 1000000/);
  refused(() => parseKeep("1000001x1h"), /the count is from 1/);
  refused(() => parseKeep("12x"), /"" is not a period/);
  refused(() => parseKeep("24x1h,2x1d,3x60m"), /24x1h and 3x1h are rules for the same period/);
  const many = Array.from({ length: 65 }, (_, i) => `1x${i + 1}s`).join(",");
  refused(() => parseKeep(many), /65 rules: the most is 64/);
});

test("remarks on rules that surprise", () => {
  const on = (every: string, keep: string) => remarks(parsePeriod(every), parseKeep(keep));
  assert.equal(on("5m", "12x5m,24x1h,30x1d"), []);
  assert.equal(on("1h", "12x5m,24x1h"), [
    "12x5m: with one snapshot every 1h this keeps the last 12h",
  ]);
  assert.equal(on("7m", "24x1h"), ["24x1h: 7m does not divide 1h: unevenly spaced"]);
});

test("buckets: hours and days as in UTC, weeks begin on Mondays", () => {
  const names = ["1s", "5m", "1h", "1d", "1w"].map((text) => {
    const period = parsePeriod(text);
    return formatBucket(bucketOf(START + 61_500, period), period);
  });
  assert.equal(names, [
    "2026-11-22T10:06:01Z",
    "2026-11-22T10:05Z",
    "2026-11-22T10:00Z",
    "2026-11-22",
    "2026-11-16",
  ]);
  const random = new Random(1);
  for (let i = 0; i < 1000; i++) {
    const [time, period] = [random.below(2 ** 45) - 2 ** 40, 1000 * random.between(1, 10_000_000)];
    const start = bucketStart(bucketOf(time, period), period);
    assert.ok(start <= time && time < start + period, `${time} ${period}`);
  }
});

const snapshot = (name: string | null, more: Partial<Candidate> = {}): Candidate => ({
  name,
  id: 2,
  created: START,
  readOnly: true,
  ...more,
});

test("the schedule knows its own snapshots", () => {
  const random = new Random(2);
  for (let i = 0; i < 1000; i++) {
    const mark = { time: 1000 * random.below(2 ** 37), pass: random.between(1, 30) };
    const created = mark.time + random.between(-10_000, 10_000);
    assert.equal(markOf(snapshot(markName(mark), { created })), mark);
  }
  assert.is(markName({ time: START, pass: 1 }), "auto-2026-11-22T10:05:00Z");
  assert.is(markName({ time: START, pass: 2 }), "auto-2026-11-22T10:05:00Z.2");
});

test("and nobody else's", () => {
  const own = "auto-2026-11-22T10:05:00Z";
  assert.ok(markOf(snapshot(own)));
  const others: Candidate[] = [
    snapshot(own, { readOnly: false }),
    snapshot(own, { created: START + 10_001 }),
    snapshot(own, { created: START - 10_001 }),
    snapshot(own, { created: Number.NaN }),
    snapshot(null),
  ];
  const names = [
    `${own}.1`,
    `${own}.0`,
    `${own}.02`,
    `${own}.`,
    `${own}.2.2`,
    `${own}x`,
    `x${own}`,
  ];
  names.push("auto-2026-11-22T10:05:00", "auto-2026-11-22T10:05Z", "auto-2026-11-22", "auto-");
  names.push("Auto-2026-11-22T10:05:00Z", `${own}\n`, "auto-2026-13-22T10:05:00Z");
  for (const other of [...others, ...names.map((name) => snapshot(name))]) {
    assert.is(markOf(other), null, `${other.name}`);
  }
  const rolledOver = { created: Date.UTC(2026, 2, 2) };
  assert.is(markOf(snapshot("auto-2026-02-30T00:00:00Z", rolledOver)), null);
});

test("time and pass rise whatever the clock does", () => {
  const first = nextMark(null, START);
  assert.equal(first, { time: START, pass: 1 });
  assert.equal(nextMark(first, START + 1000), { time: START + 1000, pass: 1 });
  assert.equal(nextMark(first, START), { time: START, pass: 2 });
  assert.equal(nextMark({ time: START, pass: 4 }, 0), { time: 0, pass: 5 });
});

test("a clock of no year that can be written gives no name", () => {
  refused(() => markName({ time: Date.UTC(10_000, 0), pass: 1 }), /set the clock/);
  refused(() => markName({ time: Date.UTC(-1, 0), pass: 1 }), /set the clock/);
});

test.run();
