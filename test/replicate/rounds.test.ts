/**
 * Rounds of replication, held against a naive model after each: whatever breaks on the way, what is
 * there under a name is what the disk was when that was taken, and the next round goes on.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Sent } from "../../src/replicate/round.ts";
import type { Volume } from "../../src/volume/types.ts";
import { expectCode } from "../model/history.ts";
import { Random } from "../model/prng.ts";
import { Pair, type Shape, snapshotBytes } from "./sides.ts";

const test = suite("rounds of replication");
const SIZE = 16 * 4096;
const SHAPE: Shape = { kind: "range", chunk: 4096, size: SIZE };
const BITMAP: Shape = { kind: "bitmap", chunk: 8192, size: SIZE };

/** The disk as it is, and as it was under each name. */
class Model {
  readonly disk = new Uint8Array(SIZE);
  readonly past = new Map<string, Uint8Array>();

  async write(volume: Volume, random: Random): Promise<void> {
    for (let count = random.between(0, 5); count > 0; count--) {
      const at = random.below(SIZE - 1);
      const bytes = random.chance(0.2)
        ? new Uint8Array(Math.min(SIZE - at, 9000))
        : random.bytes(random.between(1, Math.min(SIZE - at, 9000)));
      await volume.origin.write(at, bytes);
      this.disk.set(bytes, at);
    }
    await volume.flush();
  }

  /** What was taken since the last look was taken of the disk as it is. */
  look(volume: Volume): void {
    for (const { name } of volume.snapshots) {
      if (!this.past.has(name as string)) this.past.set(name as string, this.disk.slice());
    }
  }

  async check(volume: Volume, what: string): Promise<void> {
    for (const [name, bytes] of await snapshotBytes(volume)) {
      assert.ok(this.past.has(name), `${what}: @${name} was never taken`);
      assert.equal(bytes, this.past.get(name), `${what}: @${name}`);
    }
  }
}

const holdsOf = (volume: Volume) =>
  volume.snapshots.filter(({ holds }) => holds.length > 0).map(({ name }) => name);

async function oneHistory(seed: number, there: Shape): Promise<void> {
  const random = new Random(seed);
  const pair = new Pair(SHAPE, there);
  const model = new Model();
  for (let step = 0; step < 30; step++) {
    const what = `seed ${seed}, step ${step}`;
    const how = random.weighted({ fine: 5, cut: 3, dies: 2, mute: 2, restart: 2, wipe: 1 });
    await model.write(await pair.here.open(), random);
    pair.trouble = {};
    if (how === "cut") pair.trouble = { cut: random.between(1, 60_000) };
    if (how === "dies") pair.trouble = { dies: random.between(1, 60_000) };
    if (how === "mute") pair.trouble = { mute: true };
    if (how === "restart") await random.pick([pair.here, pair.there]).close();
    if (how === "wipe" && random.chance(0.3)) await pair.there.wipe();
    const keep = random.chance(0.5) ? "3x1s" : undefined;
    let sent: Sent | null = null;
    try {
      sent = (await pair.once({ keep })).at(-1) as Sent;
    } catch (error) {
      assert.ok(Object.keys(pair.trouble).length > 0, `${what}: ${(error as Error).stack}`);
    }
    const here = await pair.here.open();
    model.look(here);
    const copy = await pair.there.open();
    await model.check(copy, what);
    await model.check(here, what);
    assert.ok(holdsOf(here).length <= 2, `${what}: ${holdsOf(here)}`);
    if (!sent) continue;
    assert.equal(holdsOf(here), [sent.snapshot], what);
    assert.equal(holdsOf(copy), [sent.snapshot], what);
    assert.ok(sent.follows, what);
    if (keep) assert.ok(here.snapshots.length <= 6 && copy.snapshots.length <= 6, what);
    if (sent.from !== null && !sent.resumed && sent.snapshot !== sent.from) {
      assert.ok(sent.bytes < SIZE + 10_000, what);
    }
  }
  pair.trouble = {};
  await pair.once();
  await pair.once();
  const [here, copy] = [await pair.here.open(), await pair.there.open()];
  model.look(here);
  await model.check(copy, `seed ${seed}, in the end`);
  const newest = new Uint8Array(SIZE);
  await copy.origin.read(0, newest);
  assert.equal(newest, model.disk, `seed ${seed}: the copy's origin`);
  for (const volume of [here, copy]) assert.ok((await volume.check()).clean, `seed ${seed}`);
}

for (const there of [SHAPE, BITMAP]) {
  test(`random troubles, into a store of kind ${there.kind}`, async () => {
    for (let seed = 1; seed <= 8; seed++) await oneHistory(seed, there);
  });
}

test("in every interval one; it asks at the start, and after something went wrong", async () => {
  const pair = new Pair(SHAPE);
  const random = new Random(1);
  const model = new Model();
  const stop = new AbortController();
  const volume = await pair.here.open();
  const told: string[] = [];
  const slept: number[] = [];
  const sleep = async (ms: number) => {
    slept.push(ms);
    pair.clock.time += ms;
    model.look(volume);
    await model.write(volume, random);
    pair.trouble = [{ mute: true }, { cut: 10 }][slept.length - 3] ?? {};
    if (slept.length === 9) stop.abort();
  };
  const { signal } = stop;
  for await (const event of pair.events({ every: 10_000, sleep, signal })) told.push(event.type);
  assert.equal(told.slice(0, 6), ["sent", "sent", "sent", "failed", "failed", "sent"]);
  // Two requests for the first; one that was not answered, and then two that asked.
  assert.is(pair.exchanges, 2 + 2 + 1 + 2 + told.slice(5).length);
  assert.equal(slept.slice(3, 5), [1000, 2000], "later each time");
  for (const ms of [...slept.slice(0, 3), ...slept.slice(5)]) assert.ok(ms <= 10_000, `${slept}`);
  await model.check(await pair.there.open(), "in the end");
});

test("an answer that is lost: found by asking, and not sent again", async () => {
  const pair = new Pair(SHAPE);
  const volume = await pair.here.open();
  await volume.origin.write(0, new Uint8Array(SIZE).fill(1));
  await pair.once();
  pair.trouble = { mute: true };
  await expectCode("Io", pair.once());
  // Only the answer to the first request was lost.
  assert.is((await pair.there.open()).snapshots.length, 1);
  pair.trouble = {};
  const [event] = (await pair.once()) as Sent[];
  assert.is(event?.from, volume.snapshots.at(-2)?.name);
});

test("what is half there is gone on with, not sent again", async () => {
  const random = new Random(3);
  const pair = new Pair({ ...SHAPE, size: 4 * 2 ** 20 });
  const volume = await pair.here.open();
  for (const at of [0, 1, 2, 3]) await volume.origin.write(at * 2 ** 20, random.bytes(2 ** 20));
  pair.trouble = { cut: 2.5 * 2 ** 20 };
  await expectCode("Io", pair.once());
  pair.trouble = {};
  const [event] = (await pair.once()) as Sent[];
  assert.ok(event?.resumed);
  assert.ok(event.bytes < 2.1 * 2 ** 20, `${event.bytes} bytes`);
  assert.is(volume.snapshots.length, 2, "that one, and one of now");
});

test("a copy that is wiped gets everything again", async () => {
  const pair = new Pair(SHAPE);
  const volume = await pair.here.open();
  await volume.origin.write(0, new Random(3).bytes(SIZE));
  await pair.once();
  await pair.there.wipe();
  const [event] = (await pair.once()) as Sent[];
  assert.is(event?.from, null);
  assert.ok(event?.follows);
});

test("a store put back from an older copy is refused, and nothing is lost", async () => {
  const pair = new Pair(SHAPE);
  let volume = await pair.here.open();
  await volume.origin.write(0, new Uint8Array(5000).fill(1));
  await pair.once();
  const older = await pair.here.copy();
  volume = await pair.here.open();
  await volume.origin.write(0, new Uint8Array(5000).fill(2));
  await pair.once();
  await pair.here.putBack(older);
  const before = await snapshotBytes(await pair.there.open());
  assert.is(before.size, 2);
  await expectCode("Invalid", pair.once());
  assert.equal(await snapshotBytes(await pair.there.open()), before);
  volume = await pair.here.open();
  await volume.origin.write(9000, new Uint8Array(5000).fill(3));
  const [event] = (await pair.once({ force: true })) as Sent[];
  assert.is(event?.from, volume.snapshots[0]?.name);
  assert.is(event?.follows, false, "what the copy's origin is was never here");
  const after = await snapshotBytes(await pair.there.open());
  assert.is(after.size, 3);
  for (const [name, bytes] of before) assert.equal(after.get(name), bytes);
  // From now on both have the newest.
  await pair.once();
});

test("what both had, released and deleted here: refused, then from an older one", async () => {
  const pair = new Pair(SHAPE);
  const volume = await pair.here.open();
  await pair.once();
  await pair.once();
  const [first, second] = volume.snapshots;
  await expectCode("Busy", volume.delete(second!));
  for (const reason of second!.holds) await volume.removeHold(second!, reason);
  await volume.delete(second!);
  await expectCode("Invalid", pair.once());
  const [event] = (await pair.once({ force: true })) as Sent[];
  assert.is(event?.from, first?.name);
});

test("nothing in common, and something there: refused; forced, it comes beside", async () => {
  const pair = new Pair(SHAPE);
  const copy = await pair.there.open();
  await copy.origin.write(0, new Uint8Array(100).fill(9));
  await copy.snapshot("own");
  await expectCode("Invalid", pair.once());
  const [event] = (await pair.once({ force: true })) as Sent[];
  assert.is(event?.follows, false);
  assert.equal(
    copy.snapshots.map(({ name }) => name),
    ["own", event?.snapshot],
  );
});

test("a copy that is full: nothing is lost, and with room it goes on", async () => {
  const pair = new Pair(SHAPE, { ...SHAPE, maxSize: 4 * 2 ** 20 });
  const volume = await pair.here.open();
  let failed = 0;
  let bytes: Uint8Array = new Uint8Array(0);
  for (let round = 0; round < 200 && failed === 0; round++) {
    bytes = new Random(round).bytes(SIZE);
    await volume.origin.write(0, bytes);
    await pair.once().catch((error) => {
      assert.is(error.code, "NoSpace");
      failed++;
    });
  }
  assert.is(failed, 1, "it was full once");
  const copy = await pair.there.open();
  const before = await snapshotBytes(copy);
  assert.ok((await copy.check()).clean);
  await copy.setMaxSize(null);
  const [event] = (await pair.once()) as Sent[];
  assert.ok(event?.resumed, "what had come by then was kept");
  const after = await snapshotBytes(copy);
  assert.equal(after.get(event?.snapshot as string), bytes);
  for (const [name, bytes] of before) assert.equal(after.get(name), bytes);
});

test.run();
