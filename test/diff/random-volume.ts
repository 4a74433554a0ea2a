/**
 * Small volumes with a random past, for what compares views or carries them elsewhere: each view's
 * bytes are known.
 */
import * as assert from "uvu/assert";
import { seededEnv } from "../../src/env.ts";
import { type Device, memoryDevice, openVolume } from "../../src/library.ts";
import type { StoreKind, View, Volume } from "../../src/volume/types.ts";
import type { OriginMode } from "../model/model.ts";
import type { Random } from "../model/prng.ts";

export interface Past {
  kind: StoreKind;
  mode: OriginMode;
  chunk: number;
  /** Bytes. */
  size: number;
  env?: number;
}

/** An empty volume; what lies under its store is random. */
export async function newVolume(past: Past, random: Random, store = memoryDevice()) {
  const { kind, mode, chunk, size } = past;
  const under = mode === "inline" ? null : await randomDevice(size, random);
  const beside: { origin?: Device; base?: Device } = {};
  if (under && mode === "attached") beside.origin = under;
  if (under && mode === "base") beside.base = under;
  const env = seededEnv(past.env ?? random.u32());
  const create = { size, chunk, kind };
  const volume = await openVolume({ store, ...beside, create, env, cacheBytes: 2 ** 20 });
  return { volume, store, ...beside };
}

async function randomDevice(size: number, random: Random): Promise<Device> {
  const device = memoryDevice();
  await device.resize(size);
  await device.write(random.bytes(size), 0, size, 0);
  return device;
}

/** Writes, trims, zeros, snapshots, rollbacks, new sizes and rights, `steps` of them. */
export async function live(volume: Volume, random: Random, steps: number): Promise<void> {
  for (let step = 0; step < steps; step++) await liveOnce(volume, random);
}

async function liveOnce(volume: Volume, random: Random): Promise<void> {
  const { origin } = volume;
  const snapshots = volume.snapshots.filter(({ readOnly }) => !readOnly);
  const ofSnapshots = volume.status().kind === "range";
  const view = random.chance(0.6) ? origin : random.pick([origin, ...snapshots]);
  if (random.chance(0.2) && volume.snapshots.length < 12) {
    const of = ofSnapshots ? view : origin;
    await of.snapshot(`s${random.u32()}`);
    return;
  }
  if (random.chance(0.05) && snapshots.length > 2) {
    await volume.delete(random.pick(snapshots));
    return;
  }
  if (random.chance(0.07) && volume.snapshots.length > 0) return rollBackOnce(volume, view, random);
  if (random.chance(0.04) && volume.snapshots.length > 0) {
    const { name, readOnly } = random.pick(volume.snapshots);
    return volume.set(name!, { readOnly: !readOnly });
  }
  if (random.chance(0.04)) {
    const size = 4096 * random.between(4, 30) + 512 * random.between(0, 7);
    return volume.resize(size, { shrink: true });
  }
  await changeOnce(view, volume.chunk, random);
}

async function rollBackOnce(volume: Volume, of: View, random: Random): Promise<void> {
  const to = random.pick([volume.origin, ...volume.snapshots].filter(({ id }) => id !== of.id));
  const mayKeep = of.name === null || volume.status().kind === "range";
  const keeps = mayKeep && volume.snapshots.length < 12 && random.chance(0.4);
  const before = await bytesOf(of);
  const bytes = await bytesOf(to);
  const keepAs = `k${random.u32()}`;
  await volume.rollback(to, { of, ...(keeps && { keepAs }) });
  assert.equal(await bytesOf(of), bytes);
  assert.equal(await bytesOf(to), bytes);
  if (keeps) assert.equal(await bytesOf(volume.get(keepAs)), before);
}

/** A write, a trim, or zeros: of a chunk and a bit, mostly. */
export async function changeOnce(view: View, chunk: number, random: Random): Promise<void> {
  const whole = random.chance(0.5);
  const at = whole ? chunk * random.below(view.size / chunk) : random.below(view.size - 1);
  const length = Math.min(
    view.size - at,
    whole ? chunk * random.between(1, 3) : random.between(1, chunk),
  );
  const how = random.weighted({ write: 6, same: 1, trim: 1, zero: 1 });
  if (how === "write") await view.write(at, random.bytes(length));
  else if (how === "trim") await view.trim(at, length);
  else if (how === "zero") await view.writeZeroes(at, length);
  else await view.write(at, await bytesOf(view, at, length));
}

export async function bytesOf(view: View, at = 0, length = view.size): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  await view.read(at, bytes);
  return bytes;
}
