/**
 * The stores that are made hostile: small ones of both kinds in the tree, over each way to keep an
 * origin, closed or with a journal; one whose first column is wide.
 */
import { seededEnv } from "../../src/env.ts";
import type { StoreKind, View, Volume } from "../../src/volume/types.ts";
import { Image, imageDevice } from "../model/image.ts";
import type { OriginMode } from "../model/model.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";
import type { Devices, VolumeOptions } from "../model/subjects.ts";

export interface Base {
  name: string;
  kind: StoreKind;
  mode: OriginMode;
  store: Image;
  /** The attached origin, or the base; empty where there is none. */
  under: Image;
}

const CHUNKS = 96;
const CACHE_BYTES = 2 ** 20;

export function openBase(base: Base, devices: Devices, options: VolumeOptions): Promise<Volume> {
  const subject = subjects.find(({ kind }) => kind === base.kind);
  if (!subject) throw new Error(`no kind ${base.kind}`);
  return subject.open(devices, { env: seededEnv(3), cacheBytes: CACHE_BYTES, ...options });
}

export async function makeBases(): Promise<Base[]> {
  const bases: Base[] = [];
  for (const kind of ["range", "bitmap"] as const) {
    for (const mode of ["inline", "base", "attached"] as const) {
      bases.push(...(await makeBoth(kind, mode, mode === "base" ? 16384 : 4096)));
    }
  }
  for (const mode of ["inline", "attached"] as const) {
    bases.push(...(await makeBoth("range", mode, 4096, true)));
  }
  bases.push(await makeWide(), await makeAround());
  for (const kind of ["persistent"] as const) bases.push(await makeCow(kind));
  return bases;
}

class Maker {
  readonly store = new Image();
  readonly under: Image;
  readonly chunk: number;
  readonly random = new Random(11);
  readonly base: Base;
  volume!: Volume;
  readonly #checksums: boolean;
  #names = 0;

  constructor(kind: StoreKind, mode: OriginMode, chunk: number, checksums = false) {
    this.chunk = chunk;
    this.#checksums = checksums;
    this.under = mode === "inline" ? new Image() : Image.of(this.random.bytes(CHUNKS * chunk));
    this.base = { name: "", kind, mode, store: this.store, under: this.under };
  }

  async open(create: boolean): Promise<void> {
    const { mode } = this.base;
    const devices: Devices = { store: imageDevice(this.store) };
    const under = imageDevice(this.under, { fixed: true, readOnly: mode === "base" });
    if (mode === "base") devices.base = under;
    if (mode === "attached") devices.origin = under;
    const checksums = this.#checksums && { checksums: true };
    const made = { create: { size: CHUNKS * this.chunk, chunk: this.chunk, ...checksums } };
    this.volume = await openBase(this.base, devices, create ? made : {});
  }

  any(): View {
    return this.random.pick([this.volume.origin, ...this.volume.snapshots]);
  }

  async write(view: View, chunk = this.random.below(CHUNKS), count = 1): Promise<void> {
    const bytes = Math.min(count, CHUNKS - chunk) * this.chunk;
    await view.write(chunk * this.chunk, this.random.bytes(bytes));
  }

  snapshot(of: View): Promise<View> {
    const name = `snapshot-${this.#names++}`.padEnd(this.random.below(60), "x");
    return this.volume.snapshot(name, { of });
  }

  /** Some of everything. */
  async work(steps: number): Promise<void> {
    const { random, base } = this;
    for (let i = 0; i < steps; i++) {
      const { origin, snapshots } = this.volume;
      if (i % 29 === 7 && snapshots.length < 10) {
        await this.snapshot(base.kind === "range" && random.chance(0.4) ? this.any() : origin);
      } else if (i % 67 === 50) {
        const view = random.pick(snapshots);
        await this.volume.rename(view, `named-${i}`);
      } else if (i % 83 === 80 && snapshots.length > 4) {
        await this.volume.delete(random.pick(snapshots));
        if (random.chance(0.5)) await this.volume.reclaimed();
      } else if (i % 41 === 40) {
        await this.any().trim(random.below(CHUNKS) * this.chunk, 2 * this.chunk);
      } else if (i % 31 === 30 && base.kind === "range") {
        const [view, other] = [this.any(), random.pick(snapshots)];
        const at = random.below(CHUNKS - 2) * this.chunk;
        if (!base.mode.startsWith("att") || (view !== origin && other !== origin)) {
          await view.cloneFrom(other, at, 2 * this.chunk);
        }
      } else await this.write(this.any(), undefined, random.chance(0.8) ? 1 : random.below(9) + 1);
      if (i % 50 === 49) await this.volume.flush();
    }
  }

  as(name: string): Base {
    const { kind, mode } = this.base;
    const full = `${kind}-${mode}${this.#checksums ? "-sums" : ""}-${name}`;
    return { ...this.base, name: full, store: this.store.copy() };
  }
}

async function makeBoth(
  kind: StoreKind,
  mode: OriginMode,
  chunk: number,
  checksums = false,
): Promise<Base[]> {
  const maker = new Maker(kind, mode, chunk, checksums);
  await maker.open(true);
  await maker.work(400);
  await maker.volume.close();
  const closed = maker.as("closed");
  const under = maker.under.copy();
  await maker.open(false);
  await maker.work(180);
  await maker.volume.delete(maker.random.pick(maker.volume.snapshots));
  await maker.volume.flush();
  const crashed = maker.as("crashed");
  const underCrashed = maker.under.copy();
  await maker.volume.close();
  return [
    { ...closed, under },
    { ...crashed, under: underCrashed },
  ];
}

/** A column of more entries than are moved at once. */
async function makeWide(): Promise<Base> {
  const maker = new Maker("range", "inline", 4096);
  await maker.open(true);
  for (let i = 0; i < 340; i++) {
    await maker.write(maker.volume.origin, 5);
    const view = await maker.snapshot(maker.volume.origin);
    if (i % 40 === 0) await maker.write(view, 9);
  }
  await maker.volume.close();
  await maker.open(false);
  await maker.volume.delete(...maker.volume.snapshots.slice(100, 110));
  await maker.volume.reclaimed();
  await maker.write(maker.volume.origin, 5);
  await maker.volume.flush();
  const base = maker.as("wide");
  await maker.volume.close();
  return base;
}

/** A column with entries around others. */
async function makeAround(): Promise<Base> {
  const maker = new Maker("range", "attached", 4096);
  await maker.open(true);
  for (let i = 0; i < 60; i++) await maker.snapshot(maker.volume.origin);
  for (let i = 0; i < 40; i++) {
    await maker.write(maker.random.pick(maker.volume.snapshots), 3);
    await maker.write(maker.random.pick(maker.volume.snapshots), 4);
    if (i % 9 === 8) await maker.write(maker.volume.origin, 3, 2);
    if (i % 9 === 4) await maker.snapshot(maker.random.pick(maker.volume.snapshots));
  }
  await maker.volume.flush();
  const base = { ...maker.as("around"), under: maker.under.copy() };
  await maker.volume.close();
  return base;
}

async function makeCow(kind: StoreKind): Promise<Base> {
  const maker = new Maker(kind, "attached", 4096);
  await maker.open(true);
  for (let i = 0; i < 90; i++) await maker.write(maker.any());
  await maker.volume.close();
  return { ...maker.as("closed"), under: maker.under.copy() };
}
