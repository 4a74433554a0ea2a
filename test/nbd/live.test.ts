/** Latency percentiles: the histogram against sorting all that was put in. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Histogram, KINDS, Live } from "../../src/nbd/live.ts";
import { Random } from "../model/prng.ts";

/** A bucket's upper end is at most this much above what lies in it: four to a power of two. */
const OFF_MAX = 2 ** (1 / 4);
const ROUNDED = 0.05;
const PARTS = { p50: 0.5, p90: 0.9, p99: 0.99, p999: 0.999 } as const;

function holds(histogram: Histogram, microseconds: number[]): void {
  const sorted = [...microseconds].sort((a, b) => a - b);
  const summary = histogram.summary();
  assert.is(summary.count, sorted.length);
  const most = sorted.at(-1) as number;
  assert.ok(Math.abs(summary.max - Math.max(1, most)) <= ROUNDED, `max ${summary.max}`);
  for (const [name, part] of Object.entries(PARTS)) {
    const exact = Math.max(1, sorted[Math.ceil(part * sorted.length) - 1] as number);
    const told = summary[name as keyof typeof PARTS];
    const fits = told >= exact - ROUNDED && told <= exact * OFF_MAX + ROUNDED;
    assert.ok(fits, `${name} of ${sorted.length}: ${told}, exactly ${exact}`);
  }
}

test("random latencies of every size", () => {
  const random = new Random(1);
  for (let round = 0; round < 200; round++) {
    const histogram = new Histogram();
    const count = random.between(1, 2000);
    const decades = random.between(1, 9);
    const all = Array.from({ length: count }, () => 10 ** ((random.u32() / 2 ** 32) * decades));
    for (const us of all) histogram.add(us / 1000);
    holds(histogram, all);
  }
});

test("one, equal ones, powers of two, nothing", () => {
  for (const us of [1, 2, 3, 4, 1000, 1024, 65536, 3.6e9]) {
    const histogram = new Histogram();
    for (let i = 0; i < 5; i++) {
      histogram.add(us / 1000);
      holds(
        histogram,
        Array.from({ length: i + 1 }, () => us),
      );
    }
  }
  const empty = new Histogram().summary();
  assert.equal(empty, { count: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 });
});

test("what is below a microsecond or above an hour is kept at the ends", () => {
  const histogram = new Histogram();
  for (const us of [0, 1e-9, 0.5]) histogram.add(us / 1000);
  holds(histogram, [0, 0, 0]);
  const long = new Histogram();
  long.add(1e12);
  assert.is(long.summary().max, 1e15);
  assert.ok(long.summary().p50 > 3.6e9);
});

test("counts of a server are a plain object, each kind for itself", () => {
  const live = new Live();
  for (const [index, kind] of KINDS.entries()) {
    for (let i = 0; i <= index; i++) live.answered(kind, 1);
  }
  const status = JSON.parse(JSON.stringify(live.status("nbd://x", 2, 77)));
  assert.is(status.uri, "nbd://x");
  assert.is(status.connections, 2);
  assert.is(status.bytesInFlight, 77);
  assert.is(status.requests, 28);
  for (const [index, kind] of KINDS.entries()) assert.is(status.latency[kind].count, index + 1);
});

test.run();
