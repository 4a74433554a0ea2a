/** An attached origin is rolled back while it is in use: reads, writes, snapshots, crashes. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { seededEnv } from "../../src/env.ts";
import { MultisnapError } from "../../src/errors.ts";
import { turn } from "../../src/task.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import type { View, Volume } from "../../src/volume/types.ts";
import { mustBeClean, mustHold, readAll } from "../model/fixture.ts";
import { expectCode } from "../model/history.ts";
import { Image, imageDevice } from "../model/image.ts";
import { Random } from "../model/prng.ts";

const CHUNK = 4096;
const CHUNKS = 256;
const SIZE = CHUNKS * CHUNK;
const test = suite("a rollback while the origin is in use");

class World {
  readonly random = new Random(4);
  readonly origin = Image.of(new Uint8Array(SIZE).map((_, i) => (i >>> 12) * 7 + (i & 255)));
  store = new Image();
  /** Writes to the origin's device. */
  written = 0;
  isBroken = false;
  volume!: Volume;
  past!: Uint8Array;

  get devices() {
    const under = imageDevice(this.origin);
    const write: typeof under.write = (source, start, length, offset) => {
      if (this.isBroken) throw new MultisnapError("Io", "the disk is broken");
      this.written++;
      return under.write(source, start, length, offset);
    };
    return { store: imageDevice(this.store), origin: { ...under, write }, env: seededEnv(1) };
  }

  /** A snapshot, and then every other chunk written. */
  static async make(kind: "range" | "bitmap"): Promise<World> {
    const world = new World();
    const volume = await openVolume({ ...world.devices, create: { kind } });
    world.volume = volume;
    world.past = await readAll(volume.origin);
    await volume.snapshot("then");
    for (let chunk = 0; chunk < CHUNKS; chunk += 2) await world.change(volume.origin, chunk);
    world.written = 0;
    return world;
  }

  async change(view: View, chunk: number, bytes = CHUNK): Promise<Uint8Array> {
    const data = this.random.bytes(bytes);
    await view.write(chunk * CHUNK, data);
    return data;
  }
}

/** The rollback has begun, and copied nothing yet. */
async function begun(world: World, options = {}): Promise<{ over: Promise<void> }> {
  const over = world.volume.rollback("then", options);
  over.catch(() => {});
  while (world.volume.status().rollback === null) await Promise.resolve();
  return { over };
}

for (const kind of ["range", "bitmap"] as const) {
  test(`${kind}: it is its target at once, and everybody goes on`, async () => {
    const world = await World.make(kind);
    const { volume, past: then } = world;
    const before = await readAll(volume.origin);
    const { over } = await begun(world, { keepAs: "before" });
    assert.is(world.written, 0);
    await mustHold(volume.origin, 0, then);
    const expected = then.slice();
    for (const [chunk, bytes] of [
      [0, 100],
      [101, CHUNK],
      [200, 3 * CHUNK + 5],
      [255, 1],
    ]) {
      expected.set(await world.change(volume.origin, chunk!, bytes), chunk! * CHUNK);
    }
    await mustHold(volume.origin, 0, expected);
    const meanwhile = await volume.snapshot("meanwhile");
    const target = volume.get("then");
    const written = then.slice();
    for (const chunk of [0, 5, 6, 170]) {
      written.set(await world.change(target, chunk, 50), chunk * CHUNK);
    }
    await expectCode("Busy", volume.delete("then"));
    const { done, total } = volume.status().rollback!;
    assert.ok(done < total && total === CHUNKS);
    for (const _ of [1, 2]) {
      await mustHold(volume.origin, 0, expected);
      await mustHold(meanwhile, 0, expected);
      await mustHold(volume.get("before"), 0, before);
      await mustHold(target, 0, written);
      await over;
      assert.is(volume.status().rollingBack, null);
    }
    await mustBeClean(volume);
    assert.equal(
      volume.snapshots.map(({ name }) => name),
      ["then", "before", "meanwhile"],
    );
    await volume.close();
  });

  test(`${kind}: an abort ends the wait, a close stops it, an open goes on`, async () => {
    const world = await World.make(kind);
    const { volume, past: then } = world;
    const abort = new AbortController();
    const steps: number[] = [];
    const progress = (done: number) => {
      steps.push(done);
      if (done > 0) abort.abort(new MultisnapError("Closed", "enough"));
    };
    const { over } = await begun(world, { signal: abort.signal, progress });
    await expectCode("Closed", over);
    assert.ok(steps.at(-1)! < CHUNKS);
    assert.is(volume.status().rollingBack, "then");
    const data = await world.change(volume.origin, 254);
    const expected = then.slice();
    expected.set(data, 254 * CHUNK);
    await volume.close();
    assert.ok(world.written < CHUNKS / 2);
    const reader = await openVolume({ ...world.devices, readOnly: true });
    await mustHold(reader.origin, 0, expected);
    await reader.close();
    const again = await openVolume(world.devices);
    await mustHold(again.origin, 0, expected);
    while (again.status().rollingBack !== null) await turn();
    await mustHold(again.origin, 0, expected);
    await mustBeClean(again);
    await again.delete("then");
    await again.close();
    const bytes = new Uint8Array(SIZE);
    world.origin.read(bytes, 0, SIZE, 0);
    assert.ok(Buffer.compare(bytes, expected) === 0, "the device has all of it");
  });

  test(`${kind}: a broken disk leaves it right, and calling again goes on`, async () => {
    const world = await World.make(kind);
    const { volume, past: then } = world;
    const { over } = await begun(world);
    world.isBroken = true;
    await expectCode("Io", over);
    await mustHold(volume.origin, 0, then);
    await expectCode("Io", volume.origin.write(0, new Uint8Array(1)));
    await mustHold(volume.origin, 0, then);
    world.isBroken = false;
    await volume.rollback("then");
    await mustHold(volume.origin, 0, then);
    await mustBeClean(volume);
    await volume.close();
  });
}

test("what differs between the origin and others is told while it runs", async () => {
  const world = await World.make("range");
  const { volume } = world;
  const { over } = await begun(world, { keepAs: "before" });
  for await (const range of volume.diff(volume.get("then"), volume.origin)) {
    assert.unreachable(`${range.offset}+${range.length} differs`);
  }
  let bytes = 0;
  for await (const { length } of volume.diff(volume.get("before"), volume.origin)) bytes += length;
  assert.is(bytes, SIZE / 2);
  await over;
  await volume.close();
});

test.run();
