/** Several COW devices on one origin, each with chunks of its own: one write serves them all. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { same } from "../model/explain.ts";
import { mustHold, readAll } from "../model/fixture.ts";
import { Image, imageDevice } from "../model/image.ts";
import { lateDevice } from "../model/late.ts";
import { Random } from "../model/prng.ts";
import { Attached, type How, makeCow, ORIGIN, openCows } from "./attached.ts";

const SIZE = 585 * 512;

/** One COW device after the other, with writes between, so that no two snapshots are alike. */
async function build(chunks: readonly number[], random: Random, how?: How): Promise<Attached> {
  const images = [Image.of(random.bytes(SIZE))];
  for (const chunk of chunks) {
    const room = 3 + Math.ceil(SIZE / chunk) + Math.ceil(SIZE / chunk / (chunk / 16));
    images.push(await makeCow(images[ORIGIN] as Image, chunk, room * chunk));
    const attached = await Attached.open(images);
    for (let i = 0; i < 6; i++) await attached.step(random, 10_000);
    await attached.volume.flush();
    attached.inspect();
    await attached.volume.close();
  }
  return Attached.open(images, how);
}

for (const chunks of [
  [4096, 4096],
  [512, 65536],
  [16384, 1024, 4096],
  [512, 1024, 2048, 4096, 8192, 16384, 32768, 2 ** 20],
]) {
  test(`chunks of ${chunks.join(", ")} bytes: each snapshot keeps its content`, async () => {
    const random = new Random(chunks.length);
    const attached = await build(chunks, random);
    const names = attached.volume.snapshots.map(({ name }) => name);
    assert.equal(names, ["cow", ...chunks.slice(1).map((_, index) => `cow${index + 2}`)]);
    const ids = attached.volume.snapshots.map(({ id }) => id);
    assert.is(new Set([attached.volume.origin.id, ...ids]).size, ids.length + 1);
    for (let step = 1; step <= 120; step++) {
      await attached.step(random, 20_000);
      if (step % 12 === 0) {
        await attached.volume.flush();
        attached.inspect();
      }
      if (step % 40 === 0) await attached.reopen();
    }
    await attached.verify();
    await attached.volume.close();
  });
}

test("many requests in flight, on late devices", async () => {
  const random = new Random(7);
  const late: How["device"] = (image, options) =>
    lateDevice(imageDevice(image, options), random.fork());
  const attached = await build([1024, 16384, 512], random, { device: late });
  for (let round = 0; round < 6; round++) {
    const slot = random.pick([1000, 5000, 20_000]);
    const requests: Promise<void>[] = [];
    for (let offset = 0; offset + slot <= SIZE; offset += slot) {
      const number = random.below(attached.images.length);
      const at = offset + random.below(slot);
      requests.push(
        attached.write(number, at, random.bytes(random.between(1, offset + slot - at))),
      );
    }
    await Promise.all(requests);
    await attached.volume.flush();
    attached.inspect();
  }
  await attached.verify();
  await attached.volume.close();
});

test("the names follow the order in which the devices are given", async () => {
  const random = new Random(8);
  const attached = await build([4096, 1024], random);
  await attached.volume.close();
  const [origin, first, second] = attached.images as [Image, Image, Image];
  const swapped = await Attached.open([origin, second, first]);
  assert.equal(swapped.contents[1], attached.contents[2]);
  assert.equal(swapped.contents[2], attached.contents[1]);
  await swapped.verify();
  await swapped.volume.close();
});

test("one device alone: its snapshot stays, whatever the other misses", async () => {
  const random = new Random(9);
  const attached = await build([4096, 1024], random);
  await attached.volume.close();
  const alone = await Attached.open(attached.images.slice(0, 2));
  assert.is(alone.volume.snapshots.length, 1);
  await alone.write(ORIGIN, 0, random.bytes(SIZE));
  await alone.verify();
  await alone.volume.close();
  const volume = await openCows(attached.images);
  await mustHold(volume.get("cow"), 0, alone.contents[1] as Uint8Array);
  assert.ok(!same(await readAll(volume.get("cow2")), attached.contents[2] as Uint8Array));
  await volume.close();
});

test.run();
