/**
 * Many tabs with one volume, in an origin of the test's own: opened, closed, frozen and killed at
 * random under load. What was flushed is there, nothing is done twice, nothing is read that cannot
 * be.
 *
 * One seed again: `SEED=7 npx tsx test/connect/tabs.test.ts`; more: `SEEDS=200`.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "../model/prng.ts";
import { BLOCK_BYTES, contentOf, load } from "./tabs/load.ts";
import { Oracle } from "./tabs/oracle.ts";
import { Origin } from "./tabs/origin.ts";
import { openTab, type Tab } from "./tabs/tab.ts";

const BLOCKS = 24;
const LANES = 3;
const EVENTS = 20;
const TABS_MAX = 4;

const only = process.env.SEED;
const count = Number(process.env.SEEDS ?? 12);
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
  for (let event = 0; event < EVENTS; event++) {
    const draw = random();
    const which = Math.floor(random() * running.length);
    if (running.length === 0 || (running.length < TABS_MAX && draw < 0.45)) open();
    else if (draw < 0.75) end(which).tab.kill();
    else if (draw < 0.85) {
      const { tab } = running[which]!;
      tab.stand(false);
      setTimeout(() => tab.stand(true), 50 * random());
    } else {
      const { tab } = end(which);
      await Promise.race([tab.volume.then((volume) => volume.close()).catch(() => {}), pause(500)]);
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

for (const seed of seeds) {
  test(`tabs come and go, seed ${seed}`, async () => {
    const line = await history(seed);
    if (only) console.log(line);
  });
}

test.run();
