/** A damaged store that is opened for reading: as far as it can be read, and nothing is written. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { MultisnapError } from "../../src/errors.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import { repairStore } from "../../src/volume/open/repair-store.ts";
import type { Volume } from "../../src/volume/types.ts";
import { imageDevice } from "../model/image.ts";
import { mustReadAsBefore } from "./verify.ts";
import { copyOf, devicesOf, KINDS, MODES, makeWorld, metadataOf, type World } from "./world.ts";

const BLOCK = 4096;

function openDamaged(world: World): Promise<Volume> {
  return openVolume({ ...devicesOf(world, true), readOnly: true, damaged: true });
}

/** The last leaf, inner node or whatever `what` is. */
function spoil(world: World, what: string): void {
  const part = metadataOf(world).findLast((one) => one.what === what)!;
  world.store.write(new Uint8Array(BLOCK).fill(0x77), 0, BLOCK, part.at);
}

for (const kind of KINDS) {
  for (const mode of MODES) {
    test(`${kind}, ${mode}: what is not lost can be read`, async () => {
      for (let seed = 1; seed <= 3; seed++) {
        const world = await makeWorld(seed, { kind, mode, crashed: seed === 2 });
        spoil(world, "TABL");
        spoil(world, "SPAC");
        // The device is read-only: a write would be an error.
        const volume = await openDamaged(world);
        await mustReadAsBefore(volume, world);
        const { damage } = volume.status();
        assert.is(damage?.lossCount, 0);
        assert.ok(damage!.problems.length > 0);
        await volume.close();
      }
    });
  }
}

test("lost chunks answer Corrupt with view and range, and heal when they are written", async () => {
  const world = await makeWorld(5, { kind: "range", mode: "inline" });
  for (const { at } of metadataOf(world).filter(({ what }) => what === "LEAF")) {
    world.store.write(new Uint8Array(BLOCK), 0, BLOCK, at);
  }
  const { losses } = await repairStore({ store: imageDevice(world.store) });
  assert.is(losses.length, 1);
  assert.is(losses[0]!.views, "all");
  const volume = await openVolume(devicesOf(world));
  const { origin } = volume;
  const byte = new Uint8Array(1);
  const error = (await origin.read(4100, byte).catch((caught) => caught)) as MultisnapError;
  assert.ok(error instanceof MultisnapError && error.code === "Corrupt");
  assert.match(error.message, /bytes 4100\.\.4100 of the origin/);
  assert.match(await message(origin.write(4100, byte)), /writing a part of bytes 4096\.\.8191/);
  const whole = new Uint8Array(4096).fill(9);
  await origin.write(4096, whole);
  await origin.read(4100, byte);
  assert.is(byte[0], 9);
  await origin.trim(8192, 4096);
  await origin.read(8192, byte);
  assert.is(byte[0], 0);
  const end = origin.size - 512;
  await origin.write(end, whole.subarray(0, 512));
  await origin.read(end, byte);
  assert.is(byte[0], 9);
  const [snapshot] = volume.snapshots;
  assert.match(await message(snapshot!.read(4096, byte)), new RegExp(`@${snapshot!.name}:`));
  assert.match(await message(origin.cloneFrom(snapshot!, 0, 4096)), /^$|cloning/);
  await volume.close();
});

/** Of the error; empty where there is none. */
async function message(work: Promise<void>): Promise<string> {
  try {
    await work;
    return "";
  } catch (error) {
    assert.is((error as MultisnapError).code, "Corrupt");
    return (error as Error).message;
  }
}

test("only for reading", async () => {
  const world = await makeWorld(6, { kind: "range", mode: "inline", steps: 10 });
  const error = await openVolume({ ...devicesOf(copyOf(world)), damaged: true }).catch((e) => e);
  assert.is(error.code, "Invalid");
});

test.run();
