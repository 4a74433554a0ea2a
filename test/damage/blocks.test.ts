/**
 * Blocks of the metadata that change places, are overwritten with zeros or noise, or come back as
 * they were before: check finds each, and blocks that only changed places lose nothing. What it
 * does not find is harmless: every view reads as it should. `TIMES` of each, `SEED` which ones.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MultisnapError } from "../../src/errors.ts";
import { checkStore } from "../../src/volume/open/check-store.ts";
import type { CheckReport } from "../../src/volume/types.ts";
import { BLOCK, StoreBlocks } from "../format/blocks.ts";
import { mustHold } from "../model/fixture.ts";
import { Random } from "../model/prng.ts";
import { bytesDevice } from "./bytes.ts";
import { type Region, regionsOf } from "./regions.ts";
import { type DamageWorld, makeWorld, nameOf, openWorld, WORLDS } from "./world.ts";

const TIMES = Number(process.env.TIMES ?? 60);
const SEED = Number(process.env.SEED ?? 1);

const test = suite("damaged blocks");

function isMetadata({ number }: Region): boolean {
  return number !== 0;
}

/** A copy of the store with one block as `change` leaves it. */
function changed(store: Uint8Array, at: number, change: (block: Uint8Array) => void): Uint8Array {
  const bytes = store.slice();
  change(bytes.subarray(at, at + BLOCK));
  return bytes;
}

function swapped(store: Uint8Array, one: number, other: number): Uint8Array {
  const bytes = store.slice();
  bytes.copyWithin(one, other, other + BLOCK);
  bytes.set(store.subarray(one, one + BLOCK), other);
  return bytes;
}

function checked(bytes: Uint8Array): Promise<CheckReport> {
  return checkStore({ store: bytesDevice(bytes) }).catch((error) => {
    assert.is(error.code, "Corrupt", error.stack);
    const problems = [{ where: "superblock", message: error.message }];
    return { ...NOTHING, problems };
  });
}

const NOTHING: CheckReport = {
  clean: false,
  problems: [],
  notes: [],
  losses: [],
  lossCount: 0,
  blocks: 0,
  exceptions: 0,
  chunks: 0,
};

/** A store that is clean reads as if nothing had happened. */
async function mustBeHarmless(world: DamageWorld, bytes: Uint8Array, what: string): Promise<void> {
  const volume = await openWorld(world, bytes);
  const views = [volume.origin, ...volume.snapshots];
  assert.is(views.length, world.model.views.size, `not found, and views are missing: ${what}`);
  for (const view of views) {
    await mustHold(view, 0, world.model.read(view.id, 0, view.size)).catch((error) => {
      if (error instanceof MultisnapError) throw error;
      throw new Error(`not found: ${what}: ${error.message}`);
    });
  }
  await volume.close();
}

function mustBeCorrupt(error: unknown): void {
  if (!(error instanceof MultisnapError) || error.code !== "Corrupt") throw error;
}

/**
 * What was written last: the last record, or without one the superblock. As it was before, it
 * leaves what a power cut at that moment leaves.
 */
function lastOf(store: Uint8Array, regions: readonly Region[]): (region: Region) => boolean {
  const newest = new StoreBlocks(store).longField(48) % 2;
  const records = regions.filter(({ kind }) => kind === "record");
  const last = records.at(-1) ?? regions.find(({ at }) => at === newest * BLOCK);
  return (region) => region === last;
}

function describe({ kind, at, level }: Region): string {
  return `${kind} at ${at}, level ${level} (SEED=${SEED})`;
}

for (const [index, options] of WORLDS.entries()) {
  const name = nameOf(options);
  const times = Math.ceil((2 * TIMES) / 3);

  test(`in each other's places: ${name}`, async () => {
    const { store } = await makeWorld(options);
    const regions = regionsOf(store);
    const random = new Random(SEED * 1000 + index);
    for (let i = 0; i < TIMES; i++) {
      const one = random.pick(regions);
      const other = random.pick(regions.filter((region) => region !== one));
      const report = await checked(swapped(store, one.at, other.at));
      const what = `${describe(one)} and ${describe(other)}`;
      assert.not.ok(report.clean, `not found: ${what}`);
      if (!isMetadata(one) || !isMetadata(other)) continue;
      assert.is(report.lossCount, 0, `${what}: ${JSON.stringify(report, null, 1)}`);
    }
  });

  test(`zeros and noise: ${name}`, async () => {
    const { store } = await makeWorld(options);
    const regions = regionsOf(store);
    const random = new Random(SEED * 1000 + index);
    const isLast = lastOf(store, regions);
    for (let i = 0; i < times; i++) {
      const region = random.pick(regions.filter((one) => one.kind === "super" || !isLast(one)));
      const noise = random.bytes(BLOCK);
      const bytes = changed(store, region.at, (block) => block.set(i % 2 ? noise : ZEROS));
      assert.not.ok((await checked(bytes)).clean, `not found: ${i % 2} ${describe(region)}`);
    }
  });

  test(`old versions: ${name}`, async () => {
    const world = await makeWorld(options);
    const { store, past } = world;
    const tried = new Set<string>();
    let found = 0;
    const regions = regionsOf(store);
    const isLast = lastOf(store, regions);
    for (const region of regions) {
      for (const before of past) {
        const old = before.slice(region.at, region.at + BLOCK);
        const text = `${region.at} ${Buffer.from(old).toString("latin1")}`;
        const now = store.subarray(region.at, region.at + BLOCK);
        const isOld = old.length === BLOCK && Buffer.compare(old, now) !== 0;
        if (!isOld || tried.has(text) || tried.size >= 4 * TIMES) continue;
        tried.add(text);
        const bytes = changed(store, region.at, (block) => block.set(old));
        const report = await checked(bytes);
        if (!report.clean) found++;
        // An old node that loses nothing changes nothing that anybody can read.
        if (region.kind === "tree" && report.lossCount === 0) {
          await mustBeHarmless(world, bytes, describe(region)).catch(mustBeCorrupt);
        }
        const isExcused = isLast(region) || !report.clean;
        if (!isExcused) await mustBeHarmless(world, bytes, describe(region));
      }
    }
    assert.ok(found > 0, "the store has a past");
  });
}

const ZEROS = new Uint8Array(BLOCK);

test.run();
