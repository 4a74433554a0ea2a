/** A COW device that is full, or broken: what becomes of its snapshot, and of the origin. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { MultisnapError } from "../../src/errors.ts";
import { mustHold } from "../model/fixture.ts";
import { Image, imageDevice } from "../model/image.ts";
import { Random } from "../model/prng.ts";
import { Failing } from "../model/watched.ts";
import { Attached, bytesOf, type How, makeCow, mustBe, ORIGIN, openCows } from "./attached.ts";
import { noise } from "./craft.ts";
import { RefusedCow, readCow } from "./format.ts";

const CHUNK = 512;
const PER_AREA = CHUNK / 16;
const CHUNKS = 200;

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "done";
  } catch (error) {
    assert.instance(error, MultisnapError);
    return (error as MultisnapError).code;
  }
}

/** On a COW device with so many chunks. */
async function start(cowChunks: number, how?: How): Promise<Attached> {
  const origin = Image.of(noise(CHUNKS * CHUNK, new Random(cowChunks)));
  return Attached.open([origin, await makeCow(origin, CHUNK, cowChunks * CHUNK)], how);
}

function whyRefused(image: Image): string | null {
  try {
    readCow(bytesOf(image));
    return null;
  } catch (error) {
    if (error instanceof RefusedCow) return error.why;
    throw error;
  }
}

/** The snapshot, the status and the device say so, for good; the origin is written all the same. */
async function mustBeInvalid(attached: Attached, number = 1): Promise<void> {
  const found = new Uint8Array(10);
  const snapshot = attached.view(number);
  assert.is(await codeOf(snapshot.read(0, found)), "Corrupt");
  assert.is(await codeOf(snapshot.write(0, found)), "Corrupt");
  if (number === 1) assert.is(attached.volume.status().dmStatus, "Invalid");
  await attached.write(ORIGIN, 100, found.fill(1));
  await attached.write(ORIGIN, 70 * CHUNK, new Uint8Array(20 * CHUNK).fill(2));
  await attached.volume.flush();
  await mustHold(attached.volume.origin, 0, attached.contents[ORIGIN] as Uint8Array);
  const origin = bytesOf(attached.images[ORIGIN] as Image);
  mustBe(origin, attached.contents[ORIGIN] as Uint8Array, "the origin");
  assert.is(whyRefused(attached.images[number] as Image), "invalidated");
  await attached.volume.close();
  const error = await openCows(attached.images).catch((error) => error);
  assert.is(error.code, "Corrupt");
  assert.match(error.message, /invalid/);
}

/** Room for so many exceptions and no more: header, areas, an empty one behind a full one. */
for (const count of [0, 1, 5, PER_AREA - 1, PER_AREA, PER_AREA + 1, 2 * PER_AREA]) {
  const needed = 1 + Math.floor(count / PER_AREA) + 1 + count;

  for (const missing of [0, 1]) {
    if (count === 0 && missing === 1) continue;

    test(`room for ${count} exceptions${missing ? " but a chunk" : ""}`, async () => {
      const attached = await start(needed - missing);
      for (let chunk = 0; chunk < count - missing; chunk++) {
        await attached.write(ORIGIN, chunk * CHUNK, new Uint8Array(CHUNK).fill(chunk));
      }
      await attached.volume.flush();
      await attached.verify();
      const [table] = attached.inspect();
      assert.is(table?.exceptions.length, count - missing);
      await attached.write(ORIGIN, count * CHUNK, new Uint8Array(CHUNK).fill(0xee));
      await mustBeInvalid(attached);
    });
  }
}

test("one write that is more than there is room for", async () => {
  const attached = await start(20);
  await attached.write(ORIGIN, 100, new Random(1).bytes(100 * CHUNK));
  await mustBeInvalid(attached);
});

/** Chunks of the device, and exceptions: a full area would need another, that has no room. */
for (const [chunks, count] of [
  [5, 3],
  [2 + PER_AREA, PER_AREA - 1],
] as const) {
  test(`a write of the snapshot that finds no room, ${count} have some: it stays`, async () => {
    const attached = await start(chunks);
    for (let chunk = 0; chunk < count; chunk++) {
      await attached.write(1, chunk * CHUNK, new Uint8Array(CHUNK).fill(chunk));
    }
    assert.is(await codeOf(attached.view(1).write(count * CHUNK, new Uint8Array(1))), "NoSpace");
    await attached.write(1, 100, new Uint8Array(CHUNK).fill(9));
    await attached.volume.flush();
    attached.inspect();
    await attached.verify();
    await attached.write(ORIGIN, 50 * CHUNK, new Uint8Array(CHUNK).fill(1));
    await mustBeInvalid(attached);
  });
}

test("a snapshot that is full leaves the others what they are", async () => {
  const origin = Image.of(noise(CHUNKS * CHUNK, new Random(3)));
  const images = [origin];
  for (const chunks of [300, 10, 300]) images.push(await makeCow(origin, CHUNK, chunks * CHUNK));
  const attached = await Attached.open(images);
  const random = new Random(4);
  for (let chunk = 0; chunk < 50; chunk++) {
    await attached.write(ORIGIN, chunk * CHUNK + 7, random.bytes(300));
  }
  for (const number of [ORIGIN, 1, 3]) {
    await mustHold(attached.view(number), 0, attached.contents[number] as Uint8Array);
  }
  await mustBeInvalid(attached, 2);
  const rest = await Attached.open([origin, images[1] as Image, images[3] as Image]);
  mustBe(rest.contents[1] as Uint8Array, attached.contents[1] as Uint8Array, "cow");
  mustBe(rest.contents[2] as Uint8Array, attached.contents[3] as Uint8Array, "cow3");
  await rest.verify();
  await rest.volume.close();
});

test("a broken COW device: preserveOnError off, the origin goes on without it", async () => {
  const failing = new Failing();
  const attached = await start(300, {
    device: (image, options, number) =>
      number === ORIGIN ? imageDevice(image, options) : failing.device(imageDevice(image, options)),
    options: { preserveOnError: false },
  });
  await attached.write(ORIGIN, 0, new Uint8Array(CHUNK).fill(1));
  failing.fail("write", 1);
  await attached.write(ORIGIN, 9 * CHUNK, new Uint8Array(CHUNK).fill(2));
  assert.ok(failing.failed > 0, "nothing failed");
  assert.is(await codeOf(attached.view(1).read(0, new Uint8Array(1))), "Corrupt");
  await mustHold(attached.volume.origin, 0, attached.contents[ORIGIN] as Uint8Array);
  await attached.volume.close().catch(() => {});
});

test("a broken COW device among several: no write goes on, every snapshot stays", async () => {
  const origin = Image.of(noise(CHUNKS * CHUNK, new Random(5)));
  const images = [origin, await makeCow(origin, CHUNK, 300 * CHUNK)];
  images.push(await makeCow(origin, CHUNK, 300 * CHUNK));
  const failing = new Failing();
  const attached = await Attached.open(images, {
    device: (image, options, number) =>
      number === 2 ? failing.device(imageDevice(image, options)) : imageDevice(image, options),
  });
  await attached.write(ORIGIN, 0, new Uint8Array(5 * CHUNK).fill(1));
  failing.fail("flush", 1, 1);
  const bytes = new Uint8Array(CHUNK).fill(2);
  assert.is(await codeOf(attached.volume.origin.write(9 * CHUNK, bytes)), "Io");
  assert.is(await codeOf(attached.volume.origin.write(10 * CHUNK, bytes)), "ReadOnly");
  await attached.volume.close().catch(() => {});
  const before = attached.contents;
  const after = await Attached.open(images);
  for (const [number, content] of after.contents.entries()) {
    mustBe(content, before[number] as Uint8Array, `view ${number}`);
  }
  await after.verify();
  await after.volume.close();
});

test.run();
