/**
 * Persistent stores against COW devices that others wrote: a Linux kernel's own, and what it says,
 * in every chunk size, with the holes and the order of old kernels.
 */
import { createHash } from "node:crypto";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { View } from "../../src/volume/types.ts";
import { readAll } from "../model/fixture.ts";
import { Image } from "../model/image.ts";
import { Random } from "../model/prng.ts";
import { Attached, bytesOf, mustBe, openCows } from "./attached.ts";
import { craftCow, differing, place, setEntry, shuffled } from "./craft.ts";
import { readCow, view as viewOf } from "./format.ts";
import { kernelCows, originHash, snapshotHash } from "./kernel.ts";

async function hash(view: View): Promise<string> {
  return createHash("sha256")
    .update(await readAll(view))
    .digest("hex");
}

for (const { chunkSectors, cow, origin, status } of kernelCows()) {
  const name = `a kernel's device, ${chunkSectors} sectors a chunk`;

  for (const readOnly of [true, false]) {
    test(`${name}, for ${readOnly ? "reading" : "writing"}: its views and its status`, async () => {
      const images = [Image.of(origin), Image.of(cow)];
      const volume = await openCows(images, { options: { readOnly } });
      assert.is(volume.chunk, chunkSectors * 512);
      assert.is(volume.origin.size, origin.length);
      const views = volume.snapshots.map(({ name, id, size }) => ({ name, id, size }));
      assert.equal(views, [{ name: "cow", id: 2, size: origin.length }]);
      assert.is(await hash(volume.origin), originHash);
      assert.is(await hash(volume.get("cow")), snapshotHash);
      assert.is(volume.status().kind, "persistent");
      assert.is(volume.status().dmStatus, status);
      assert.ok((await volume.check()).clean);
      await volume.close();
      mustBe(bytesOf(images[0] as Image), origin, "the origin");
      mustBe(bytesOf(images[1] as Image), cow, "the COW device");
    });
  }

  test(`${name}: work goes on where the kernel stopped`, async () => {
    const random = new Random(chunkSectors);
    const attached = await Attached.open([Image.of(origin), Image.of(cow)]);
    const before = readCow(cow).exceptions.length;
    let found = before;
    for (let round = 1; round <= 24; round++) {
      for (let i = 0; i < 10; i++) await attached.step(random, 2 * attached.volume.chunk);
      await attached.volume.flush();
      found = attached.inspect()[0]?.exceptions.length as number;
      if (round % 8 === 0) await attached.reopen();
    }
    await attached.verify();
    const { allocated, total, metadata, areas } = attached.inspect()[0] as ReturnType<
      typeof readCow
    >;
    assert.is(attached.volume.status().dmStatus, `${allocated}/${total} ${metadata}`);
    assert.ok(found > before + 100, `${found - before} exceptions were made`);
    if (chunkSectors === 16) assert.is(areas, 2, "the kernel's area was not filled");
    await attached.volume.close();
  });
}

/** The kernel's two views, as another chunk size, an older kernel and a used device make them. */
function recrafted(chunk: number, random: Random): { origin: Uint8Array; cow: Uint8Array } {
  const { origin, cow } = kernelCows()[0] as ReturnType<typeof kernelCows>[0];
  const snapshot = viewOf(origin, cow);
  const old = shuffled(differing(origin, snapshot, chunk), random);
  const exceptions = place(old, chunk, random, { holes: 0.1, isShuffled: true });
  const spare = Math.min(origin.length, 200 * chunk);
  const size = craftCow({ chunk, exceptions, snapshot }).length + spare;
  return { origin, cow: craftCow({ chunk, size, exceptions, snapshot, before: random }) };
}

for (let chunk = 512; chunk <= 2 ** 20; chunk *= 2) {
  test(`the same views in chunks of ${chunk} bytes, shuffled, with holes`, async () => {
    const random = new Random(chunk);
    const { origin, cow } = recrafted(chunk, random);
    const attached = await Attached.open([Image.of(origin), Image.of(cow)]);
    assert.is(attached.volume.chunk, chunk);
    assert.is(await hash(attached.volume.origin), originHash);
    assert.is(await hash(attached.volume.get("cow")), snapshotHash);
    const { allocated, total, metadata } = readCow(cow);
    assert.is(attached.volume.status().dmStatus, `${allocated}/${total} ${metadata}`);
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 10; j++) await attached.step(random, 2 * chunk);
      await attached.volume.flush();
      attached.inspect();
    }
    await attached.reopen();
    await attached.verify();
    await attached.volume.close();
  });
}

test("the origin's last chunk is not whole", async () => {
  const random = new Random(3);
  const origin = random.bytes(5 * 4096 + 1536);
  const snapshot = origin.slice().fill(7, 5 * 4096);
  const exceptions = [{ oldChunk: 5, newChunk: 2 }];
  const cow = craftCow({ chunk: 4096, size: 20 * 4096, exceptions, snapshot, before: random });
  const attached = await Attached.open([Image.of(origin), Image.of(cow)]);
  await attached.verify();
  for (let i = 0; i < 20; i++) await attached.step(random, 3 * 4096);
  await attached.volume.flush();
  attached.inspect();
  await attached.verify();
  await attached.volume.close();
});

/**
 * What a power cut may leave when an area was written: entries behind a sector without any. They
 * were never committed, and must not come back when the area fills up to them.
 */
test("entries behind a torn sector are none, and stay none", async () => {
  const chunk = 4096;
  const random = new Random(4);
  const origin = random.bytes(400 * chunk);
  const exceptions = place([...Array(20).keys()], chunk, random);
  const crafted = craftCow({
    chunk,
    size: 500 * chunk,
    exceptions,
    snapshot: random.bytes(20 * chunk),
  });
  const torn = crafted.slice();
  for (let entry = 64; entry < 70; entry++) {
    setEntry(torn, chunk, entry, { oldChunk: 100 + entry, newChunk: 2 + entry });
  }
  const images = [Image.of(origin), Image.of(torn)] as const;
  const expected = { origin: origin.slice(), snapshot: viewOf(origin, crafted) };
  const volume = await openCows(images);
  for (let at = 20; at < 80; at++) {
    const bytes = random.bytes(chunk);
    await volume.origin.write(at * chunk, bytes);
    expected.origin.set(bytes, at * chunk);
    const [now, cow] = images.map(bytesOf) as [Uint8Array, Uint8Array];
    mustBe(now, expected.origin, "the origin");
    mustBe(viewOf(now, cow, { torn: true }), expected.snapshot, `the snapshot at chunk ${at}`);
  }
  await volume.close();
  mustBe(viewOf(expected.origin, bytesOf(images[1])), expected.snapshot, "the snapshot");
});

test.run();
