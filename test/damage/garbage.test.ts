/**
 * Much damage at once: noise over parts of the metadata or all of it, lengths cut off, whole
 * structures gone. Check ends, says that the store is damaged, and takes no more memory than the
 * store's size explains.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MultisnapError } from "../../src/errors.ts";
import { checkStore } from "../../src/volume/open/check-store.ts";
import type { CheckReport } from "../../src/volume/types.ts";
import { BLOCK, crc32c } from "../format/blocks.ts";
import { Random } from "../model/prng.ts";
import { bytesDevice } from "./bytes.ts";
import { type RegionKind, regionsOf } from "./regions.ts";
import { makeWorld, nameOf, WORLDS } from "./world.ts";

const TIMES = Number(process.env.TIMES ?? 20);
const SEED = Number(process.env.SEED ?? 1);

const test = suite("much damage");

async function mustFind(bytes: Uint8Array, what: string): Promise<CheckReport | null> {
  try {
    const report = await checkStore({ store: bytesDevice(bytes) });
    assert.not.ok(report.clean, `not found: ${what}`);
    assert.ok(report.problems.length <= 1001 && report.losses.length <= 1000);
    return report;
  } catch (error) {
    const codes = ["Corrupt", "Invalid", "Unsupported"];
    const isOurs = error instanceof MultisnapError && codes.includes(error.code);
    assert.ok(isOurs, `${what}: ${error instanceof Error ? error.stack : error}`);
    return null;
  }
}

for (const [index, options] of WORLDS.entries()) {
  test(`noise: ${nameOf(options)}`, async () => {
    const { store } = await makeWorld(options);
    const regions = regionsOf(store);
    const random = new Random(SEED * 1000 + index);
    for (let i = 0; i < TIMES; i++) {
      const bytes = store.slice();
      const share = random.pick([0.05, 0.3, 1]);
      const last = regions.filter(({ kind }) => kind === "tree").at(-1);
      for (const region of regions) {
        if (region !== last && !random.chance(share)) continue;
        bytes.set(random.bytes(region.bytes), region.at);
      }
      await mustFind(bytes, `noise over ${share} (SEED=${SEED}, ${i})`);
    }
  });

  test(`fields of any value, sealed again: ${nameOf(options)}`, async () => {
    const { store } = await makeWorld(options);
    const regions = regionsOf(store).filter(({ kind }) => kind !== "record");
    const random = new Random(SEED * 1000 + index);
    for (let i = 0; i < 5 * TIMES; i++) {
      const bytes = store.slice();
      const { kind, at } = random.pick(regions);
      const field = kind === "super" ? 32 + 4 * random.below(42) : 8 + 4 * random.below(120);
      const values = [0, 1, 0x7fffffff, 0xffffffff, random.below(2 ** 32)];
      new DataView(bytes.buffer).setUint32(at + field, random.pick(values), true);
      seal(bytes, kind, at);
      // It may be a value that is as good: what counts is that check ends, and how.
      await checkStore({ store: bytesDevice(bytes) }).catch((error) => {
        const what = `field ${field} of ${kind} at ${at} (SEED=${SEED}, ${i})`;
        assert.ok(error instanceof MultisnapError, `${what}: ${error.stack}`);
        assert.not.equal(error.code, "Internal", what);
      });
    }
  });

  test(`cut off: ${nameOf(options)}`, async () => {
    const { store } = await makeWorld(options);
    const random = new Random(SEED * 1000 + index);
    const used = regionsOf(store).filter(({ number }) => number !== 0);
    const end = Math.max(...used.map(({ at }) => at));
    for (let i = 0; i < TIMES / 4; i++) {
      await mustFind(store.slice(0, random.below(end)), `SEED=${SEED}, ${i}`);
    }
  });

  for (const kind of ["tables", "views", "space"] as const) {
    test(`without ${kind}: ${nameOf(options)}`, async () => {
      const { store } = await makeWorld(options);
      const bytes = store.slice();
      const gone = regionsOf(store).filter((region) => region.kind === kind);
      for (const { at } of gone) bytes.fill(0, at, at + BLOCK);
      const report = await mustFind(bytes, kind);
      assert.equal(
        report?.losses.map(({ views }) => views),
        kind === "views" ? ["snapshots"] : [],
      );
    });
  }

  test(`without inner nodes: ${nameOf(options)}`, async () => {
    const { store } = await makeWorld(options);
    const bytes = store.slice();
    const gone = regionsOf(store).filter(({ kind, level }) => kind === "tree" && level > 0);
    for (const { at } of gone) bytes.fill(0, at, at + BLOCK);
    const report = await mustFind(bytes, "inner nodes");
    assert.is(report?.lossCount, 0, JSON.stringify(report));
  });
}

/** Gives a superblock or a metadata block the checksum of what it has now. */
function seal(bytes: Uint8Array, kind: RegionKind, at: number): void {
  const block = bytes.subarray(at, at + BLOCK);
  const field = kind === "super" ? 12 : 0;
  new DataView(bytes.buffer).setUint32(at + field, 0, true);
  const sum = crc32c(kind === "super" ? block : block.subarray(4));
  new DataView(bytes.buffer).setUint32(at + field, sum, true);
}

test.run();
