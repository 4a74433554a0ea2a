/** What persistent stores leave behind a flush, from nothing on, as a strict reader reads it. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Image, imageDevice } from "../model/image.ts";
import { lateDevice } from "../model/late.ts";
import { Random } from "../model/prng.ts";
import { Attached, bytesOf, type How, makeCow, ORIGIN, usedCow } from "./attached.ts";
import { noise } from "./craft.ts";
import { type Cow, readCow } from "./format.ts";

interface Plan {
  chunk: number;
  /** Of the origin, the last of them cut short. */
  chunks: number;
  how?: How;
  /** The COW device was used before. */
  used?: boolean;
}

/** Bytes of a device on which every chunk of the origin has room. */
function roomFor(chunks: number, chunk: number): number {
  return (1 + chunks + Math.floor(chunks / (chunk / 16)) + 1) * chunk;
}

async function start(plan: Plan, random: Random): Promise<Attached> {
  const { chunk, chunks, how = {} } = plan;
  const origin = Image.of(noise(chunks * chunk - 512 * random.below(chunk / 512), random));
  const room = roomFor(chunks, chunk);
  const cow = plan.used
    ? usedCow(chunk, room, random)
    : await makeCow(origin, chunk, how.grows ? undefined : room);
  return Attached.open([origin, cow], how);
}

async function flushed(attached: Attached): Promise<Cow> {
  await attached.volume.flush();
  return attached.inspect()[0] as Cow;
}

test("a new device: a header and an empty area", async () => {
  for (const chunk of [512, 4096, 65536, 2 ** 20]) {
    const origin = new Image(10 * chunk);
    const fixed = readCow(bytesOf(await makeCow(origin, chunk, 12 * chunk)));
    assert.equal(
      { ...fixed, total: 0 },
      {
        chunk,
        perArea: chunk / 16,
        exceptions: [],
        nextFree: 2,
        areas: 1,
        allocated: (2 * chunk) / 512,
        total: 0,
        metadata: (2 * chunk) / 512,
      },
    );
    assert.is(fixed.total, (12 * chunk) / 512);
    assert.equal(readCow(bytesOf(await makeCow(origin, chunk))).exceptions, []);
  }
});

for (const [chunk, chunks, steps] of [
  [512, 300, 250],
  [1024, 300, 250],
  [4096, 600, 400],
  [16384, 80, 150],
  [65536, 30, 100],
] as const) {
  for (const grows of [false, true]) {
    test(`chunks of ${chunk} bytes, ${grows ? "a file" : "a disk"}: any history`, async () => {
      const random = new Random(chunk + (grows ? 1 : 0));
      const attached = await start({ chunk, chunks, how: { grows } }, random);
      for (let step = 1; step <= steps; step++) {
        await attached.step(random, 4 * chunk);
        if (random.chance(0.1)) await flushed(attached);
        if (random.chance(0.02)) await attached.reopen();
      }
      const { areas, exceptions } = await flushed(attached);
      assert.ok(exceptions.length > chunks / 3, `${exceptions.length} exceptions`);
      assert.is(areas, Math.floor(exceptions.length / (chunk / 16)) + 1);
      await attached.verify();
      await attached.reopen();
      await attached.verify();
      await attached.volume.close();
    });
  }
}

for (const chunk of [512, 1024, 4096, 16384]) {
  const perArea = chunk / 16;

  test(`chunks of ${chunk} bytes: areas that fill up exactly`, async () => {
    const random = new Random(chunk);
    const most = chunk < 4096 ? 3 * perArea + 1 : perArea + 1;
    const attached = await start({ chunk, chunks: most, used: true }, random);
    const lands = (count: number) => [0, 1, perArea - 1].includes(count % perArea);
    let count = 0;
    while (count < most) {
      let run = 1;
      while (!lands(count + run)) run++;
      const to = random.pick([ORIGIN, 1]);
      const { size } = attached.volume.origin;
      const bytes = Math.min(run * chunk, size - count * chunk);
      await attached.write(to, count * chunk, noise(bytes, random));
      count += run;
      const table = await flushed(attached);
      assert.is(table.exceptions.length, count);
      assert.is(table.areas, Math.floor(count / perArea) + 1);
      if (random.chance(0.5)) await attached.reopen();
    }
    await attached.verify();
    await attached.volume.close();
  });
}

for (const [name, to] of [
  ["the origin", ORIGIN],
  ["the snapshot", 1],
] as const) {
  test(`one write of ${name} over many areas`, async () => {
    const random = new Random(9);
    const attached = await start({ chunk: 512, chunks: 1000 }, random);
    const { size } = attached.volume.origin;
    await attached.write(to, 100, random.bytes(size - 200));
    assert.is((await flushed(attached)).exceptions.length, 1000);
    await attached.verify();
    await attached.volume.close();
  });
}

test("a write of a whole chunk of the snapshot leaves no other trace", async () => {
  const attached = await start({ chunk: 4096, chunks: 8 }, new Random(10));
  for (let i = 0; i < 3; i++) {
    await attached.write(1, 4096, new Uint8Array(4096).fill(i));
    assert.equal((await flushed(attached)).exceptions, [{ oldChunk: 1, newChunk: 2 }]);
  }
  await attached.write(ORIGIN, 4096, new Uint8Array(4096).fill(9));
  assert.is((await flushed(attached)).exceptions.length, 1, "the snapshot has the chunk already");
  await attached.verify();
  await attached.volume.close();
});

/** Writes of all views at once, each to a slot of its own, so that the model knows the outcome. */
async function burst(attached: Attached, random: Random, slot: number): Promise<void> {
  const { size } = attached.volume.origin;
  const requests: Promise<void>[] = [];
  for (let offset = 0; offset + slot <= size; offset += slot) {
    for (let number = 0; number < attached.images.length; number++) {
      if (random.chance(0.7)) continue;
      const at = offset + random.below(slot);
      const bytes = random.bytes(random.between(1, offset + slot - at));
      requests.push(attached.write(number, at, bytes));
    }
    if (random.chance(0.03)) requests.push(attached.volume.flush());
  }
  await Promise.all(requests);
}

for (const [chunk, chunks] of [
  [512, 200],
  [4096, 300],
] as const) {
  test(`chunks of ${chunk} bytes: many requests in flight, on late devices`, async () => {
    const random = new Random(chunk);
    const late: How["device"] = (image, options) =>
      lateDevice(imageDevice(image, options), random.fork());
    const attached = await start({ chunk, chunks, how: { device: late } }, random);
    for (let i = 0; i < 8; i++) {
      await burst(attached, random, random.pick([700, 1500, 3 * chunk]));
      await flushed(attached);
    }
    await attached.verify();
    await attached.volume.close();
  });
}

test.run();
