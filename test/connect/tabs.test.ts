/**
 * Many tabs with one volume, in an origin of the test's own: opened, closed, frozen and killed at
 * random under load. What was flushed is there, nothing is done twice, nothing is read that cannot
 * be.
 *
 * One seed again: `SEED=7 npx tsx test/connect/tabs.test.ts`; more: `SEEDS=200`.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { RemoteVolume } from "../../src/connect/remote-volume.ts";
import { turn } from "../../src/task.ts";
import { Random } from "../model/prng.ts";
import { BLOCK_BYTES, contentOf, load } from "./tabs/load.ts";
import { Oracle } from "./tabs/oracle.ts";
import { Origin } from "./tabs/origin.ts";
import { openTab, type Tab } from "./tabs/tab.ts";

const BLOCKS = 24;
const LANES = 3;
const EVENTS = 20;
const TABS_MAX = 4;
/** What a killed tab said last is passed on, heard and done by then: a few turns a message. */
const LAST_WORDS_TURNS = 1000;

const only = process.env.SEED;
const count = Number(process.env.SEEDS ?? 8);
const seeds = only ? [Number(only)] : Array.from({ length: count }, (_, index) => index + 1);

interface Running {
  tab: Tab;
  id: number;
  ended: Promise<void>;
}

async function history(seed: number): Promise<string> {
  const prng = new Random(seed);
  const random = () => prng.below(2 ** 30) / 2 ** 30;
  const mix = { flushes: 0.15 * random() ** 2, names: 0.4 * random() ** 2 };
  const origin = new Origin(random);
  const oracle = new Oracle(BLOCKS);
  const running: Running[] = [];
  let tabs = 0;
  let stop = false;
  const lanes = (id: number) => Array.from({ length: LANES }, (_, lane) => id * 10 + lane);
  const open = () => {
    const id = ++tabs;
    const tab = openTab(origin, BLOCKS * BLOCK_BYTES, { unflushedBytes: 2 ** 20 });
    const ended = tab.volume.then(async (volume) => {
      if (!running.some((one) => one.tab === tab)) return;
      for (const lane of lanes(id)) oracle.begin(lane);
      const tell = async (step: Parameters<Oracle["tell"]>[0]) => {
        const reply = oracle.tell(step) as { ok: boolean };
        await new Promise((resolve) => setImmediate(resolve));
        return { ...reply, stop };
      };
      await load(volume, { ...mix, tab: id, blocks: BLOCKS, random, tell, lanes: LANES });
    });
    ended.catch((error) => oracle.errors.push(`tab ${id}: ${error.message}`));
    running.push({ tab, id, ended });
  };
  const end = (which: number) => {
    const [gone] = running.splice(which, 1);
    for (const lane of lanes(gone!.id)) oracle.end(lane);
    return gone!;
  };
  const gone = (id: number) => {
    for (const lane of lanes(id)) oracle.gone(lane);
  };
  for (let event = 0; event < EVENTS; event++) {
    const draw = random();
    const which = Math.floor(random() * running.length);
    if (running.length === 0 || (running.length < TABS_MAX && draw < 0.45)) open();
    else if (draw < 0.75) {
      const { tab, id } = end(which);
      tab.kill();
      void turns(LAST_WORDS_TURNS).then(() => gone(id));
    } else if (draw < 0.85) {
      const { tab } = running[which]!;
      tab.stand(false);
      setTimeout(() => tab.stand(true), 50 * random());
    } else {
      const { tab, id } = end(which);
      const closed = tab.volume.then((volume) => volume.close()).catch(() => {});
      void closed.then(() => turns(LAST_WORDS_TURNS)).then(() => gone(id));
      await Promise.race([closed, pause(500)]);
    }
    await further(oracle, random() * 120);
  }
  stop = true;
  for (const { tab, ended } of running) {
    await within(ended, `tab did not come to an end`);
    const volume = await tab.volume;
    await within(volume.close(), `tab did not close`);
  }
  for (const { id } of running) for (const lane of lanes(id)) oracle.end(lane);
  const last = openTab(origin, BLOCKS * BLOCK_BYTES);
  const volume = await within(last.volume, "no tab gets the volume at the end");
  const { origin: content, snapshots, problems } = await contentOf(volume, BLOCKS);
  oracle.verify(content, new Map(snapshots));
  await volume.close();
  assert.equal([...oracle.problems, ...problems], [], `SEED=${seed}`);
  assert.equal(oracle.errors, [], `SEED=${seed}: requests that failed`);
  return JSON.stringify({ seed, tabs, ...oracle.counts });
}

/** Until so many steps more are done; not for ever, as there may be no tab that does any. */
async function further(oracle: Oracle, steps: number): Promise<void> {
  const end = oracle.steps + steps;
  for (let turns = 0; oracle.steps < end && turns < 3000; turns++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left--) await turn();
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(what)), 20_000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

interface Three {
  origin: Origin;
  /** It has the files. */
  first: Tab;
  /** The next in line. */
  next: Tab;
  last: Tab;
}

async function three(seed = 1): Promise<Three> {
  const prng = new Random(seed);
  const origin = new Origin(() => prng.below(2 ** 30) / 2 ** 30);
  const first = openTab(origin, BLOCKS * BLOCK_BYTES);
  await first.volume;
  const next = openTab(origin, BLOCKS * BLOCK_BYTES, { patienceMs: 1500 });
  await next.volume;
  const last = openTab(origin, BLOCKS * BLOCK_BYTES);
  await last.volume;
  return { origin, first, next, last };
}

const ones = new Uint8Array(BLOCK_BYTES).fill(1);
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "done",
    (error) => error.code,
  );

/** On a volume with a snapshot, `one`, that is held `early`. */
const CHANGES: {
  what: string;
  change: (volume: RemoteVolume) => Promise<void>;
  found: (volume: RemoteVolume) => unknown;
  wanted: unknown;
  /** What may be answered where it was done and nothing was heard of it. */
  lost?: string;
}[] = [
  {
    what: "note and tags",
    change: (volume) => volume.set("one", { note: "n", tags: ["b", "a", "b"] }),
    found: (volume) => [volume.get("one").note, volume.get("one").tags],
    wanted: ["n", ["a", "b"]],
  },
  {
    what: "rights",
    change: (volume) => volume.set("one", { readOnly: true, note: null }),
    found: (volume) => volume.get("one").readOnly,
    wanted: true,
  },
  {
    what: "a larger size",
    change: (volume) => volume.resize(2 * BLOCKS * BLOCK_BYTES),
    found: ({ origin }) => origin.size,
    wanted: 2 * BLOCKS * BLOCK_BYTES,
  },
  {
    what: "a smaller size",
    change: (volume) => volume.resize(BLOCK_BYTES, { shrink: true }),
    found: ({ origin }) => origin.size,
    wanted: BLOCK_BYTES,
  },
  {
    what: "the store's limit",
    change: (volume) => volume.setMaxSize(2 ** 30),
    found: (volume) => volume.usage().maxBytes,
    wanted: 2 ** 30,
  },
  {
    what: "a hold",
    change: (volume) => volume.addHold("one", "audit"),
    found: (volume) => volume.get("one").holds,
    wanted: ["audit", "early"],
  },
  {
    what: "the end of a hold",
    change: (volume) => volume.removeHold("one", "early"),
    found: (volume) => volume.get("one").holds,
    wanted: [],
    lost: "NotFound",
  },
];

if (!only) {
  test("a frozen tab that has the files: the others are told, and go on when it does", async () => {
    const { first, next, last } = await three();
    const volume = await next.volume;
    first.thread.frozen = true;
    const start = performance.now();
    assert.is(await codeOf(volume.origin.read(0, new Uint8Array(1))), "Busy");
    assert.ok(performance.now() - start >= 1500);
    first.thread.frozen = false;
    await volume.origin.write(0, ones);
    for (const tab of [next, first, last]) await (await tab.volume).close();
  });

  test("a frozen tab that is next in line is passed over, and stands in line again", async () => {
    const { first, next, last } = await three();
    const [late, on] = [await next.volume, await last.volume];
    next.stand(false);
    // The event comes before the freeze, and what is said in it goes out.
    await pause(50);
    next.thread.frozen = true;
    first.kill();
    await on.origin.write(0, ones);
    await on.flush();
    next.thread.frozen = false;
    next.stand(true);
    const bytes = new Uint8Array(BLOCK_BYTES);
    await late.origin.read(0, bytes);
    assert.equal(bytes, ones);
    last.kill();
    await late.origin.read(0, bytes.fill(0));
    assert.equal(bytes, ones);
    await late.close();
  });

  test("a tab that steps out of line while it opens stands there again when back", async () => {
    for (let count = 0; count < 40; count++) {
      const prng = new Random(1);
      const origin = new Origin(() => prng.below(2 ** 30) / 2 ** 30);
      const tab = openTab(origin, BLOCKS * BLOCK_BYTES, { patienceMs: 1000 });
      await turns(count);
      tab.stand(false);
      await pause(5);
      tab.stand(true);
      const volume = await within(tab.volume, `not opened, after ${count} turns`);
      await volume.close();
    }
  });

  test("a tab that misses a take-over is told that its writes may be lost", async () => {
    const { first, next, last } = await three();
    const [late, on] = [await last.volume, await next.volume];
    await late.origin.write(0, ones);
    last.thread.frozen = true;
    first.kill();
    const bytes = new Uint8Array(BLOCK_BYTES);
    await on.origin.read(0, bytes);
    assert.is(bytes[0], 0, "not done again");
    last.thread.frozen = false;
    await pause(50);
    assert.is(await codeOf(late.flush()), "Io");
    assert.is(await codeOf(late.origin.read(0, bytes)), "Io");
    await late.close().catch(() => {});
    await on.close();
  });

  test("a tab that misses a take-over with nothing to lose goes on", async () => {
    const { first, next, last } = await three();
    const [late, on] = [await last.volume, await next.volume];
    await late.origin.write(0, ones);
    await late.flush();
    last.thread.frozen = true;
    first.kill();
    await on.origin.read(0, new Uint8Array(1));
    last.thread.frozen = false;
    const bytes = new Uint8Array(BLOCK_BYTES);
    await late.origin.read(0, bytes);
    assert.equal(bytes, ones);
    await late.close();
    await on.close();
  });

  test("what a tab keeps is bounded: then it flushes by itself", async () => {
    const { first, next, last } = await three();
    const volume = await next.volume;
    for (let at = 0; at < 4 * BLOCKS; at++) {
      await volume.origin.write((at % BLOCKS) * BLOCK_BYTES, ones);
    }
    const quiet = volume.status().counters.flushes;
    const block = new Uint8Array(BLOCKS * BLOCK_BYTES).fill(2);
    for (let bytes = 0; bytes < 10 * 2 ** 20; bytes += block.length) {
      await volume.origin.write(0, block);
    }
    await volume.refresh();
    assert.ok(volume.status().counters.flushes > quiet);
    for (const tab of [next, first, last]) await (await tab.volume).close();
  });

  for (const { what, change, found, wanted, lost } of CHANGES) {
    test(`a change that was begun when its owner went: ${what}`, async () => {
      for (let seed = 1; seed <= 12; seed++) {
        const { first, next, last } = await three(seed);
        const volume = await next.volume;
        await volume.snapshot("one");
        await volume.addHold("one", "early");
        const asked = codeOf(change(volume));
        // Its last words: that it begins, and the answer. Some of them are lost, or all, or none.
        while (first.thread.out.length < 2) await new Promise(setImmediate);
        first.kill();
        const answer = await asked;
        if (answer === "done") assert.equal(found(volume), wanted, `as answered, seed ${seed}`);
        else assert.is(answer, lost ?? "done", `seed ${seed}`);
        await volume.refresh();
        assert.equal(found(volume), wanted, `seed ${seed}`);
        for (const tab of [next, last]) await (await tab.volume).close();
      }
    });
  }

  test("tabs need a store that they can find, and options that can be", async () => {
    const { origin } = await three();
    const other = openTab(origin, BLOCKS * BLOCK_BYTES, { unflushedBytes: 1 });
    assert.is(await codeOf(other.volume), "Invalid");
    const hasty = openTab(origin, BLOCKS * BLOCK_BYTES, { patienceMs: 1 });
    assert.is(await codeOf(hasty.volume), "Invalid");
  });
}

for (const seed of seeds) {
  test(`tabs come and go, seed ${seed}`, async () => {
    const line = await history(seed);
    if (only) console.log(line);
  });
}

test.run();
