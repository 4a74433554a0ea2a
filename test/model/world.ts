/** The circumstances of a random history, all drawn from its seed. */

import { type MediumKind, medium } from "./media.ts";
import type { OriginMode } from "./model.ts";
import type { Random } from "./prng.ts";
import type { Media, VolumeOptions } from "./subjects.ts";

export type Shape = "tiny" | "small" | "sparse" | "crowded";

export interface World {
  shape: Shape;
  mode: OriginMode;
  medium: MediumKind;
  chunk: number;
  size: number;
  /** Where requests fall: regions of `reach` bytes that start here. */
  spots: number[];
  reach: number;
  /** Snapshots that are there before the history begins, each with data of its own. */
  crowd: number;
  snapshotsMax: number;
  copySlots: number;
  queueDepth: number;
}

const TIB = 2 ** 40;
const LONGEST = 2 ** 20;
const SMALL = 2 ** 20;

function sparseSpots(random: Random, size: number, reach: number): number[] {
  const far = Array.from({ length: 6 }, () => random.below((size - reach) / 512) * 512);
  return [0, size - reach, 2 ** 32 - reach / 2, ...far];
}

export function drawWorld(random: Random): World {
  const shape = random.weighted({ tiny: 45, small: 30, sparse: 20, crowded: 5 });
  const chunk = shape === "crowded" ? 4096 : random.pick([4096, 4096, 8192, 65536]);
  const most = Math.min(64, SMALL / chunk);
  const chunks = shape === "small" ? random.between(9, most) : random.between(2, 8);
  const crowd = shape === "crowded" ? random.pick([80, 200, 400, 700]) : 0;
  const tail = random.chance(0.2) ? 512 * random.between(1, chunk / 512 - 1) : 0;
  const size = shape === "sparse" ? TIB : chunks * chunk + tail;
  const reach = Math.min(size, LONGEST, 16 * chunk);
  const spots = [0, random.below((size - reach) / 512 + 1) * 512, size - reach];
  return {
    shape,
    chunk,
    size,
    mode: random.pick(["inline", "base", "attached"]),
    medium: random.weighted({ memory: 5, late: 4, file: 1 }),
    spots: shape === "sparse" ? sparseSpots(random, size, reach) : spots,
    reach,
    crowd,
    snapshotsMax: crowd + random.pick([3, 8, 24]),
    copySlots: random.pick([1, 2, 8]),
    queueDepth: random.pick([1, 4, 256]),
  };
}

/** What the base or the attached origin holds at first: some data, and some zeros. */
export function drawImage(random: Random, world: World): Uint8Array {
  const image = random.bytes(Math.min(world.size, world.reach));
  const holes = Math.floor(image.length / world.chunk / 3);
  for (let i = 0; i < holes; i++) {
    const first = random.below(image.length / world.chunk) * world.chunk;
    image.fill(0, first, first + world.chunk);
  }
  return image;
}

export async function drawMedia(random: Random, world: World, image: Uint8Array): Promise<Media> {
  const store = medium(world.medium, { random: random.fork() });
  if (world.mode === "inline") return { store };
  const fixed = world.mode === "attached" ? world.size : image.length;
  const under = medium(world.medium, { size: fixed, random: random.fork() });
  const device = await under.open();
  if (device.growable && device.size() < fixed) await device.resize(fixed);
  await device.write(image, 0, image.length, 0);
  await device.close();
  return { store, under };
}

export function createOptions(world: World): NonNullable<VolumeOptions["create"]> {
  return { size: world.size, chunk: world.chunk };
}

export function openOptions(world: World): VolumeOptions {
  return { cacheBytes: 2 ** 20, copySlots: world.copySlots, queueDepth: world.queueDepth };
}

export function describeWorld(world: World): string {
  const { shape, mode, medium: kind, chunk, size, snapshotsMax, copySlots, queueDepth } = world;
  const limits = `${snapshotsMax} snapshots, ${copySlots} copy slots, queue ${queueDepth}`;
  return `${shape} ${mode} on ${kind}: chunk ${chunk}, size ${size}, ${limits}`;
}
