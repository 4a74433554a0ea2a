/** What snapshots cost and what deleting them frees: as counted, and as it turns out. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { StoreKind } from "../../src/library.ts";
import { run } from "../../src/task.ts";
import { ORIGIN } from "../../src/volume/core.ts";
import { runsOf } from "../../src/volume/requests/runs.ts";
import type { Volume } from "../../src/volume/types.ts";
import type { DiskVolume } from "../../src/volume/volume.ts";
import type { OriginMode } from "../model/model.ts";
import { Random } from "../model/prng.ts";
import { live, newVolume } from "./random-volume.ts";

const SEEDS = Number(process.env.SEEDS ?? 12);
const FIRST = Number(process.env.SEED ?? 1);
const RUN_SHARED = 3;
const test = suite("accounting");

/** Places that a view has, chunk by chunk; what it was left past its end, too. */
async function placesOf(volume: Volume, id: number): Promise<Map<number, number>> {
  const { core } = volume as DiskVolume;
  const sizes = core.store.views().map(({ size }) => size);
  const end = Math.ceil(Math.max(...sizes) / core.chunk);
  const found = new Map<number, number>();
  for (let at = 0; at < end; ) {
    for (const { kind, count, place } of await run(runsOf(core, id, at, end))) {
      for (let i = 0; i < count && kind >= RUN_SHARED; i++) found.set(at + i, place + i);
      at += count;
    }
  }
  return found;
}

for (const kind of ["range", "bitmap"] as StoreKind[]) {
  for (const mode of ["inline", "attached"] as OriginMode[]) {
    test(`${kind}, ${mode}: any set of snapshots frees what was said`, async () => {
      for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
        await oneSet(kind, mode, seed).catch((error) => {
          throw new Error(`SEED=${seed} SEEDS=1: ${error.stack}`);
        });
      }
    });
  }
}

test("data, metadata, what is fixed and what is free are all of the store", async () => {
  const random = new Random(5);
  for (const chunk of [4096, 8192, 16384, 2 ** 20]) {
    const past = { kind: "range", mode: "inline", chunk, size: 16 * chunk } as const;
    const { volume } = await newVolume(past, random);
    await live(volume, random, 30);
    for (const { name } of volume.snapshots.slice(1)) await volume.delete(name!);
    await volume.reclaimed();
    await volume.flush();
    const { dataBytes, metadataBytes, fixedBytes, freeBytes, storeBytes } = volume.usage();
    assert.is(dataBytes + metadataBytes + fixedBytes + freeBytes, storeBytes, `chunk ${chunk}`);
    await volume.close();
  }
});

async function oneSet(kind: StoreKind, mode: OriginMode, seed: number): Promise<void> {
  const random = new Random(seed);
  const size = 4096 * random.between(4, 24);
  const { volume } = await newVolume({ kind, mode, chunk: 4096, size }, random);
  await live(volume, random, 70);
  await volume.reclaimed();
  const doomed = volume.snapshots.filter(() => random.chance(0.5));
  const said = await volume.accounting({ without: doomed });
  assert.is(said.reclaimable, 0);
  assert.is(said.data, volume.usage().dataBytes);
  await checkWritten(volume, mode);
  const usages = await volume.snapshotUsage();
  assert.equal(said.snapshots, usages);
  await volume.delete(...doomed);
  await volume.reclaimed();
  assert.is(said.data - volume.usage().dataBytes, said.wouldFree);
  assert.is((await volume.accounting()).wouldFree, 0);
  await volume.close();
}

/** What it sees and the view before it in the timeline does not. */
async function checkWritten(volume: Volume, mode: OriginMode): Promise<void> {
  const timeline = (volume as DiskVolume).core.store.views();
  const usages = new Map((await volume.snapshotUsage()).map((usage) => [usage.id, usage]));
  let before = new Map<number, number>();
  for (const { id, name } of timeline) {
    if (id === ORIGIN && mode === "attached") continue;
    const places = await placesOf(volume, id);
    const written = [...places].filter(([chunk, place]) => before.get(chunk) !== place).length;
    if (id !== ORIGIN) assert.is(usages.get(id)!.written, written * 4096, `${name}`);
    if (id !== ORIGIN) {
      const { exclusive, shared } = usages.get(id)!;
      assert.is(exclusive + shared, places.size * 4096);
    }
    before = places;
  }
}

test.run();
