/**
 * A full store: `NoSpace` for the writer, no harm to any snapshot (I8), and a way out by deleting
 * (I9).
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Device } from "../../src/devices/device.ts";
import { NO_SPACE } from "../../src/engine/status.ts";
import type { View } from "../../src/volume/types.ts";
import type { DiskVolume } from "../../src/volume/volume.ts";
import { Fixture, type FixtureOptions, mustBeClean, mustHold } from "../model/fixture.ts";
import { lateDevice } from "../model/late.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";
import { Failing } from "../model/watched.ts";

const CHUNK = 4096;
const CHUNKS = 1024;
const LIMIT = 24 * 2 ** 20;

const limits: [name: string, how: Partial<FixtureOptions>][] = [
  ["a device of fixed size", { storeSize: LIMIT }],
  ["maxSize", { create: { maxSize: LIMIT } }],
];

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => "none",
    (error) => error.code ?? String(error),
  );
}

/**
 * Snapshots and rewrites until the store is full. The write that failed may have changed its
 * range, and nothing else.
 */
async function fill(fixture: Fixture, random: Random): Promise<void> {
  const { volume, model } = fixture;
  for (let round = 0; round < 100; round++) {
    const snapshotted = await codeOf(fixture.snapshot(`s${round}`));
    if (snapshotted !== "none") return assert.is(snapshotted, "NoSpace");
    for (let i = 0; i < 64; i++) {
      const offset = random.below(CHUNKS - 16) * CHUNK + random.pick([0, 0, 1000]);
      const bytes = random.bytes(random.pick([700, CHUNK, 16 * CHUNK]));
      const code = await codeOf(volume.origin.write(offset, bytes));
      if (code === "none") {
        model.write(volume.origin.id, offset, bytes);
        continue;
      }
      assert.is(code, "NoSpace");
      const found = new Uint8Array(bytes.length);
      await volume.origin.read(offset, found);
      const old = model.read(volume.origin.id, offset, bytes.length);
      const strange = found.findIndex((byte, at) => byte !== bytes[at] && byte !== old[at]);
      assert.is(strange, -1, "the failed write left old or new bytes");
      return model.write(volume.origin.id, offset, found);
    }
  }
  assert.unreachable("the store never became full");
}

const whenFull = (what: string) =>
  subjects.filter(({ capabilities }) => capabilities.whenFull === what);

for (const subject of whenFull("NoSpace")) {
  const test = suite(`a full store: ${subject.name}`);
  for (const [limit, how] of limits) {
    for (const mode of subject.capabilities.origins) {
      test(`${limit}, ${mode}`, async () => {
        const random = new Random(8);
        const fixture = await Fixture.make(subject.open, {
          mode,
          size: CHUNKS * CHUNK,
          chunk: CHUNK,
          ...how,
        });
        await fixture.write(fixture.volume.origin, 0, random.bytes(200 * CHUNK));
        for (let round = 0; round < 3; round++) {
          await fill(fixture, random);
          assert.ok(fixture.store.size <= LIMIT, `the store has ${fixture.store.size} bytes`);
          assert.is(fixture.volume.readOnly, false, "a full store takes deletes");
          await fixture.verify();
          await fixture.volume.flush();
          await fixture.volume.close();
          await fixture.reopen();
          await fixture.verify();
          await fixture.delete(...fixture.volume.snapshots);
          await fixture.volume.reclaimed();
          await fixture.verify();
          await fixture.write(fixture.volume.origin, 5 * CHUNK, random.bytes(20 * CHUNK));
        }
        await fixture.verify();
        await fixture.volume.close();
      });
    }
  }
  /** Waiting for room that does not come would never end: no other work runs meanwhile. */
  function mustEnd(fixture: Fixture): void {
    const { store } = (fixture.volume as DiskVolume).core;
    const serve = store.serve.bind(store);
    let times = 0;
    store.serve = (status, visit) => {
      if (status === NO_SPACE && ++times > 100) throw new Error("asks for room for ever");
      return serve(status, visit);
    };
  }

  test("a store full of what trims have left: deleting is the way out", async () => {
    const random = new Random(10);
    const [chunks, count] = [400_000, 1500];
    const fixture = await Fixture.make(subject.open, {
      mode: "base",
      size: chunks * CHUNK,
      image: new Uint8Array(0),
      create: { maxSize: 9 * 2 ** 20 },
    });
    const { volume } = fixture;
    const { origin } = volume;
    await volume.snapshot("s");
    let code = "none";
    for (let i = 0; i < count && code === "none"; i++) {
      code = await codeOf(origin.write(2 * i * CHUNK, new Uint8Array(CHUNK).fill(1)));
    }
    assert.is(code, "NoSpace");
    for (code = "none"; code === "none"; ) {
      code = await codeOf(
        origin.trim((2 * random.below(chunks / 2 - count) + count) * CHUNK, CHUNK),
      );
    }
    assert.is(code, "NoSpace");
    assert.is(await codeOf(volume.snapshot("t")), "NoSpace");
    await volume.flush();
    await volume.delete("s");
    await volume.reclaimed();
    await origin.write(0, new Uint8Array(CHUNK).fill(2));
    await mustBeClean(volume);
    await volume.close();
  });

  test("the place of a write that failed comes back to a full store", async () => {
    const failing = new Failing();
    const how = { mode: "inline", size: CHUNKS * CHUNK, create: { maxSize: 4 * 2 ** 20 } } as const;
    const full = await Fixture.make(subject.open, how);
    const put = (fixture: Fixture, index: number) =>
      fixture.write(fixture.volume.origin, index * CHUNK, new Uint8Array(CHUNK).fill(1 + index));
    let room = 0;
    while ((await codeOf(put(full, room))) === "none") room++;
    await full.volume.close();
    const wrap = (device: Device) => failing.device(device);
    const fixture = await Fixture.make(subject.open, { ...how, wrap });
    for (let index = 0; index < room - 1; index++) await put(fixture, index);
    await fixture.volume.flush();
    mustEnd(fixture);
    failing.fail("write", 1, 1);
    assert.is(await codeOf(put(fixture, room - 1)), "Io");
    assert.is(await codeOf(put(fixture, room - 1)), "none");
    assert.is(await codeOf(put(fixture, room)), "NoSpace");
    await fixture.verify();
    await fixture.volume.close();
  });

  test("free blocks all over the slabs give no room, and the store is full", async () => {
    const random = new Random(9);
    const chunks = 100_000;
    const fixture = await Fixture.make(subject.open, {
      mode: "base",
      size: chunks * CHUNK,
      image: new Uint8Array(0),
      create: { maxSize: 2 * chunks * 100 },
    });
    const { origin } = fixture.volume;
    for (let i = 0; i < chunks; i++) await origin.trim(2 * random.below(chunks / 2) * CHUNK, CHUNK);
    await origin.trim(0, (chunks / 2) * CHUNK);
    await fixture.volume.flush();
    mustEnd(fixture);
    let code = "none";
    for (let i = 0; i < chunks && code === "none"; i++) {
      code = await codeOf(origin.write(i * CHUNK, new Uint8Array(CHUNK).fill(1)));
    }
    assert.is(code, "NoSpace");
    await mustBeClean(fixture.volume);
    await fixture.volume.close();
  });

  test.run();
}

/** Bytes of a store that is soon full: some areas of 4 KiB chunks. */
const SOON_FULL = 600 * CHUNK;

for (const subject of whenFull("invalid")) {
  const test = suite(`a full store: ${subject.name}`);
  const how = { mode: "attached", size: CHUNKS * CHUNK, storeSize: SOON_FULL } as const;

  /** Writes one view until the snapshot cannot be read any more; answers how the last one ended. */
  async function overflow(fixture: Fixture, isOrigin: boolean, random: Random): Promise<string> {
    const { volume, model } = fixture;
    const [snapshot] = volume.snapshots;
    const view = isOrigin ? volume.origin : (snapshot as View);
    for (let i = 0; i < 10 * CHUNKS; i++) {
      const offset = random.below(CHUNKS - 16) * CHUNK + random.pick([0, 1000]);
      const bytes = random.bytes(random.pick([700, CHUNK, 15 * CHUNK]));
      const code = await codeOf(view.write(offset, bytes));
      if (code === "none") model.write(view.id, offset, bytes);
      if ((await codeOf((snapshot as View).read(0, new Uint8Array(1)))) !== "none") return code;
    }
    throw new Error("the store never became full");
  }

  async function mustBeInvalid(fixture: Fixture, random: Random): Promise<void> {
    const { volume } = fixture;
    const [snapshot] = volume.snapshots;
    assert.is(await codeOf((snapshot as View).read(0, new Uint8Array(1))), "Corrupt");
    assert.is(await codeOf((snapshot as View).write(0, new Uint8Array(1))), "Corrupt");
    assert.is(volume.status().dmStatus, "Invalid");
    assert.is(volume.readOnly, false);
    for (let i = 0; i < 50; i++) {
      const offset = random.below(CHUNKS - 16) * CHUNK;
      await fixture.write(volume.origin, offset, random.bytes(15 * CHUNK));
    }
    await volume.flush();
    const bytes = fixture.model.read(volume.origin.id, 0, CHUNKS * CHUNK);
    await mustHold(volume.origin, 0, bytes);
    await volume.close();
    const under = new Uint8Array(bytes.length);
    fixture.under.read(under, 0, under.length, 0);
    assert.is(Buffer.compare(under, bytes), 0, "the origin is what it shall be");
    assert.ok(fixture.store.size <= SOON_FULL);
  }

  test("an origin write goes on, and the snapshot is invalid for good", async () => {
    const random = new Random(12);
    const fixture = await Fixture.make(subject.open, how);
    assert.is(await overflow(fixture, true, random), "none");
    await mustBeInvalid(fixture, random);
    if (subject.capabilities.crash === "lost") {
      await fixture.reopen();
      await fixture.verify();
      await fixture.volume.close();
      return;
    }
    const error = await fixture.reopen().catch((caught) => caught);
    assert.is(error.code, "Corrupt");
    assert.match(error.message, /invalid/);
  });

  test("a snapshot write that finds no room fails", async () => {
    const random = new Random(13);
    const fixture = await Fixture.make(subject.open, how);
    const { volume, model } = fixture;
    const [snapshot] = volume.snapshots as [View];
    let code = "none";
    for (let index = 0; code === "none"; index++) {
      const bytes = random.bytes(CHUNK);
      code = await codeOf(snapshot.write(index * CHUNK, bytes));
      if (code === "none") model.write(snapshot.id, index * CHUNK, bytes);
    }
    assert.ok(["NoSpace", "Corrupt"].includes(code), code);
    await mustHold(volume.origin, 0, model.read(volume.origin.id, 0, CHUNKS * CHUNK));
    if (code === "NoSpace") await fixture.verify();
    await volume.close();
  });

  test("many requests in flight when the store becomes full", async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const random = new Random(seed);
      const wrap = (device: Device) => lateDevice(device, random.fork());
      const fixture = await Fixture.make(subject.open, { ...how, wrap });
      const { origin, snapshots } = fixture.volume;
      const [snapshot] = snapshots as [View];
      const codes = new Set<string>();
      const requests = Array.from({ length: CHUNKS }, async (_, index) => {
        const bytes = random.bytes(random.pick([700, CHUNK]));
        if (index % 8 !== 0) return await fixture.write(origin, index * CHUNK, bytes);
        codes.add(await codeOf(snapshot.write(index * CHUNK, bytes)));
      });
      await Promise.all(requests);
      for (const code of codes) assert.ok(["none", "NoSpace", "Corrupt"].includes(code), code);
      await mustBeInvalid(fixture, random);
    }
  });

  test("a store that may not grow further than it was told", async () => {
    const random = new Random(14);
    const create = { maxSize: SOON_FULL };
    const fixture = await Fixture.make(subject.open, { ...how, storeSize: undefined, create });
    assert.is(await overflow(fixture, true, random), "none");
    await mustBeInvalid(fixture, random);
  });

  test.run();
}
