/**
 * Repair where there is little room: full stores, and trees of several levels, whose metadata is
 * much.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { MultisnapError } from "../../src/errors.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import { repairStore } from "../../src/volume/open/repair-store.ts";
import { imageDevice } from "../model/image.ts";
import { Random } from "../model/prng.ts";
import { mustBeAsBefore, mustBeAsBeforeOrLost } from "./verify.ts";
import { copyOf, devicesOf, makeWorld, metadataOf, remember, type World } from "./world.ts";

const BLOCK = 4096;
const MIB = 2 ** 20;

/** A world whose store is filled up to its limit. */
async function fullWorld(seed: number, crashed: boolean): Promise<World> {
  const world = await makeWorld(seed, {
    kind: "range",
    mode: "inline",
    chunks: 600,
    steps: 30,
    maxSize: 4 * MIB,
  });
  const volume = await openVolume(devicesOf(world));
  const random = new Random(seed);
  try {
    for (;;) {
      const view = random.pick([volume.origin, ...volume.snapshots]);
      await view.write(4096 * random.below(600), random.bytes(4096));
    }
  } catch (error) {
    if (!(error instanceof MultisnapError) || error.code !== "NoSpace") throw error;
  }
  await volume.flush();
  await remember(world, volume);
  if (crashed) world.store = world.store.copy();
  else await volume.close();
  return world;
}

test("a full store is repaired in its reserve, or says what it needs", async () => {
  let repaired = 0;
  for (let seed = 51; seed < 55; seed++) {
    const world = await fullWorld(seed, seed % 2 === 0);
    const parts = metadataOf(world).filter(({ what }) => what !== "JRNL");
    for (const { at, what } of parts.slice(0, 12)) {
      const damaged = copyOf(world);
      damaged.name = `${world.name}, ${what} at ${at} gone`;
      damaged.store.write(new Uint8Array(BLOCK).fill(3), 0, BLOCK, at);
      const before = damaged.store.copy();
      try {
        const report = await repairStore({ store: imageDevice(damaged.store) });
        if (report.lossCount === 0) await mustBeAsBefore(damaged);
        else await mustBeAsBeforeOrLost(damaged, report.losses);
        repaired++;
      } catch (error) {
        if (!(error instanceof MultisnapError) || error.code !== "NoSpace") throw error;
        assert.match(error.message, /about \d+ bytes/);
        damaged.store = before;
      }
      const volume = await openVolume({
        ...devicesOf(damaged, true),
        readOnly: true,
        damaged: true,
      });
      await volume.close();
      assert.ok(damaged.store.size <= 4 * MIB);
    }
  }
  assert.ok(repaired > 10, `${repaired} repaired`);
});

test("a disk that ends with the store", async () => {
  const world = await makeWorld(56, { kind: "range", mode: "inline", chunks: 200, steps: 100 });
  const leaf = metadataOf(world).findLast(({ what }) => what === "TABL")!;
  world.store.write(new Uint8Array(BLOCK).fill(3), 0, BLOCK, leaf.at);
  const store = imageDevice(world.store, { fixed: true });
  await repairStore({ store }).catch((error) => assert.is(error.code, "NoSpace"));
  const volume = await openVolume({ ...devicesOf(world, true), readOnly: true, damaged: true });
  assert.is(volume.status().damage?.lossCount ?? 0, 0);
  await volume.close();
});

/** A tree of three levels: every second chunk of 90,000 and more, and one column of many views. */
async function deepWorld(): Promise<World> {
  const world = await makeWorld(57, { kind: "range", mode: "inline", chunks: 120_000, steps: 0 });
  const volume = await openVolume(devicesOf(world));
  const bytes = new Uint8Array(4096);
  for (let chunk = 0; chunk < 100_000; chunk += 2) {
    new DataView(bytes.buffer).setUint32(0, chunk + 1, true);
    volume.origin.writeSync(chunk * 4096, bytes);
  }
  for (let i = 0; i < 400; i++) {
    await volume.snapshot(`wide-${i}`);
    await volume.origin.write(51 * 4096, bytes.fill(i));
  }
  await volume.close();
  return world;
}

test("inner nodes and the root are gone: the leaves are found", async () => {
  const world = await deepWorld();
  const inner = metadataOf(world).filter(({ what }) => what === "INER");
  assert.ok(inner.length > 2);
  for (const { at } of inner) {
    world.store.write(new Uint8Array(BLOCK).fill(3), 0, BLOCK, at);
  }
  const report = await repairStore({ store: imageDevice(world.store) });
  assert.is(report.lossCount, 0);
  const volume = await openVolume(devicesOf(world));
  assert.ok((await volume.check()).clean);
  const found = new Uint8Array(4);
  for (let chunk = 0; chunk < 100_000; chunk += 2) {
    volume.origin.readSync(chunk * 4096, found);
    assert.is(new DataView(found.buffer).getUint32(0, true), chunk + 1);
  }
  for (const [i, view] of volume.snapshots.entries()) {
    await view.read(51 * 4096, found);
    assert.is(found[0], i === 0 ? 0 : (i - 1) & 255, view.name!);
  }
  await volume.close();
});

test("a leaf in the middle of a wide column: its views are named", async () => {
  const world = await deepWorld();
  const wide = metadataOf(world).filter(({ at, what }) => what === "LEAF" && isOf(world, at, 51));
  let lost = 0;
  for (const { at } of wide) {
    if (lost > 0) break;
    const damaged = copyOf(world);
    damaged.store.write(new Uint8Array(BLOCK).fill(3), 0, BLOCK, at);
    const report = await repairStore({ store: imageDevice(damaged.store) });
    const volume = await openVolume(devicesOf(damaged));
    assert.ok((await volume.check()).clean);
    const found = new Uint8Array(4);
    let gone = 0;
    for (const [i, view] of volume.snapshots.entries()) {
      const error = await view.read(51 * 4096, found).catch((caught) => caught);
      if (error) gone++;
      else assert.is(found[0], i === 0 ? 0 : (i - 1) & 255);
    }
    lost += gone;
    if (gone > 0)
      assert.ok(report.losses.some(({ chunk, count }) => chunk <= 51 && chunk + count > 51));
    assert.ok(gone < 300);
    await volume.close();
  }
  assert.ok(lost > 0);
});

/** Whether a leaf's first entry is of a chunk. */
function isOf({ store }: World, at: number, chunk: number): boolean {
  const bytes = new Uint8Array(16);
  store.read(bytes, 0, 16, at + 64);
  return new DataView(bytes.buffer).getUint32(2, true) === chunk;
}

test.run();
