/** Rollback by copies (bitmap stores, attached origins): cut off by errors, gone on with. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { seededEnv } from "../../src/env.ts";
import { MultisnapError } from "../../src/errors.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import { mustBeClean, mustHold, readAll } from "../model/fixture.ts";
import { expectCode } from "../model/history.ts";
import { Image, imageDevice } from "../model/image.ts";
import { Random } from "../model/prng.ts";

const CHUNK = 4096;
const SIZE = 64 * CHUNK;
const test = suite("rollback by copies");

interface World {
  store: Image;
  origin: Image;
  /** Writes to the origin that go well before the next one fails; null: all do. */
  left: number | null;
}

function devices(world: World) {
  const under = imageDevice(world.origin);
  const origin = {
    ...under,
    write: (source: Uint8Array, start: number, length: number, offset: number) => {
      if (world.left === 0) throw new MultisnapError("Io", "the disk is broken");
      if (world.left !== null) world.left--;
      return under.write(source, start, length, offset);
    },
  };
  return { store: imageDevice(world.store), origin, env: seededEnv(1) };
}

for (const kind of ["range", "bitmap"] as const) {
  test(`${kind}: an error leaves it to be gone on with, here or when it is opened`, async () => {
    for (const again of ["call", "open"]) {
      const random = new Random(9);
      const image = Image.of(random.bytes(SIZE));
      const world: World = { store: new Image(), origin: image, left: null };
      let volume = await openVolume({ ...devices(world), create: { kind } });
      const then = await readAll(volume.origin);
      await volume.snapshot("then");
      for (let chunk = 0; chunk < 64; chunk += 2) {
        await volume.origin.write(chunk * CHUNK, random.bytes(CHUNK));
      }
      const before = await readAll(volume.origin);
      world.left = 5;
      await expectCode("Io", volume.rollback("then", { keepAs: "before" }));
      assert.is(volume.status().rollingBack, "then");
      await mustHold(volume.get("before"), 0, before);
      await mustHold(volume.get("then"), 0, then);
      await expectCode("Busy", volume.delete("then"));
      world.left = null;
      if (again === "call") await volume.rollback("then");
      else {
        await volume.flush();
        world.store = world.store.copy();
        const reader = await openVolume({ ...devices(world), readOnly: true });
        await mustHold(reader.origin, 0, then);
        await reader.close();
        volume = await openVolume(devices(world));
        assert.is(volume.status().rollingBack, "then");
        await mustHold(volume.origin, 0, then);
        await volume.rollback("then");
      }
      assert.is(volume.status().rollingBack, null);
      await mustHold(volume.origin, 0, then);
      await mustHold(volume.get("before"), 0, before);
      await mustBeClean(volume);
      await volume.delete("then", "before");
      await volume.close();
    }
  });
}

test("it says how far it is, and copies only what differs", async () => {
  const random = new Random(2);
  const image = Image.of(random.bytes(SIZE));
  const world: World = { store: new Image(), origin: image, left: null };
  const volume = await openVolume({ ...devices(world), create: {} });
  await volume.snapshot("then");
  await volume.origin.write(3 * CHUNK, random.bytes(CHUNK));
  world.left = 1;
  const steps: number[][] = [];
  await volume.rollback("then", { progress: (done, total) => steps.push([done, total]) });
  assert.is(world.left, 0);
  assert.equal(steps.at(-1), [64, 64]);
  await volume.close();
});

test("an abort before it begins changes nothing", async () => {
  const world: World = { store: new Image(), origin: new Image(SIZE), left: null };
  const volume = await openVolume({ ...devices(world), create: {} });
  await volume.snapshot("then");
  await volume.origin.write(0, new Uint8Array(CHUNK).fill(1));
  const signal = AbortSignal.abort(new MultisnapError("Closed", "no more"));
  await expectCode("Closed", volume.rollback("then", { signal }));
  const found = new Uint8Array(1);
  await volume.origin.read(0, found);
  assert.is(found[0], 1);
  await volume.close();
});

test.run();
