/**
 * A small volume on images, for tests with a story of their own: its devices can be wrapped, and
 * it can be opened again.
 */
import type { Device } from "../../src/devices/device.ts";
import { seededEnv } from "../../src/env.ts";
import { CAPABILITIES } from "../../src/stores/kinds.ts";
import type { Capabilities } from "../../src/stores/store.ts";
import type { CreateOptions, View, Volume } from "../../src/volume/types.ts";
import { firstDifference, same } from "./explain.ts";
import { Image, imageDevice } from "./image.ts";
import { Model, type OriginMode } from "./model.ts";
import { Random } from "./prng.ts";
import {
  againOptions,
  begin,
  beginAgain,
  type Devices,
  type Opener,
  type VolumeOptions,
} from "./subjects.ts";

const MIB = 2 ** 20;

export type Role = "store" | "under";
export type Wrap = (device: Device, role: Role) => Device;

export interface FixtureOptions {
  mode: OriginMode;
  size: number;
  chunk?: number;
  /** What the base or the attached origin holds; random bytes by default. */
  image?: Uint8Array;
  wrap?: Wrap;
  /** Bytes of a store of fixed size. */
  storeSize?: number;
  create?: CreateOptions;
  options?: VolumeOptions;
}

export class Fixture {
  volume: Volume;
  readonly model: Model;
  readonly store: Image;
  readonly under: Image;
  readonly capabilities: Capabilities;
  readonly #open: Opener;
  readonly #how: FixtureOptions;

  private constructor(open: Opener, how: FixtureOptions, store: Image, under: Image, made: Volume) {
    this.#open = open;
    this.#how = how;
    this.store = store;
    this.under = under;
    this.volume = made;
    const image = new Uint8Array(how.size);
    under.read(image, 0, Math.min(under.size, how.size), 0);
    this.model = new Model(made.origin.id, how.size, how.chunk ?? 4096, how.mode, image);
    this.capabilities = CAPABILITIES[made.status().kind];
    begin(this.model, this.capabilities);
  }

  static async make(open: Opener, how: FixtureOptions): Promise<Fixture> {
    const store = new Image(how.storeSize ?? 0);
    const under = how.image === undefined ? randomImage(how) : Image.of(how.image);
    const options = { env: seededEnv(1), cacheBytes: 2 ** 20, ...how.options, ...creating(how) };
    const devices = devicesOf(how, store, under, how.wrap ?? plain);
    return new Fixture(open, how, store, under, await open(devices, options));
  }

  /**
   * Opens the same images again, on plain devices unless said otherwise. Does not close what was
   * open. A store that is gone at close is made again.
   */
  async reopen(wrap: Wrap = plain, options: VolumeOptions = {}): Promise<Volume> {
    const devices = devicesOf(this.#how, this.store, this.under, wrap);
    const all = { env: seededEnv(2), cacheBytes: 2 ** 20, ...options, ...creating(this.#how) };
    this.volume = await this.#open(devices, againOptions(this.capabilities, all));
    beginAgain(this.model, this.capabilities);
    return this.volume;
  }

  async write(view: View, offset: number, bytes: Uint8Array): Promise<void> {
    await view.write(offset, bytes);
    this.model.write(view.id, offset, bytes);
  }

  /** A snapshot of the origin: the one that is there already, or a new one. */
  async anySnapshot(name: string): Promise<View> {
    return this.volume.snapshots[0] ?? (await this.snapshot(name));
  }

  async snapshot(name: string, of: View = this.volume.origin): Promise<View> {
    const view = await this.volume.snapshot(name, { of });
    this.model.snapshot(of.id, view.id, name);
    return view;
  }

  async delete(...views: View[]): Promise<void> {
    await this.volume.delete(...views);
    for (const view of views) this.model.delete(view.id);
  }

  /** Every view, wholly; and `check`. */
  async verify(): Promise<void> {
    const views = [this.volume.origin, ...this.volume.snapshots];
    const ids = views.map((view) => view.id).join();
    const expected = [...this.model.views.keys()].join();
    if (ids !== expected) throw new Error(`views: found ${ids}, expected ${expected}`);
    for (const view of views) await mustHold(view, 0, this.model.read(view.id, 0, view.size));
    await mustBeClean(this.volume);
  }
}

function creating({ size, chunk, create }: FixtureOptions): VolumeOptions {
  return { create: { size, ...(chunk && { chunk }), ...create } };
}

function randomImage(how: FixtureOptions): Image {
  const random = new Random(7);
  const image = new Image();
  const size = how.mode === "inline" ? 0 : how.size;
  for (let at = 0; at < size; at += MIB) {
    const bytes = random.bytes(Math.min(MIB, size - at));
    image.write(bytes, 0, bytes.length, at);
  }
  return image;
}

const plain: Wrap = (device) => device;

function devicesOf(how: FixtureOptions, store: Image, under: Image, wrap: Wrap): Devices {
  const fixed = how.storeSize !== undefined;
  const device = wrap(imageDevice(store, { fixed, name: "store" }), "store");
  if (how.mode === "inline") return { store: device };
  const readOnly = how.mode === "base";
  const below = wrap(imageDevice(under, { fixed: true, readOnly, name: how.mode }), "under");
  return readOnly ? { store: device, base: below } : { store: device, origin: below };
}

export async function readAll(view: View): Promise<Uint8Array> {
  const bytes = new Uint8Array(view.size);
  await view.read(0, bytes);
  return bytes;
}

export async function mustHold(view: View, offset: number, expected: Uint8Array): Promise<void> {
  const found = new Uint8Array(expected.length).fill(0xee);
  await view.read(offset, found);
  if (same(found, expected)) return;
  const at = firstDifference(found, expected);
  const bytes = `found ${found[at]}, expected ${expected[at]}`;
  throw new Error(`view ${view.id} (${view.name}) at byte ${offset + at}: ${bytes}`);
}

export async function mustBeClean(volume: Volume): Promise<void> {
  const { clean, problems } = await volume.check({ data: true });
  if (!clean) throw new Error(`check: ${JSON.stringify(problems.slice(0, 4))}`);
}
