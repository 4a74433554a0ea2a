/** preserveOnError false with COW devices: each that breaks is left behind, the others go on. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openVolume } from "../../src/volume/open/open.ts";
import type { OpenOptions } from "../../src/volume/types.ts";
import { mustHold, readAll } from "../model/fixture.ts";
import { expectCode } from "../model/history.ts";
import { Image, imageDevice } from "../model/image.ts";
import { Random } from "../model/prng.ts";
import { Failing } from "../model/watched.ts";

const BYTES = 512 * 1024;

const cows = suite("a broken COW device is left behind");

/** Two of them on one origin; the second's device fails. */
async function twoCows(failing: Failing, options: Partial<OpenOptions> = {}) {
  const random = new Random(9);
  const under = Image.of(random.bytes(BYTES));
  const origin = () => imageDevice(under, { fixed: true, name: "origin" });
  const images = [new Image(), new Image()] as const;
  for (const store of images) {
    const create = { kind: "persistent" as const, chunk: 4096 };
    const made = await openVolume({ store: imageDevice(store), origin: origin(), create });
    await made.close();
  }
  const volume = await openVolume({
    preserveOnError: false,
    ...options,
    store: imageDevice(images[0]),
    others: [failing.device(imageDevice(images[1], { name: "the second" }))],
    origin: origin(),
  });
  return { random, under, images, volume };
}

for (const [call, nth] of [
  ["write", 1],
  ["write", 2],
  ["flush", 1],
] as const) {
  cows(`${call} ${nth} fails once: its snapshot is invalid, the other one is not`, async () => {
    const failing = new Failing();
    const { random, images, volume } = await twoCows(failing);
    const before = await readAll(volume.origin);
    failing.fail(call, nth, 1);
    for (let at = 0; at < 60; at++) await volume.origin.write(at * 8192, random.bytes(5000));
    await volume.flush();
    assert.is(failing.failed, 1);
    await mustHold(volume.get("cow"), 0, before);
    await expectCode("Corrupt", volume.get("cow2").read(0, new Uint8Array(1)));
    await volume.close();
    const header = new Uint32Array(4);
    const valid = images.map((image) => {
      image.read(new Uint8Array(header.buffer), 0, 16, 0);
      return header[1];
    });
    assert.equal(valid, [1, 0]);
  });
}

cows("one that cannot be written any more says so", async () => {
  const failing = new Failing();
  const { random, under, volume } = await twoCows(failing);
  failing.fail("flush", 1);
  const bytes = random.bytes(100_000);
  await volume.origin.write(0, bytes);
  const found = new Uint8Array(bytes.length);
  under.read(found, 0, found.length, 0);
  assert.equal(found, bytes);
  await expectCode("Corrupt", volume.get("cow2").read(0, new Uint8Array(1)));
  const { givenUp, error } = volume.status();
  assert.is(givenUp?.snapshots, 1);
  assert.match(error ?? "", /the second could not be told so/);
  await volume.close();
});

cows("a flush of the origin that fails is the last, though the store is given up", async () => {
  const own = new Failing();
  const failing = new Failing();
  const image = Image.of(new Random(5).bytes(BYTES));
  const volume = await openVolume({
    preserveOnError: false,
    create: { kind: "persistent", chunk: 4096 },
    store: own.device(imageDevice(new Image())),
    origin: failing.device(imageDevice(image, { fixed: true, name: "origin" })),
  });
  own.fail("flush", 1);
  await volume.origin.write(0, new Uint8Array(5000));
  assert.is(volume.status().givenUp?.snapshots, 1);
  failing.fail("flush", 1, 1);
  const both = await Promise.allSettled([volume.flush(), volume.flush()]);
  const codes = both.map((end) => (end.status === "rejected" ? end.reason.code : "well"));
  assert.equal(codes, ["Io", "ReadOnly"]);
  await expectCode("ReadOnly", volume.flush());
  await expectCode("ReadOnly", volume.origin.write(0, new Uint8Array(5000)));
  await volume.close().catch(() => {});
});

cows("the default halts the origin", async () => {
  const failing = new Failing();
  const { volume } = await twoCows(failing, { preserveOnError: true });
  failing.fail("write", 1, 1);
  await expectCode("Io", volume.origin.write(0, new Uint8Array(5000)));
  const before = await readAll(volume.origin);
  await mustHold(volume.get("cow2"), 0, before);
  await volume.close().catch(() => {});
});
cows.run();
