/** The devices with which the kernel begins, each with a story that the tests tell to its end. */
import * as assert from "uvu/assert";
import { exportCow } from "../../../src/convert/export-cow.ts";
import { openVolume } from "../../../src/volume/open/open.ts";
import { type Attached, bytesOf, makeCow, ORIGIN, openCows } from "../../cow/attached.ts";
import { noise, shuffled } from "../../cow/craft.ts";
import { readAll } from "../../model/fixture.ts";
import { Image, imageDevice } from "../../model/image.ts";
import type { Random } from "../../model/prng.ts";
import { SECTOR, World } from "./world.ts";

const KIB = 1024;
const MIB = KIB * KIB;

/** What we made, and go on with after the kernel. */
export async function makeOurs(random: Random): Promise<World> {
  const chunks = [512, KIB, 4 * KIB, 16 * KIB, 64 * KIB, MIB];
  const world = await make("ours", 3 * MIB - 3 * SECTOR, chunks, random);
  await world.open(steps(random, 150, 30_000));
  return world;
}

/** Random writes to all views. */
export function steps(random: Random, count: number, lengthMax: number) {
  return async (attached: Attached): Promise<void> => {
    for (let i = 0; i < count; i++) await attached.step(random, lengthMax);
  };
}

/** Areas are full to their last entry: the kernel's first exception needs a new one. */
export async function makeFull(random: Random): Promise<World> {
  const world = await make("full", 1.25 * MIB, [512, KIB, 4 * KIB], random);
  await world.open(async (attached) => {
    for (const [index, areas] of [3, 2, 1].entries()) {
      const chunk = world.chunks[index] as number;
      const count = areas * (chunk / 16);
      for (const old of shuffled([...Array(count).keys()], random)) {
        await attached.write(index + 1, old * chunk, noise(chunk, random));
      }
      await attached.volume.flush();
      assert.is(world.exceptions(index + 1), count);
    }
  });
  return world;
}

/** Zeros, where the kernel makes its own COW devices. */
export function makeTheirs(random: Random): World {
  const chunks = [512, 4 * KIB, 32 * KIB, MIB];
  const origin = Image.of(noise(2 * MIB + SECTOR, random));
  const cows = chunks.map((chunk) => new Image(roomFor(origin.size, chunk)));
  return new World("theirs", chunks, [origin, ...cows]);
}

/** Snapshots of a range store, exported: each device is as long as it must be, and no longer. */
export async function makeExported(random: Random): Promise<World> {
  const origin = Image.of(noise(2 * MIB - 5 * SECTOR, random));
  await using volume = await openVolume({
    store: imageDevice(new Image()),
    origin: imageDevice(origin, { fixed: true }),
    create: { kind: "range" },
    cacheBytes: MIB,
  });
  const old = await volume.snapshot("old");
  const writes = async (views: (typeof old)[]) => {
    for (let i = 0; i < 60; i++) {
      const view = random.pick(views);
      const bytes = random.bytes(random.between(1, 9000));
      await view.write(random.below(view.size - bytes.length), bytes);
    }
  };
  await writes([volume.origin, old]);
  const young = await old.snapshot("young");
  await writes([volume.origin, old, young]);
  const images = [origin];
  const contents: Uint8Array[] = [];
  const chunks = [4 * KIB, 512, 16 * KIB];
  for (const [index, chunk] of chunks.entries()) {
    const view = [old, young, young][index] as typeof old;
    const cow = new Image();
    await exportCow(volume, view, imageDevice(cow), { chunk });
    images.push(cow);
    contents.push(await readAll(view));
  }
  return new World("exported", chunks, images, contents);
}

/** Of three snapshots the first is invalid, the second will soon have no room. */
export async function makeInvalid(random: Random): Promise<World> {
  const room = [40 * 512, 80 * 512, roomFor(MIB, 4 * KIB)];
  const world = await make("invalid", MIB, [512, 512, 4 * KIB], random, room);
  const bytes = random.bytes(room[0] as number);
  const volume = await openCows(world.images);
  await volume.origin.write(0, bytes);
  await volume.close();
  world.content(ORIGIN).set(bytes);
  return world;
}

/** We have merged half of the first snapshot. */
export async function makeHalf(random: Random): Promise<World> {
  const world = await make("half", MIB - SECTOR, [512, 4 * KIB], random);
  await world.open(steps(random, 150, 4000));
  const before = world.exceptions(1);
  const volume = await openCows(world.images);
  const ender = new AbortController();
  const merge = volume.merge({
    signal: ender.signal,
    progress: (done, total) => {
      if (done > total / 2) ender.abort();
    },
  });
  assert.is(await merge.catch((error) => error.code), "Closed");
  await volume.close();
  const left = world.exceptions(1);
  assert.ok(left > 0 && left < before, `${left} of ${before} exceptions are left`);
  world.becomes(ORIGIN, bytesOf(world.image(ORIGIN)));
  return world;
}

/** The kernel will merge some of the first snapshot, which has much that lies scattered. */
export async function makeBegun(random: Random): Promise<World> {
  const [chunk, size] = [512, 2 * MIB];
  const world = await make("begun", size, [chunk, 8 * KIB], random);
  await world.open(async (attached) => {
    for (let i = 0; i < 2500; i++) {
      await attached.write(1, random.below(size / chunk) * chunk, random.bytes(chunk));
    }
    await steps(random, 50, 4000)(attached);
  });
  return world;
}

/** With new COW devices; `room`: how many bytes each of them has. */
async function make(
  name: string,
  originBytes: number,
  chunks: readonly number[],
  random: Random,
  room = chunks.map((chunk) => roomFor(originBytes, chunk)),
): Promise<World> {
  const origin = Image.of(noise(originBytes, random));
  const images = [origin];
  for (const [index, chunk] of chunks.entries()) {
    images.push(await makeCow(origin, chunk, room[index] as number));
  }
  return new World(name, chunks, images);
}

/** Bytes of a COW device on which every chunk of the origin has room. */
function roomFor(originBytes: number, chunk: number): number {
  const chunks = Math.ceil(originBytes / chunk);
  return (1 + chunks + Math.floor(chunks / (chunk / 16)) + 1) * chunk;
}
