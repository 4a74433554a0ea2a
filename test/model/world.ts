/** The circumstances of a random history, all drawn from its seed. */
import type { Capabilities } from "../../src/stores/store.ts";
import { type Medium, type MediumKind, medium } from "./media.ts";
import type { OriginMode } from "./model.ts";
import type { Random } from "./prng.ts";
import { canHaveSums, type Media, type Subject, type VolumeOptions } from "./subjects.ts";

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
  /** Bytes of a chunk of each further store on the same origin. */
  others: readonly number[];
  copySlots: number;
  queueDepth: number;
  /** The origin gets other sizes: an attached one is on a device that can. */
  resizes: boolean;
  /** What snapshots keep has checksums. */
  checksums: boolean;
}

const TIB = 2 ** 40;
const LONGEST = 2 ** 20;
const SMALL = 2 ** 20;
const OTHERS = [[512], [4096], [16384, 1024], [2048, 2048, 2048]];

/** Sizes, the usual ones more often. */
function chunks({ chunk: [least, most] }: Capabilities): number[] {
  const sizes = [512, 1024, 4096, 4096, 8192, 65536];
  return sizes.filter((size) => size >= least && size <= most);
}

function sparseSpots(random: Random, size: number, reach: number): number[] {
  const far = Array.from({ length: 6 }, () => random.below((size - reach) / 512) * 512);
  return [0, size - reach, 2 ** 32 - reach / 2, ...far];
}

/** A world that such a store can be in. */
export function drawWorld(random: Random, { capabilities, joins, kind }: Subject): World {
  const { origins, snapshots, fixed } = capabilities;
  const crowded = fixed ? 0 : 5;
  const shape = random.weighted({ tiny: 45, small: 30, sparse: 20, crowded });
  const chunk = shape === "crowded" ? 4096 : random.pick(chunks(capabilities));
  const most = Math.min(64, SMALL / chunk);
  const count = shape === "small" ? random.between(9, most) : random.between(2, 8);
  const crowd = shape === "crowded" ? Math.min(snapshots - 8, random.pick([80, 200, 400, 700])) : 0;
  const tail = chunk > 512 && random.chance(0.2) ? 512 * random.between(1, chunk / 512 - 1) : 0;
  const size = shape === "sparse" ? TIB : count * chunk + tail;
  const reach = Math.min(size, LONGEST, 16 * chunk);
  const spots = [0, random.below((size - reach) / 512 + 1) * 512, size - reach];
  return {
    shape,
    chunk,
    size,
    mode: random.pick(origins),
    medium: random.weighted({ memory: 5, late: 4, file: 1 }),
    spots: shape === "sparse" ? sparseSpots(random, size, reach) : spots,
    reach,
    crowd,
    snapshotsMax: Math.min(snapshots, crowd + random.pick([3, 8, 24])),
    copySlots: random.pick([1, 2, 8]),
    queueDepth: random.pick([1, 4, 256]),
    others: joins && random.chance(0.3) ? random.pick(OTHERS) : [],
    checksums: canHaveSums(kind) && random.chance(0.3),
    resizes: !fixed && random.chance(0.6),
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

export async function drawMedia(
  subject: Subject,
  random: Random,
  world: World,
  image: Uint8Array,
): Promise<Media> {
  const store = medium(world.medium, { random: random.fork() });
  if (world.mode === "inline") return { store };
  const fixed = world.mode === "attached" ? world.size : image.length;
  const grows = world.mode === "attached" && world.resizes;
  const under = medium(world.medium, { ...(!grows && { size: fixed }), random: random.fork() });
  const device = await under.open();
  if (device.growable && device.size() < fixed) await device.resize(fixed);
  await device.write(image, 0, image.length, 0);
  await device.close();
  const others: Medium[] = [];
  for (const chunk of world.others) {
    const other = medium(world.medium, { random: random.fork() });
    const devices = { store: await other.open(), origin: await under.open() };
    const volume = await subject.open(devices, { create: { size: world.size, chunk } });
    await volume.close();
    others.push(other);
  }
  return { store, under, ...(others.length > 0 && { others }) };
}

/** What makes the volume. */
export function openOptions(world: World): VolumeOptions {
  const { size, chunk, copySlots, queueDepth, checksums } = world;
  const create = { size, chunk, ...(checksums && { checksums }) };
  return { create, cacheBytes: 2 ** 20, copySlots, queueDepth };
}

export function describeWorld(world: World): string {
  const { shape, mode, medium: kind, chunk, size, snapshotsMax, copySlots, queueDepth } = world;
  const beside = world.others.length > 0 ? `, beside stores of chunk ${world.others}` : "";
  const sums = world.checksums ? ", checksums" : "";
  const limits = `${snapshotsMax} snapshots, ${copySlots} copy slots, queue ${queueDepth}`;
  return `${shape} ${mode} on ${kind}: chunk ${chunk}, size ${size}, ${limits}${sums}${beside}`;
}
