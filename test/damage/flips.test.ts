/**
 * Random single bits of the metadata flipped, one at a time: check finds each, says that nothing is
 * lost, and finds nothing else to say of the store; a bit of padding makes no difference to
 * anything. `FLIPS` says how many (10,000 where nothing is said), `SEED` which ones.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkStore } from "../../src/volume/open/check-store.ts";
import { BLOCK } from "../format/blocks.ts";
import { Random } from "../model/prng.ts";
import { bytesDevice } from "./bytes.ts";
import { type Region, regionsOf } from "./regions.ts";
import { makeWorld, nameOf, WORLDS } from "./world.ts";

const FLIPS = Number(process.env.FLIPS ?? 10_000);
const SEED = Number(process.env.SEED ?? 1);

const test = suite("flipped bits");

for (const [index, options] of WORLDS.entries()) {
  test(nameOf(options), async () => {
    const world = await makeWorld(options);
    const bytes = world.store.slice();
    const store = bytesDevice(bytes);
    const { clean, problems } = await checkStore({ store });
    assert.ok(clean, JSON.stringify(problems));
    const regions = regionsOf(bytes);
    const random = new Random(SEED * 1000 + index);
    for (let i = 0; i < FLIPS / WORLDS.length; i++) {
      // As many of each structure, however many blocks it has.
      const kind = random.pick([...new Set(regions.map((region) => region.kind))]);
      const region = random.pick(regions.filter((one) => one.kind === kind));
      const at = region.at + random.below(region.bytes);
      const bit = 1 << random.below(8);
      bytes[at] = (bytes[at] as number) ^ bit;
      const report = await checkStore({ store });
      bytes[at] = (bytes[at] as number) ^ bit;
      const what = `bit ${bit} of byte ${at - region.at} of ${describe(region)} (SEED=${SEED})`;
      assert.not.ok(report.clean, `not found: ${what}`);
      assert.is(report.problems.length, 1, `${what}: ${JSON.stringify(report.problems)}`);
      assert.is(report.lossCount, 0, `${what}: ${JSON.stringify(report.losses)}`);
    }
  });

  test(`padding: ${nameOf(options)}`, async () => {
    const world = await makeWorld(options);
    const bytes = world.store.slice();
    const store = bytesDevice(bytes);
    const before = await checkStore({ store });
    for (const at of unused(bytes)) {
      bytes[at] = (bytes[at] as number) ^ 0x10;
      const report = await checkStore({ store });
      assert.equal(report, before, `byte ${at} is used`);
      bytes[at] = (bytes[at] as number) ^ 0x10;
    }
  });
}

function describe({ kind, at, level }: Region): string {
  return `${kind} at ${at}${kind === "tree" ? `, level ${level}` : ""}`;
}

/** A byte behind each record, in its last block. */
function unused(bytes: Uint8Array): number[] {
  const records = regionsOf(bytes).filter(({ kind }) => kind === "record");
  const ends = records.map(({ at, bytes: length }) => at + length);
  return ends.filter((end) => end % BLOCK !== 0);
}

test.run();
