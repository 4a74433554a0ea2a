/**
 * Persistent snapshots of one attached origin, on images, beside a naive model: an array of bytes
 * for each view. What the volume says is compared with it, and what it leaves on the images, as the
 * independent reader reads them.
 */
import type { Device } from "../../src/devices/device.ts";
import { seededEnv } from "../../src/env.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import type { OpenOptions, View, Volume } from "../../src/volume/types.ts";
import { firstDifference, same } from "../model/explain.ts";
import { mustBeClean, mustHold } from "../model/fixture.ts";
import { Image, type ImageOptions, imageDevice } from "../model/image.ts";
import type { Random } from "../model/prng.ts";
import { craftCow } from "./craft.ts";
import { type Cow, isAreaChunk, readCow, view as viewOf } from "./format.ts";

/** Number of the origin's device, and of its view; COW devices and their snapshots follow. */
export const ORIGIN = 0;

export interface How {
  /** Makes the device of that number; a plain one by default. */
  device?: (image: Image, options: ImageOptions, number: number) => Device;
  /** COW devices grow, as files do. */
  grows?: boolean;
  options?: Omit<OpenOptions, "store" | "origin" | "others" | "create">;
}

export function bytesOf(image: Image): Uint8Array {
  const bytes = new Uint8Array(image.size);
  image.read(bytes, 0, bytes.length, 0);
  return bytes;
}

/** Name of the snapshot on COW device `number`. */
export function nameOf(number: number): string {
  return number === 1 ? "cow" : `cow${number}`;
}

/** Opens the volume on an origin (the first image) and its COW devices. */
export function openCows(images: readonly Image[], how: How = {}): Promise<Volume> {
  const device = how.device ?? imageDevice;
  const readOnly = how.options?.readOnly ?? false;
  const [origin, store, ...others] = images.map((image, number) => {
    const fixed = number === ORIGIN || !how.grows;
    const name = number === ORIGIN ? "origin" : nameOf(number);
    return device(image, { fixed, readOnly, name }, number);
  });
  if (!origin || !store) throw new Error("an origin and a COW device are needed");
  const options = { env: seededEnv(2), cacheBytes: 2 ** 20, ...how.options };
  return openVolume({ ...options, store, origin, ...(others.length > 0 && { others }) });
}

/** A new snapshot of `origin`, on a COW device of `size` bytes, or on one that grows. */
export async function makeCow(origin: Image, chunk: number, size?: number): Promise<Image> {
  const image = new Image(size ?? 0);
  const volume = await openVolume({
    store: imageDevice(image, { fixed: size !== undefined, name: "cow" }),
    origin: imageDevice(origin, { fixed: true, name: "origin" }),
    create: { kind: "persistent", chunk },
    env: seededEnv(1),
    cacheBytes: 2 ** 20,
  });
  await volume.close();
  return image;
}

/** The same on a disk that was used before: what the format says nothing about is noise. */
export function usedCow(chunk: number, size: number, random: Random): Image {
  const nothing = { exceptions: [], snapshot: new Uint8Array(0) };
  return Image.of(craftCow({ chunk, size, ...nothing, before: random }));
}

export class Attached {
  volume: Volume;
  /** The origin's, then those of the COW devices. */
  readonly images: readonly Image[];
  /** What each view holds. */
  readonly contents: Uint8Array[];
  readonly #how: How;
  /** The tables when they were last read. */
  #cows: Cow[] = [];

  private constructor(volume: Volume, images: readonly Image[], how: How) {
    this.volume = volume;
    this.images = images;
    this.#how = how;
    const [origin, ...cows] = images.map(bytesOf) as [Uint8Array, ...Uint8Array[]];
    this.contents = [origin, ...cows.map((cow) => viewOf(origin, cow))];
    this.#cows = cows.map((cow) => readCow(cow));
  }

  /** On an origin and COW devices, of which sound ones are given. */
  static async open(images: readonly Image[], how: How = {}): Promise<Attached> {
    const copies = images.map((image) => image.copy());
    const attached = new Attached(await openCows(images, how), images, how);
    // Opening alone changes nothing, or the model began with what it should be compared with.
    for (const [number, image] of copies.entries()) {
      mustBe(bytesOf(images[number] as Image), bytesOf(image), `opening changed device ${number}`);
    }
    return attached;
  }

  async reopen(): Promise<void> {
    await this.volume.close();
    this.volume = await openCows(this.images, this.#how);
  }

  view(number: number): View {
    return number === ORIGIN ? this.volume.origin : this.volume.get(nameOf(number));
  }

  async write(number: number, offset: number, bytes: Uint8Array): Promise<void> {
    await this.view(number).write(offset, bytes);
    this.contents[number]?.set(bytes, offset);
  }

  /** A random write to a random view. */
  async step(random: Random, lengthMax: number): Promise<void> {
    const number = random.chance(0.5) ? ORIGIN : random.between(1, this.images.length - 1);
    const { size } = this.volume.origin;
    const length = random.between(1, Math.min(size, random.pick([lengthMax, 512])));
    const offset = random.below(size - length + 1);
    if (random.chance(0.9)) return this.write(number, offset, random.bytes(length));
    await this.view(number).writeZeroes(offset, length);
    this.contents[number]?.fill(0, offset, offset + length);
  }

  /** What is on the images agrees with the model; call it behind a flush. Answers the tables. */
  inspect(): Cow[] {
    const [origin, ...cows] = this.images.map(bytesOf) as [Uint8Array, ...Uint8Array[]];
    mustBe(origin, this.contents[ORIGIN] as Uint8Array, "the origin");
    const tables = cows.map((cow, index) => {
      mustBe(viewOf(origin, cow), this.contents[index + 1] as Uint8Array, nameOf(index + 1));
      const table = readCow(cow);
      mustAppend(this.#cows[index] as Cow, table);
      return table;
    });
    this.#cows = tables;
    return tables;
  }

  /** What the volume reads agrees with the model, and it finds nothing wrong with itself. */
  async verify(): Promise<void> {
    await mustBeClean(this.volume);
    for (const [number, content] of this.contents.entries()) {
      await mustHold(this.view(number), 0, content);
    }
  }
}

/** Chunks are given out in order, without a gap, and named in the same order. */
export function mustAppend(before: Cow, after: Cow): void {
  let next = before.nextFree;
  for (const [index, { oldChunk, newChunk }] of after.exceptions.entries()) {
    const old = before.exceptions[index];
    const isRight = old
      ? old.oldChunk === oldChunk && old.newChunk === newChunk
      : newChunk === next;
    if (!isRight) {
      const expected = old ? `${old.oldChunk} -> ${old.newChunk}` : `one in chunk ${next}`;
      throw new Error(`exception ${index}: ${oldChunk} -> ${newChunk}, expected ${expected}`);
    }
    if (!old) next += isAreaChunk(next + 1, after.perArea) ? 2 : 1;
  }
  if (after.exceptions.length < before.exceptions.length) throw new Error("exceptions are lost");
  if (after.nextFree !== next) throw new Error(`next free: ${after.nextFree}, expected ${next}`);
}

export function mustBe(found: Uint8Array, expected: Uint8Array, what: string): void {
  if (same(found, expected)) return;
  throw new Error(`${what}: differs at byte ${firstDifference(found, expected)}`);
}
