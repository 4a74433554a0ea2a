/**
 * Places with checksums: never written in place, so no checksum is ever wrong; none is left when a
 * place is given out anew; a full store goes on.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { memoryDevice } from "../../src/devices/memory.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import type { CreateOptions } from "../../src/volume/types.ts";
import { readerOf } from "../format/agree.ts";
import { Fixture, mustBeClean, mustHold } from "../model/fixture.ts";
import { lateDevice } from "../model/late.ts";
import { summed } from "../model/openers.ts";
import { Random } from "../model/prng.ts";
import { hasSum, placeOf, storeOf, sumBlocks, summedChunks } from "./summed.ts";

const CHUNK = 4096;

async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return "none";
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

for (const subject of summed) {
  const test = suite(`places with checksums: ${subject.name}`);

  async function start(chunks: number, create: CreateOptions = {}, late = false) {
    const random = new Random(9);
    const fixture = await Fixture.make(subject.open, {
      mode: "inline",
      size: chunks * CHUNK,
      create,
      wrap: (device) => (late ? lateDevice(device, random.fork()) : device),
    });
    for (let at = 0; at < chunks; at += 200) {
      const bytes = random.bytes(Math.min(200, chunks - at) * CHUNK);
      await fixture.write(fixture.volume.origin, at * CHUNK, bytes);
    }
    return { fixture, random };
  }

  test("a place that one view alone sees is not written in place while it has one", async () => {
    const { fixture, random } = await start(16);
    const { volume } = fixture;
    const snapshot = await fixture.snapshot("s");
    await fixture.write(volume.origin, 0, random.bytes(8 * CHUNK));
    assert.is((await summedChunks(volume, snapshot)).length, 8);
    const before = await placeOf(volume, snapshot, 2);
    await fixture.write(snapshot, 2 * CHUNK + 10, random.bytes(10));
    const after = await placeOf(volume, snapshot, 2);
    assert.is.not(after, before, "the write went elsewhere");
    assert.is(await hasSum(volume, after), false);
    await volume.flush();
    await fixture.write(snapshot, 2 * CHUNK + 20, random.bytes(10));
    assert.is(await placeOf(volume, snapshot, 2), after, "and then in place");
    const long = random.bytes(6 * CHUNK);
    await fixture.write(snapshot, CHUNK - 100, long);
    await fixture.verify();
    await volume.close();
  });

  test("the origin has alone what it shared: its next write goes elsewhere once", async () => {
    const { fixture, random } = await start(8);
    const { volume } = fixture;
    const { origin } = volume;
    const snapshot = await fixture.snapshot("s");
    const place = await placeOf(volume, origin, 3);
    await fixture.write(snapshot, 3 * CHUNK, random.bytes(CHUNK));
    assert.is(await hasSum(volume, place), true, "the snapshot left it to the origin");
    await fixture.delete(snapshot);
    await volume.reclaimed();
    await volume.flush();
    await fixture.write(origin, 3 * CHUNK + 1, random.bytes(1));
    assert.is.not(await placeOf(volume, origin, 3), place);
    await fixture.verify();
    await volume.close();
  });

  test("trims, zeroes and clones leave checksums, too", async () => {
    const { fixture, random } = await start(16);
    const { volume, model } = fixture;
    const { origin } = volume;
    const snapshot = await fixture.snapshot("s");
    await origin.trim(0, 2 * CHUNK);
    model.trim(origin.id, 0, 2 * CHUNK);
    await origin.writeZeroes(4 * CHUNK, 2 * CHUNK);
    model.trim(origin.id, 4 * CHUNK, 2 * CHUNK);
    await fixture.write(origin, 12 * CHUNK, random.bytes(CHUNK));
    const other = await fixture.snapshot("t");
    await other.cloneFrom(snapshot, 12 * CHUNK, CHUNK);
    model.write(other.id, 12 * CHUNK, model.read(snapshot.id, 12 * CHUNK, CHUNK));
    assert.equal(await summedChunks(volume, snapshot), [0, 1, 4, 5, 12]);
    assert.equal(await summedChunks(volume, origin), [12], "which the clone left");
    await fixture.verify();
    await volume.close();
  });

  for (const late of [false, true]) {
    test(`places given out anew have none, ${late ? "late devices" : "at once"}`, async () => {
      const { fixture, random } = await start(400, {}, late);
      const { volume } = fixture;
      const reused = new Set<number>();
      let kept = new Set<number>();
      for (let round = 0; round < 5; round++) {
        const snapshot = await fixture.snapshot(`s${round}`);
        for (let i = 0; i < 60; i++) {
          const at = random.below(400 - 4);
          await fixture.write(volume.origin, at * CHUNK, random.bytes(random.pick([4, 1]) * CHUNK));
        }
        for (let chunk = 0; chunk < 400; chunk++) {
          const place = await placeOf(volume, volume.origin, chunk);
          const isShared = place === (await placeOf(volume, snapshot, chunk));
          if (kept.has(place) && !isShared) reused.add(place);
          if (!isShared) assert.is(await hasSum(volume, place), false, `place ${place}`);
        }
        kept = new Set();
        for (const chunk of await summedChunks(volume, snapshot)) {
          kept.add(await placeOf(volume, snapshot, chunk));
        }
        await fixture.verify();
        await fixture.delete(snapshot);
        await volume.reclaimed();
        await volume.flush();
        await fixture.verify();
        if (round % 2 === 1) await fixture.reopen();
        if (round % 2 === 1) return again(fixture, random, reused);
      }
    });
  }

  /** After a crash and a replay it goes on. */
  async function again(fixture: Fixture, random: Random, reused: Set<number>): Promise<void> {
    assert.ok(reused.size > 20, `only ${reused.size} places were used again`);
    const { volume } = fixture;
    readerOf(fixture);
    await fixture.verify();
    await fixture.snapshot("again");
    await fixture.write(volume.origin, 0, random.bytes(300 * CHUNK));
    await volume.flush();
    assert.ok(readerOf(fixture).records > 0);
    await fixture.verify();
    await volume.close();
    readerOf(fixture);
  }

  test("blocks of the sum map go when all of their places are free", async () => {
    const { fixture, random } = await start(3000);
    const { volume } = fixture;
    const blocks = () => sumBlocks(storeOf(volume));
    assert.is(blocks(), 0);
    const snapshot = await fixture.snapshot("s");
    for (let at = 0; at < 3000; at += 60) {
      await fixture.write(volume.origin, at * CHUNK, random.bytes(60 * CHUNK));
    }
    const most = blocks();
    assert.ok(most >= 3, `${most} blocks`);
    await fixture.verify();
    await fixture.delete(snapshot);
    await volume.reclaimed();
    await volume.flush();
    assert.ok(blocks() <= most - 1, `${blocks()} blocks of ${most}`);
    await fixture.verify();
    await volume.close();
    readerOf(fixture);
    await (await fixture.reopen()).close();
  });

  test("a full store: NoSpace for the writer, every snapshot right, and a way out", async () => {
    const { fixture, random } = await start(600, { maxSize: 12 * 2 ** 20 });
    const { volume } = fixture;
    let code = "none";
    for (let round = 0; code === "none"; round++) {
      code = await codeOf(() => fixture.snapshot(`s${round}`));
      for (let i = 0; i < 40 && code === "none"; i++) {
        const at = random.below(600) * CHUNK;
        const bytes = random.bytes(CHUNK);
        code = await codeOf(() => volume.origin.write(at, bytes));
        if (code === "none") fixture.model.write(volume.origin.id, at, bytes);
      }
    }
    assert.is(code, "NoSpace");
    await fixture.verify();
    const [oldest] = volume.snapshots;
    assert.ok(oldest);
    assert.is(await codeOf(() => volume.origin.trim(0, 20 * CHUNK)), "none", "a trim");
    fixture.model.trim(volume.origin.id, 0, 20 * CHUNK);
    await volume.flush();
    await fixture.verify();
    while (volume.snapshots.length > 0) await fixture.delete(volume.snapshots[0] as never);
    await volume.reclaimed();
    await fixture.write(volume.origin, 0, random.bytes(200 * CHUNK));
    await fixture.verify();
    await volume.close();
    readerOf(fixture);
    await fixture.reopen();
    await fixture.verify();
    await fixture.volume.close();
  });

  test("a bit that this version does not know is refused by writers only", async () => {
    const { fixture } = await start(8);
    await fixture.volume.close();
    const store = storeOf(fixture.volume);
    const { x, u8 } = store.engine;
    for (const slot of [0, 1]) {
      const at = store.engine.at.transfer;
      fixture.store.read(u8, at, 4096, slot * 4096);
      u8[at + 20] = (u8[at + 20] as number) | 2;
      new DataView(u8.buffer).setUint32(at + 12, 0, true);
      new DataView(u8.buffer).setUint32(at + 12, x.crc32c(at, 4096, 0), true);
      fixture.store.write(u8, at, 4096, slot * 4096);
    }
    assert.is(await codeOf(() => fixture.reopen()), "Unsupported");
    const volume = await fixture.reopen(undefined, { readOnly: true });
    await mustHold(volume.origin, 0, fixture.model.read(volume.origin.id, 0, volume.origin.size));
    await mustBeClean(volume);
    await volume.close();
  });

  test.run();
}

const others = suite("checksums in other kinds");

for (const kind of ["persistent", "transient"] as const) {
  others(`${kind} stores have none`, async () => {
    const [store, origin] = [memoryDevice(), memoryDevice({ size: 2 ** 20 })];
    const create = { kind, checksums: true };
    assert.is(await codeOf(() => openVolume({ store, origin, create })), "Unsupported");
    assert.is(store.size(), 0);
  });
}

others("a store has none unless it was made so", async () => {
  const volume = await openVolume({ store: memoryDevice(), create: { size: 2 ** 20 } });
  assert.is(volume.status().checksums, false);
  assert.equal((await volume.check({ data: true })).problems, []);
  await volume.close();
});

others.run();
