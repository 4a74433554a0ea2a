/** The schedule at work on a real volume, on a clock that the test moves. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MultisnapError } from "../../src/errors.ts";
import { parseKeep } from "../../src/schedule/keep.ts";
import { startRoller } from "../../src/schedule/roller.ts";
import type { Usage, View } from "../../src/volume/types.ts";
import { mustBeClean } from "../model/fixture.ts";
import { RolledVolume, replaced } from "./rolled-volume.ts";

const test = suite("rolling snapshots");

async function bytesOf(view: View): Promise<number> {
  const target = new Uint8Array(1);
  await view.read(0, target);
  return target[0] as number;
}

test("one at once, then one in every period, read-only, of what was written before", async () => {
  const rolled = await RolledVolume.make();
  const { volume } = rolled;
  await rolled.start("5m");
  for (let byte = 1; byte <= 3; byte++) {
    await volume.origin.write(0, new Uint8Array([byte]));
    await rolled.pass("5m");
  }
  assert.equal(rolled.names, [
    "auto-2026-11-22T10:05:00Z",
    "auto-2026-11-22T10:10:00Z",
    "auto-2026-11-22T10:15:00Z",
    "auto-2026-11-22T10:20:00Z",
  ]);
  assert.equal(await Promise.all(volume.snapshots.map(bytesOf)), [0, 1, 2, 3]);
  assert.ok(volume.snapshots.every(({ readOnly }) => readOnly));
  assert.equal(rolled.roller.status(), {
    every: "5m",
    keep: null,
    taken: 4,
    deleted: 0,
    newest: "auto-2026-11-22T10:20:00Z",
    next: "2026-11-22T10:25:00Z",
    failures: [],
  });
  assert.equal(rolled.said, []);
  await rolled.end();
});

test("what the rules do not keep goes, what others made stays", async () => {
  const rolled = await RolledVolume.make();
  await rolled.volume.snapshot("nightly");
  await rolled.start("5m", "3x5m,2x1h");
  await rolled.volume.snapshot("auto-2026-11-22T10:07:00Z");
  await rolled.pass("5m", 2);
  await rolled.volume.rename("auto-2026-11-22T10:10:00Z", "auto-2026-11-22T10:11:00Z");
  await rolled.pass("1h", 3);
  await mustBeClean(rolled.volume);
  assert.equal(rolled.names, [
    "nightly",
    "auto-2026-11-22T10:07:00Z",
    "auto-2026-11-22T10:11:00Z",
    "auto-2026-11-22T12:00:00Z",
    "auto-2026-11-22T13:00:00Z",
    "auto-2026-11-22T13:05:00Z",
    "auto-2026-11-22T13:10:00Z",
    "auto-2026-11-22T13:15:00Z",
  ]);
  assert.is(rolled.roller.status().deleted, rolled.roller.status().taken - 6);
  await rolled.end();
});

test("a restart within a period takes none, a killed server loses none", async () => {
  const rolled = await RolledVolume.make();
  await rolled.start("5m", "12x5m");
  await rolled.pass("1h");
  const before = rolled.names;
  await rolled.stop();
  await rolled.open();
  await rolled.start("5m", "12x5m");
  await rolled.pass("1m");
  assert.equal(rolled.names, before);
  await rolled.pass("4m");
  assert.equal(rolled.names, [...before.slice(1), "auto-2026-11-22T11:10:00Z"]);
  await rolled.stop();
  rolled.clock.jump(86_400_000);
  await rolled.open();
  await rolled.start("5m", "12x5m");
  assert.is(rolled.names.at(-1), "auto-2026-11-23T11:10:00Z");
  await mustBeClean(rolled.volume);
  await rolled.end();
});

const YEAR = 365 * 86_400_000;
for (const [title, jumps] of [
  ["back a year", [-YEAR]],
  ["forward a year", [YEAR]],
  ["back a year and forward again", [-YEAR, YEAR]],
  ["forward a year and back again", [YEAR, -YEAR]],
] as const) {
  test(`the clock goes ${title}: the schedule goes on and nothing is lost`, async () => {
    const rolled = await RolledVolume.make();
    await rolled.start("5m", "12x5m,24x1h,30x1d");
    await rolled.pass("1d", 3);
    for (const jump of jumps) {
      const before = rolled.names;
      const taken = rolled.roller.status().taken;
      rolled.clock.jump(jump);
      await rolled.pass("10s");
      assert.is(rolled.roller.status().taken, taken + 1, "noticed within 10 seconds");
      const lost = before.filter((name) => !rolled.names.includes(name));
      // The oldest of a rule makes room for the new one, as at the end of any bucket.
      assert.ok(lost.length <= 3, `${lost}`);
      assert.is(lost.filter((name) => /T00:00:00Z/.test(name)).length, 0, "no day is lost");
      await rolled.pass("1h");
      const passed = rolled.roller.status().taken - taken;
      assert.ok(passed >= 12 && passed <= 14, `${passed} snapshots in the hour after`);
    }
    assert.equal(rolled.said, []);
    assert.is(new Set(rolled.names).size, rolled.names.length);
    await mustBeClean(rolled.volume);
    await rolled.end();
  });
}

test("a name that the clock comes back to gets a number", async () => {
  const rolled = await RolledVolume.make();
  await rolled.start("5m");
  await rolled.pass("5m", 2);
  rolled.clock.jump(-600_000);
  await rolled.pass("10s");
  await rolled.pass("5m", 2);
  assert.equal(rolled.names, [
    "auto-2026-11-22T10:05:00Z",
    "auto-2026-11-22T10:10:00Z",
    "auto-2026-11-22T10:15:00Z",
    "auto-2026-11-22T10:05:10Z.2",
    "auto-2026-11-22T10:10:00Z.2",
    "auto-2026-11-22T10:15:00Z.2",
  ]);
  await rolled.stop();
  await rolled.volume.snapshot("auto-2026-11-22T10:20:00Z.2");
  await rolled.start("5m");
  await rolled.pass("5m");
  assert.is(rolled.names.at(-1), "auto-2026-11-22T10:20:00Z.3");
  await rolled.end();
});

test("the machine sleeps for a week: one snapshot, not 2,000", async () => {
  const rolled = await RolledVolume.make();
  await rolled.start("5m");
  rolled.clock.jump(7 * 86_400_000);
  await rolled.pass("1m");
  assert.is(rolled.names.length, 2);
  await rolled.end();
});

test("a failure is said once, tried again, and ends nothing", async () => {
  const rolled = await RolledVolume.make();
  let broken = true;
  let attempts = 0;
  const { volume } = rolled;
  const failing = replaced(volume, {
    snapshot: async (name, options) => {
      attempts++;
      if (broken) throw new MultisnapError("NoSpace", "the store is full");
      return volume.snapshot(name, options);
    },
  });
  await rolled.start("5m", "3x5m", {}, failing);
  await rolled.pass("1h");
  assert.ok(attempts >= 360, "every 10 seconds");
  const failure = "no snapshot was taken: NoSpace: the store is full";
  assert.equal(rolled.said, [`rolling snapshots: ${failure}; trying again`]);
  assert.equal(rolled.roller.status().failures, [failure]);
  broken = false;
  await rolled.pass("10s");
  assert.equal(rolled.names, ["auto-2026-11-22T11:05:10Z"]);
  assert.equal(rolled.said.slice(1), ["rolling snapshots: taken again"]);
  assert.equal(rolled.roller.status().failures, []);
  await rolled.end();
});

test("where old ones cannot be deleted, new ones are still taken", async () => {
  const rolled = await RolledVolume.make();
  let code: "Io" | "NotFound" | null = "Io";
  const { volume } = rolled;
  const failing = replaced(volume, {
    delete: async (...names) => {
      if (code !== null) throw new MultisnapError(code, "no");
      return volume.delete(...names);
    },
  });
  await rolled.start("5m", "2x5m", {}, failing);
  await rolled.pass("5m", 4);
  assert.is(rolled.names.length, 5);
  assert.equal(rolled.said, [
    "rolling snapshots: the old ones were not deleted: Io: no; trying again",
  ]);
  code = null;
  await rolled.pass("5m");
  assert.is(rolled.names.length, 2);
  assert.is(rolled.said[1], "rolling snapshots: the old ones are deleted again");
  code = "NotFound";
  await rolled.pass("5m");
  assert.is(rolled.said.length, 2, "somebody else deleted it first: nothing to say");
  await rolled.end();
});

test("what a client has open stays until it is closed", async () => {
  const rolled = await RolledVolume.make();
  const first = "auto-2026-11-22T10:05:00Z";
  const open = new Set([first]);
  await rolled.start("5m", "2x5m", { inUse: (name) => open.has(name) });
  await rolled.pass("1h");
  assert.equal(rolled.names, [first, "auto-2026-11-22T11:00:00Z", "auto-2026-11-22T11:05:00Z"]);
  open.clear();
  await rolled.pass("5m");
  assert.equal(rolled.names, ["auto-2026-11-22T11:05:00Z", "auto-2026-11-22T11:10:00Z"]);
  await rolled.end();
});

test("the clock is set while a snapshot waits for its turn: its stamp gives the name", async () => {
  const rolled = await RolledVolume.make();
  const { volume } = rolled;
  const slow = replaced(volume, {
    snapshot: async (name, options) => {
      rolled.clock.jump(3_600_000);
      return volume.snapshot(name, options);
    },
  });
  await rolled.start("1d", "1x1d", {}, slow);
  assert.equal(rolled.names, ["auto-2026-11-22T11:05:00Z"]);
  assert.is(rolled.roller.status().newest, "auto-2026-11-22T11:05:00Z");
  await rolled.pass("1d");
  assert.equal(rolled.names, ["auto-2026-11-23T01:00:00Z"]);
  await rolled.end();
});

test("stop waits for what is under way, and nothing comes after", async () => {
  const rolled = await RolledVolume.make();
  const { volume } = rolled;
  let go = () => {};
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  const held = replaced(volume, {
    snapshot: async (name, options) => {
      await gate;
      return volume.snapshot(name, options);
    },
  });
  const { env, sleep } = rolled.clock;
  const keep = parseKeep("1x1s");
  const roller = startRoller(held, { every: 1000, keep, env, sleep });
  let stopped = false;
  const stopping = roller.stop().then(() => {
    stopped = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.is(stopped, false);
  go();
  await stopping;
  assert.is(rolled.names.length, 1);
  assert.is(rolled.clock.wakes, 0);
  await roller.stop();
  await volume.close();
});

test("on the real clock: one at once, and a sleep that stop ends", async () => {
  const rolled = await RolledVolume.make();
  const roller = startRoller(rolled.volume, { every: 36_525 * 86_400_000 });
  while (roller.status().taken === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await roller.stop();
  assert.is(rolled.names.length, 1);
  await rolled.volume.close();
});

test("a volume that was opened for reading is refused", async () => {
  const rolled = await RolledVolume.make();
  const reading = replaced(rolled.volume, { readOnly: true });
  assert.throws(
    () => startRoller(reading, { every: 1000 }),
    (error: MultisnapError) => error.code === "ReadOnly",
  );
  await rolled.volume.close();
});

test("a year, an hour at a time", async () => {
  const rolled = await RolledVolume.make();
  await rolled.start("1h", "24x1h,30x1d,52x1w");
  await rolled.pass("1d", 365);
  assert.is(rolled.roller.status().taken, 365 * 24 + 1);
  // Four or five of the 30 days begin a week; one of the 24 hours begins a day.
  const days = rolled.names.filter((name) => name.endsWith("T00:00:00Z"));
  assert.ok(days.length >= 30 + 52 - 5 && days.length <= 30 + 52 - 4, `${days.length} days`);
  assert.is(rolled.names.length, days.length + 23);
  await mustBeClean(rolled.volume);
  await rolled.end();
});

test("10,000 turns: memory and store stay as they are", async () => {
  const rolled = await RolledVolume.make();
  await rolled.start("1s", "10x1s,10x1m,10x1h");
  const sizes: Usage[] = [];
  for (let half = 0; half < 2; half++) {
    for (let turn = 0; turn < 100; turn++) {
      await rolled.volume.origin.write((turn % 64) * 4096, new Uint8Array(512).fill(turn));
      await rolled.pass("1s", 50);
    }
    await rolled.volume.reclaimed();
    sizes.push(rolled.volume.usage());
  }
  assert.is(rolled.roller.status().taken, 10_001);
  const [early, late] = sizes as [Usage, Usage];
  assert.ok(late.memoryBytes <= early.memoryBytes, `${early.memoryBytes}, ${late.memoryBytes}`);
  assert.ok(late.storeBytes <= early.storeBytes + 2 ** 20, `${late.storeBytes} bytes of store`);
  assert.ok(late.snapshots <= 30, `${late.snapshots} snapshots`);
  assert.equal(rolled.said, []);
  await rolled.end();
});

test.run();
