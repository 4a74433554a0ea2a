/**
 * Stores with a history, for tests that damage them, and what their views read. A history is short
 * and has everything: writes to all views, snapshots of snapshots, deletes, trims, clones; it ends
 * closed, or as a crash leaves it.
 */
import { seededEnv } from "../../src/env.ts";
import { CAPABILITIES } from "../../src/stores/kinds.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import type { View, Volume } from "../../src/volume/types.ts";
import { readAll } from "../model/fixture.ts";
import { Image, imageDevice } from "../model/image.ts";
import { Random } from "../model/prng.ts";
import { type Devices, keepsWhatWas, rollsBack } from "../model/subjects.ts";

export type TreeKind = "range" | "bitmap";
export type Mode = "inline" | "base" | "attached";

export interface WorldOptions {
  kind: TreeKind;
  mode: Mode;
  chunk?: number;
  /** Chunks of the origin, and 512 bytes. */
  chunks?: number;
  steps?: number;
  /** Views at a time, at most. */
  views?: number;
  /** Not closed: what a crash leaves, with records in the journal. */
  crashed?: boolean;
  maxSize?: number;
}

/** A store that nobody has open. */
export interface World {
  name: string;
  store: Image;
  under: Image | null;
  mode: Mode;
  chunk: number;
  /** What the views read, by id, the origin's too. */
  contents: Map<number, { name: string | null; bytes: Uint8Array }>;
}

export const MODES: readonly Mode[] = ["inline", "base", "attached"];
export const KINDS: readonly TreeKind[] = ["range", "bitmap"];

export async function makeWorld(seed: number, options: WorldOptions): Promise<World> {
  const { kind, mode, chunk = 4096, chunks = 40, steps = 120, crashed = false } = options;
  const random = new Random(seed);
  const size = chunk * chunks + 512;
  const under = mode === "inline" ? null : Image.of(random.bytes(size));
  const world: World = { name: "", store: new Image(), under, mode, chunk, contents: new Map() };
  world.name = `seed ${seed}: ${kind}, ${mode}${crashed ? ", crashed" : ""}`;
  const { maxSize } = options;
  const create = { kind, chunk, size, ...(maxSize && { maxSize }) };
  const how = { env: seededEnv(seed), cacheBytes: 2 ** 20 };
  const views = Math.min(options.views ?? 6, most(kind));
  let volume = await openVolume({ ...devicesOf(world), ...how, create });
  const history = new History(random, views);
  for (let i = 0; i < steps; i++) {
    await history.step(volume);
    // Two superblocks at least, and blocks of several checkpoints.
    if (i % 40 !== 20) continue;
    await volume.close();
    volume = await openVolume({ ...devicesOf(world), ...how });
  }
  await volume.flush();
  if (crashed) await remember(world, volume);
  else await volume.close();
  if (crashed) world.store = world.store.copy();
  else await reading(world, (again) => remember(world, again));
  return world;
}

function most(kind: TreeKind): number {
  return CAPABILITIES[kind].snapshots;
}

export function devicesOf({ store, under, mode }: World, readOnly = false): Devices {
  const devices: Devices = { store: imageDevice(store, { readOnly, name: "store" }) };
  if (under && mode === "base") {
    devices.base = imageDevice(under, { fixed: true, readOnly: true, name: "base" });
  } else if (under) {
    devices.origin = imageDevice(under, { fixed: true, readOnly, name: "origin" });
  }
  return devices;
}

/** The same world with its own copy of the store. */
export function copyOf(world: World): World {
  return { ...world, store: world.store.copy(), under: world.under?.copy() ?? null };
}

async function reading(world: World, work: (volume: Volume) => Promise<void>): Promise<void> {
  const volume = await openVolume({ ...devicesOf(world, true), readOnly: true });
  await work(volume);
  await volume.close();
}

export async function remember(world: World, volume: Volume): Promise<void> {
  for (const view of [volume.origin, ...volume.snapshots]) {
    world.contents.set(view.id, { name: view.name, bytes: await readAll(view) });
  }
}

class History {
  readonly #random: Random;
  readonly #most: number;
  #names = 0;

  constructor(random: Random, views: number) {
    this.#random = random;
    this.#most = views;
  }

  async step(volume: Volume): Promise<void> {
    const random = this.#random;
    const { snapshots } = volume;
    const what = random.weighted({
      write: 60,
      snapshot: 12,
      delete: 5,
      trim: 10,
      flush: 6,
      rollback: 6,
    });
    if (what === "write") await this.#write(volume);
    else if (what === "flush") await volume.flush();
    else if (what === "trim") await this.#any(volume).trim(...this.#range(volume));
    else if (what === "rollback") await this.#rollback(volume);
    else if (what === "snapshot" && snapshots.length < this.#most) {
      const isRange = volume.status().kind === "range";
      const of = isRange ? this.#any(volume) : volume.origin;
      await volume.snapshot(`ß-${this.#names++}`, { of });
    } else if (what === "delete" && snapshots.length > 1) {
      await volume.delete(random.pick(snapshots));
      if (random.chance(0.5)) await volume.reclaimed();
    }
  }

  async #rollback(volume: Volume): Promise<void> {
    const [of, to] = [this.#any(volume), this.#any(volume)];
    const { kind, originMode } = volume.status();
    const can = CAPABILITIES[kind];
    if (of.id === to.id || !rollsBack(can, originMode, of.name === null)) return;
    const canKeep = keepsWhatWas(can, of.name === null);
    const keeps = canKeep && this.#random.chance(0.5) && volume.snapshots.length < this.#most;
    await volume.rollback(to, { of, ...(keeps && { keepAs: `ß-${this.#names++}` }) });
  }

  #any(volume: Volume): View {
    return this.#random.pick([volume.origin, ...volume.snapshots]);
  }

  #range(volume: Volume): [offset: number, length: number] {
    const { size } = volume.origin;
    const offset = this.#random.below(size - 512);
    return [offset, this.#random.between(1, Math.min(size - offset, 40_000))];
  }

  async #write(volume: Volume): Promise<void> {
    const [offset, length] = this.#range(volume);
    await this.#any(volume).write(offset, this.#random.bytes(length));
  }
}

export interface Part {
  /** Byte of the store. */
  at: number;
  /** Bytes in use. */
  bytes: number;
  /** Four letters: of a superblock, a record, or the type of a metadata block. */
  what: string;
}

const BLOCK = 4096;
const TYPES = ["LEAF", "INER", "SPAC", "TABL", "VIEW"];

/** Superblocks, records and metadata blocks, those that are no longer in use among them. */
export function metadataOf({ store }: World): Part[] {
  const found: Part[] = [
    { at: 0, bytes: BLOCK, what: "MULT" },
    { at: BLOCK, bytes: BLOCK, what: "MULT" },
  ];
  const block = new Uint8Array(BLOCK);
  const view = new DataView(block.buffer);
  const text = (at: number) => String.fromCharCode(...block.subarray(at, at + 4));
  for (let at = 2 * BLOCK; at < store.size; at += BLOCK) {
    store.read(block, 0, BLOCK, at);
    if (text(4) === "JRNL") found.push({ at, bytes: view.getUint32(8, true), what: "JRNL" });
    if (TYPES.includes(text(12))) found.push({ at, bytes: BLOCK, what: text(12) });
  }
  return found;
}
