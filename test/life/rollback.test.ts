/** Rollback by exchange: what it costs, who waits for it, what is on the device afterwards. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Device } from "../../src/devices/device.ts";
import { seededEnv } from "../../src/env.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import type { Volume } from "../../src/volume/types.ts";
import { Fixture, mustHold } from "../model/fixture.ts";
import { expectCode } from "../model/history.ts";
import { Image, imageDevice } from "../model/image.ts";
import { lateDevice } from "../model/late.ts";
import type { OriginMode } from "../model/model.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";

const CHUNK = 4096;
const range = subjects.filter(({ kind }) => kind === "range");
const test = suite("rollback");

interface Counts {
  reads: number;
  writes: number;
  flushes: number;
  bytes: number;
}

/** A device that counts what it is asked for. */
function counting(device: Device, counts: Counts): Device {
  return {
    ...device,
    read: (...args) => {
      counts.reads++;
      return device.read(...args);
    },
    write: (source, start, length, offset) => {
      counts.writes++;
      counts.bytes += length;
      return device.write(source, start, length, offset);
    },
    flush: () => {
      counts.flushes++;
      return device.flush();
    },
  };
}

/** Bytes of 0 to 255, so many chunks of each. */
function filled(value: number, chunks = 1): Uint8Array {
  return new Uint8Array(chunks * CHUNK).fill(value);
}

async function firstByte(view: Volume["origin"], chunk = 0): Promise<number> {
  const found = new Uint8Array(1);
  await view.read(chunk * CHUNK, found);
  return found[0]!;
}

for (const gib of [1, 64, 1024]) {
  test(`of ${gib} GiB is one record and two flushes, no data`, async () => {
    const counts: Counts = { reads: 0, writes: 0, flushes: 0, bytes: 0 };
    const store = counting(imageDevice(new Image()), counts);
    const volume = await openVolume({ store, create: { size: gib * 2 ** 30 } });
    const random = new Random(gib);
    const chunks = volume.origin.size / CHUNK;
    const write = async (value: number) => {
      for (let i = 0; i < 500; i++) {
        await volume.origin.write(random.below(chunks) * CHUNK, filled(value));
      }
    };
    await write(1);
    await volume.snapshot("first");
    await write(2);
    await volume.snapshot("second");
    await write(3);
    // The first of all has to write a superblock that says what is coming.
    await volume.rollback("first", { keepAs: "third" });
    await volume.flush();
    for (const name of ["second", "first", "third", "second"]) {
      Object.assign(counts, { reads: 0, writes: 0, flushes: 0, bytes: 0 });
      const { commits, checkpoints, copies } = volume.status().counters;
      await volume.rollback(name, { keepAs: `before ${name} ${counts.bytes} ${commits}` });
      const after = volume.status().counters;
      assert.is(counts.reads, 0);
      assert.is(counts.writes, 1);
      assert.is(counts.bytes, CHUNK);
      assert.is(counts.flushes, 2);
      assert.is(after.commits, commits + 1);
      assert.is(after.checkpoints, checkpoints);
      assert.is(after.copies, copies);
    }
    await volume.close();
  });
}

test("views, names and ids stay; what was is a snapshot of it", async () => {
  const volume = await openVolume({ store: imageDevice(new Image()), create: { size: 2 ** 20 } });
  const { origin } = volume;
  await origin.write(0, filled(1));
  const one = await volume.snapshot("one");
  await origin.write(0, filled(2));
  const fork = await one.snapshot("fork");
  await fork.write(0, filled(3));
  const hold = origin.hold();
  await volume.rollback(one, { keepAs: "two" });
  assert.is(volume.origin, origin);
  assert.is(await firstByte(origin), 1);
  const two = volume.get("two");
  assert.is(await firstByte(two), 2);
  assert.equal([two.parent, two.readOnly], [origin.id, false]);
  await volume.rollback(origin, { of: fork });
  assert.is(volume.get("fork").id, fork.id);
  assert.is(fork.parent, one.id);
  assert.is(await firstByte(fork), 1);
  await origin.write(0, filled(9));
  assert.is(await firstByte(fork), 1);
  await fork.write(0, filled(8));
  assert.is(await firstByte(origin), 9);
  assert.is(await firstByte(one), 1);
  hold.release();
  assert.ok((await volume.check()).clean);
  await volume.close();
});

test("what is refused changes nothing", async () => {
  const image = new Image();
  const store = imageDevice(image);
  const volume = await openVolume({ store, create: { size: 2 ** 20 } });
  await volume.origin.write(0, filled(1));
  const one = await volume.snapshot("one", { readOnly: true });
  await volume.origin.write(0, filled(2));
  await expectCode("ReadOnly", volume.rollback(volume.origin, { of: one }));
  await expectCode("Invalid", volume.rollback(volume.origin));
  await expectCode("Invalid", volume.rollback(one, { keepAs: "a@b" }));
  await expectCode("Exists", volume.rollback(one, { keepAs: "one" }));
  await expectCode("NotFound", volume.rollback("two"));
  const gone = await volume.snapshot("gone");
  await volume.delete("gone");
  await expectCode("NotFound", volume.rollback(gone));
  assert.is(await firstByte(volume.origin), 2);
  assert.equal(
    volume.snapshots.map(({ name }) => name),
    ["one"],
  );
  await volume.close();
  const reader = await openVolume({ store: imageDevice(image), readOnly: true });
  await expectCode("ReadOnly", reader.rollback("one"));
  await reader.close();
});

test("a request in flight is before it or after it, never in what is left", async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = new Random(seed);
    const store = lateDevice(imageDevice(new Image()), random.fork());
    const env = seededEnv(seed);
    const volume = await openVolume({ store, env, create: { size: 8 * CHUNK } });
    await volume.origin.write(0, filled(1, 8));
    await volume.snapshot("one");
    await volume.origin.write(0, filled(2, 8));
    const writes: Promise<void>[] = [];
    const write = (chunk: number, value: number) =>
      writes.push(volume.origin.write(chunk * CHUNK, filled(value)));
    for (let chunk = 0; chunk < 4; chunk++) write(chunk, 3);
    const rolling = volume.rollback("one", { keepAs: "two" });
    for (let chunk = 4; chunk < 8; chunk++) write(chunk, 4);
    await Promise.all([rolling, ...writes]);
    const two = volume.get("two");
    for (let chunk = 0; chunk < 8; chunk++) {
      const [now, then] = [await firstByte(volume.origin, chunk), await firstByte(two, chunk)];
      // Asked for before: in what was. Asked for behind: on either side.
      const found = `seed ${seed}, chunk ${chunk}: ${now} and ${then}`;
      if (chunk < 4) assert.ok((now === 1 && then === 3) || (now === 3 && then === 2), found);
      else assert.ok((now === 4 && then === 2) || (now === 1 && then === 4), found);
      assert.is(await firstByte(volume.get("one"), chunk), 1);
    }
    await volume.close();
  }
});

for (const mode of ["inline", "base"] as OriginMode[]) {
  test(`${mode}: any number of them, and nothing has leaked`, async () => {
    const random = new Random(7);
    const [subject] = range;
    const fixture = await Fixture.make(subject!.open, { mode, size: 40 * CHUNK });
    const { volume, model } = fixture;
    for (let i = 0; i < 400; i++) {
      const views = [volume.origin, ...volume.snapshots];
      const [view, to] = [random.pick(views), random.pick(views)];
      await fixture.write(view, random.below(39) * CHUNK + 100, random.bytes(CHUNK));
      if (view.id === to.id) await fixture.snapshot(`s${i}`, view);
      else {
        const keepAs = views.length < 12 ? `k${i}` : undefined;
        await volume.rollback(to, { of: view, ...(keepAs && { keepAs }) });
        const kept = keepAs ? { id: volume.get(keepAs).id, name: keepAs } : null;
        model.rollback(view.id, to.id, kept);
      }
      const victims = volume.snapshots.filter(() => random.chance(0.05));
      if (victims.length > 0) await fixture.delete(...victims);
      if (i % 100 === 99) await volume.reclaimed();
    }
    for (const view of [volume.origin, ...volume.snapshots]) {
      await mustHold(view, 0, model.read(view.id, 0, view.size));
    }
    await fixture.delete(...volume.snapshots);
    await volume.reclaimed();
    await volume.origin.trim(0, volume.origin.size);
    await volume.flush();
    assert.is(volume.usage().dataBytes, 0);
    await volume.close();
  });
}

test("more than a record's worth on one store: ranks run out and are made anew", async () => {
  const store = new Image();
  const options = { store: imageDevice(store), env: seededEnv(1) };
  const volume = await openVolume({ ...options, create: { size: 2 ** 20 } });
  await volume.origin.write(0, filled(1));
  await volume.snapshot("first");
  for (let i = 0; i < 1500; i++) {
    await volume.origin.write(0, filled(2 + (i % 200)));
    await volume.rollback("first", i % 5 === 0 ? { keepAs: `k${i}` } : {});
    assert.is(await firstByte(volume.origin), 1);
  }
  await volume.close();
  const again = await openVolume({ store: imageDevice(store) });
  for (let i = 0; i < 1500; i += 5) {
    assert.is(await firstByte(again.get(`k${i}`)), 2 + (i % 200));
  }
  assert.is(await firstByte(again.origin), 1);
  assert.ok((await again.check()).clean);
  await again.close();
});

test("a store says that it needs a program which knows rollbacks", async () => {
  const store = new Image();
  const volume = await openVolume({ store: imageDevice(store), create: { size: 2 ** 20 } });
  await volume.snapshot("one");
  await volume.flush();
  const bits = () => {
    const slots = new Uint8Array(8192);
    store.read(slots, 0, 8192, 0);
    const view = new DataView(slots.buffer);
    return [view.getUint32(24, true), view.getUint32(4096 + 24, true)];
  };
  assert.equal(bits(), [0, 0]);
  await volume.rollback("one");
  assert.ok(bits().includes(1));
  await volume.origin.write(0, filled(5));
  await volume.close();
  assert.equal(bits(), [1, 1]);
});

test.run();
