/** The devices of a world, on images: as they are made, and as a power cut left them. */
import type { Device } from "../../src/devices/device.ts";
import { seededEnv } from "../../src/env.ts";
import { readAll } from "../model/fixture.ts";
import { Image, imageDevice } from "../model/image.ts";
import type { Random } from "../model/prng.ts";
import { againOptions, type Devices, type Subject, type VolumeOptions } from "../model/subjects.ts";
import { SimDevice } from "./device.ts";
import type { Digest } from "./digest.ts";
import { Faults, type Lied } from "./faults.ts";
import type { FirstView } from "./oracle.ts";
import type { SimWorld } from "./plan.ts";
import { Power } from "./power.ts";

const BLOCK = 4096;
/** Superblocks and two journal areas of the least size. */
const FIXED_BYTES = BLOCK * (2 + 2 * 64);
const SUPER_UUID = 32;
const BLOCK_STORE = 24;
/** What is wiped of a disk before a store is made on it. */
const WIPED_BYTES = 8192;

/** Small numbers all over, which could be chunks of anything. */
const garbage = new Uint8Array(new BigUint64Array(4096).map((_, i) => BigInt(1 + (i % 61))).buffer);

/** Where a store can be made. */
export function storeImage({ disk }: Pick<SimWorld, "disk">): Image {
  const image = new Image();
  if (disk === null) return image;
  for (let at = 0; at < disk; at += garbage.length) {
    image.write(garbage, 0, Math.min(garbage.length, disk - at), at);
  }
  image.write(new Uint8Array(WIPED_BYTES), 0, WIPED_BYTES, 0);
  return image;
}

/** The store's image, then the attached origin's or the base's, then those of other stores. */
export async function firstImages(
  subject: Subject,
  world: SimWorld,
  random: Random,
): Promise<Image[]> {
  const images = [storeImage(world)];
  if (world.mode !== "inline") images.push(Image.of(random.bytes(world.size)));
  for (const chunk of world.others) {
    const other = new Image();
    const devices = { store: imageDevice(other), origin: imageDevice(images[1] as Image) };
    const volume = await subject.open(devices, { create: { size: world.size, chunk } });
    await volume.close();
    images.push(other);
  }
  return images;
}

/** A store with a crowd of snapshots in it, each with data of its own and of the origin. */
export async function crowded(
  subject: Subject,
  world: SimWorld,
  images: Image[],
  random: Random,
): Promise<FirstView[]> {
  const [store, under] = images as [Image, Image | undefined];
  const base = under && imageDevice(under, { fixed: true, readOnly: world.mode === "base" });
  const devices = {
    store: imageDevice(store, { fixed: world.disk !== null }),
    ...(base && (world.mode === "base" ? { base } : { origin: base })),
  };
  const volume = await subject.open(devices, optionsOf(world, true, subject));
  for (let i = 0; i < world.crowd; i++) {
    const made = await volume.snapshot(`crowd${i}`);
    for (const view of [volume.origin, made]) {
      if (random.chance(0.7)) await view.write(random.below(8) * 512, random.bytes(512));
    }
  }
  const first: FirstView[] = [];
  for (const view of [volume.origin, ...volume.snapshots]) {
    first.push({ id: view.id, name: view.name, bytes: await readAll(view) });
  }
  await volume.close();
  return first;
}

/** How a volume of this world is opened; made, where `isNew`. */
export function optionsOf(world: SimWorld, isNew: boolean, subject: Subject): VolumeOptions {
  const { size, chunk, maxSize, checksums, copySlots, queueDepth, preserves, victims } = world;
  const options: VolumeOptions = {
    create: { size, chunk, checksums, ...(maxSize !== null && { maxSize }) },
    cacheBytes: 2 ** 20,
    env: seededEnv(1),
    copySlots,
    queueDepth,
    preserveOnError: preserves,
    ...(victims !== null && { victims }),
  };
  return isNew ? options : againOptions(subject.capabilities, options);
}

export interface Timing {
  random: Random;
  late: boolean;
}

export class Machine {
  readonly world: SimWorld;
  readonly images: Image[];
  readonly power: Power;
  readonly faults = new Faults();
  readonly #timing: Timing;

  constructor(world: SimWorld, images: Image[], digest: Digest, timing: Timing) {
    this.world = world;
    this.images = images;
    this.power = new Power(digest, timing.random.fork());
    this.#timing = timing;
  }

  devices(readOnly = false): Devices {
    const { mode, disk } = this.world;
    const store = this.#device(0, disk !== null, readOnly);
    if (mode === "inline") return { store };
    if (mode === "base") return { store, base: this.#device(1, true, true) };
    const origin = this.#device(1, true, readOnly);
    const others = this.images.slice(2).map((_, i) => this.#device(2 + i, false, readOnly));
    return { store, origin, ...(others.length > 0 && { others }) };
  }

  #device(index: number, fixed: boolean, readOnly: boolean): Device {
    const { random, late } = this.#timing;
    return new SimDevice(this.power, {
      index,
      image: this.images[index] as Image,
      faults: this.faults,
      random: random.fork(),
      late,
      fixed,
      readOnly,
      ...(index === 0 && { kindOf: (bytes, offset) => this.#kindOf(bytes, offset) }),
    });
  }

  /** Superblocks, journal, and blocks that carry the store's mark. */
  #kindOf(bytes: Uint8Array, offset: number): Lied {
    if (this.world.kind !== "range" && this.world.kind !== "bitmap") return "cow";
    if (offset < FIXED_BYTES) return "metadata";
    if (bytes.length % BLOCK !== 0) return "data";
    const uuid = new Uint8Array(8);
    // A new store has one superblock, in the second slot.
    for (const slot of [1, 0]) {
      if (uuid.every((byte) => byte === 0)) {
        this.images[0]?.read(uuid, 0, 8, slot * BLOCK + SUPER_UUID);
      }
    }
    const mark = bytes.subarray(BLOCK_STORE, BLOCK_STORE + 8);
    return Buffer.compare(uuid, mark) === 0 ? "metadata" : "data";
  }
}
