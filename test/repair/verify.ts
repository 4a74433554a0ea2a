/** What must hold of a store that was repaired or restored. */
import { MultisnapError } from "../../src/errors.ts";
import type { Loss } from "../../src/stores/store.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import type { View, Volume } from "../../src/volume/types.ts";
import { bytesOf } from "../format/agree.ts";
import { StoreReader } from "../format/reader.ts";
import { firstDifference, same } from "../model/explain.ts";
import { mustBeClean, readAll } from "../model/fixture.ts";
import { devicesOf, type World } from "./world.ts";

/** Every view is there and reads as before; check finds nothing; and so after a close. */
export async function mustBeAsBefore(world: World): Promise<void> {
  for (let i = 0; i < 2; i++) {
    const volume = await openVolume({ ...devicesOf(world), cacheBytes: 2 ** 20 });
    await mustBeClean(volume);
    await mustReadAsBefore(volume, world);
    await volume.close();
  }
}

/**
 * The same but for what is lost: a chunk that is named as lost reads as before, or as older, or
 * answers `Corrupt`; and one that answers `Corrupt` is named. Snapshots can be gone where all of
 * their chunks are lost.
 */
export async function mustBeAsBeforeOrLost(world: World, losses: readonly Loss[]): Promise<void> {
  const volume = await openVolume({ ...devicesOf(world), cacheBytes: 2 ** 20 });
  await mustBeClean(volume);
  const views = new Map([volume.origin, ...volume.snapshots].map((view) => [view.id, view]));
  for (const [id, { name, bytes }] of world.contents) {
    const view = views.get(id);
    const isNamed = (chunk: number) => losses.some((loss) => names(loss, id, chunk));
    for (let at = 0; at < bytes.length; at += world.chunk) {
      const should = bytes.subarray(at, at + world.chunk);
      const what = `${world.name}: chunk ${at / world.chunk} of view ${id} (${name})`;
      const found = view ? await readOrLost(view, at, should.length) : null;
      if (found && same(found, should)) continue;
      if (!isNamed(at / world.chunk)) throw new Error(`${what} ${found ? "differs" : "is lost"}`);
    }
  }
  await volume.close();
}

/** The independent reader finds what the library does, lost chunks among it. */
export async function mustAgreeWithReader(world: World): Promise<void> {
  const reader = new StoreReader(bytesOf(world.store), world.under && bytesOf(world.under));
  const volume = await openVolume({ ...devicesOf(world, true), readOnly: true });
  for (const view of [volume.origin, ...volume.snapshots]) {
    for (let at = 0; at < view.size; at += world.chunk) {
      const length = Math.min(world.chunk, view.size - at);
      const found = await readOrLost(view, at, length);
      const isLost = reader.isLost(view.id, at / world.chunk);
      const agrees = found ? same(found, reader.read(view.id, at, length)) : isLost;
      if (!agrees) throw new Error(`${world.name}: the reader differs at ${at} of ${view.id}`);
    }
  }
  await volume.close();
}

/** After a record is lost: views are as of some time before, nobody knows of which. */
export async function mustBeReadable(world: World): Promise<void> {
  const volume = await openVolume({ ...devicesOf(world), cacheBytes: 2 ** 20 });
  await mustBeClean(volume);
  for (const view of [volume.origin, ...volume.snapshots]) {
    for (let at = 0; at < view.size; at += world.chunk) {
      await readOrLost(view, at, Math.min(world.chunk, view.size - at));
    }
  }
  await volume.close();
}

function names({ views, chunk, count }: Loss, id: number, at: number): boolean {
  if (at < chunk || at >= chunk + count) return false;
  if (views === "all") return true;
  return views === "snapshots" ? id !== 1 : views.some((view) => view.id === id);
}

/** Null: `Corrupt`. */
async function readOrLost(view: View, at: number, length: number): Promise<Uint8Array | null> {
  const bytes = new Uint8Array(length);
  try {
    await view.read(at, bytes);
    return bytes;
  } catch (error) {
    if (error instanceof MultisnapError && error.code === "Corrupt") return null;
    throw error;
  }
}

export async function mustReadAsBefore(volume: Volume, world: World): Promise<void> {
  const views = [volume.origin, ...volume.snapshots];
  const ids = views.map(({ id }) => id).sort();
  const expected = [...world.contents.keys()].sort();
  if (ids.join() !== expected.join()) {
    throw new Error(`${world.name}: views ${ids} are there, not ${expected}`);
  }
  for (const view of views) {
    const should = world.contents.get(view.id)!;
    if (view.name !== should.name) throw new Error(`${world.name}: ${view.id} is ${view.name}`);
    const found = await readAll(view);
    if (same(found, should.bytes)) continue;
    const at = firstDifference(found, should.bytes);
    throw new Error(`${world.name}: view ${view.id} (${view.name}) differs at byte ${at}`);
  }
}
