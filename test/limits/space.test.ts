/**
 * A full store: `NoSpace` for the writer, no harm to any snapshot (I8), and a way out by deleting
 * (I9).
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Device } from "../../src/devices/device.ts";
import { NO_SPACE } from "../../src/engine/status.ts";
import type { DiskVolume } from "../../src/volume/volume.ts";
import { Fixture, type FixtureOptions, mustBeClean } from "../model/fixture.ts";
import type { OriginMode } from "../model/model.ts";
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

for (const subject of subjects.filter(({ kind }) => kind === "range")) {
  const test = suite(`a full store: ${subject.name}`);
  for (const [limit, how] of limits) {
    for (const mode of ["inline", "base", "attached"] as OriginMode[]) {
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
