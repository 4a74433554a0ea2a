/** Looks into stores with checksums: where chunks lie and which places have one; flips bits. */
import { RUN_SHARED } from "../../src/engine/status.ts";
import { Superblock } from "../../src/stores/tree/layout.ts";
import type { TreeStore } from "../../src/stores/tree/tree-store.ts";
import { run } from "../../src/task.ts";
import type { View, Volume } from "../../src/volume/types.ts";
import type { DiskVolume } from "../../src/volume/volume.ts";
import type { Image } from "../model/image.ts";

export function storeOf(volume: Volume): TreeStore {
  return (volume as DiskVolume).core.store as TreeStore;
}

/** Place of a view's chunk; -1: it is not in the store. */
export async function placeOf(volume: Volume, view: View, chunk: number): Promise<number> {
  const store = storeOf(volume);
  for (;;) {
    const runs = store.lookup(view.id, chunk, 1, false);
    if (runs > 0) return store.runKind(0) >= RUN_SHARED ? store.runPlace(0) : -1;
    await run(store.serve(runs, null));
  }
}

export async function hasSum(volume: Volume, place: number): Promise<boolean> {
  const store = storeOf(volume);
  for (;;) {
    const alike = store.sums?.run(place, 1) ?? 0;
    if (alike >= 0) return (alike & 1) === 1;
    await run(store.serve(alike, null));
  }
}

/** Chunks of a view whose places have checksums. */
export async function summedChunks(volume: Volume, view: View): Promise<number[]> {
  const found: number[] = [];
  for (let chunk = 0; chunk * volume.chunk < view.size; chunk++) {
    const place = await placeOf(volume, view, chunk);
    if (place >= 0 && (await hasSum(volume, place))) found.push(chunk);
  }
  return found;
}

/** Flips one bit of a store; flipped again it is as before. */
export function flip(image: Image, byte: number, bit: number): void {
  const bytes = new Uint8Array(1);
  image.read(bytes, 0, 1, byte);
  bytes[0] = (bytes[0] as number) ^ (1 << bit);
  image.write(bytes, 0, 1, byte);
}

/** Blocks of the sum map. */
export function sumBlocks({ engine }: TreeStore): number {
  const groups = new Superblock(engine, engine.at.super).u32("SUPER_SUM_GROUPS");
  const blocks = Array.from({ length: groups }, (_, group) => engine.x.sumBlock(group));
  return blocks.filter((block) => block !== 0).length;
}
