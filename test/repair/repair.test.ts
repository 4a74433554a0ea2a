/**
 * `check --repair` against damage of one block: what is not named as lost reads as before, what is
 * lost says so, and check finds nothing afterwards. `SEED=7 npx tsx test/repair/repair.test.ts`
 * runs one; `FLIPS=10000` flips so many bits besides, all over.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { RepairReport } from "../../src/stores/store.ts";
import { repairStore } from "../../src/volume/open/repair-store.ts";
import { imageDevice } from "../model/image.ts";
import { Random } from "../model/prng.ts";
import {
  mustAgreeWithReader,
  mustBeAsBefore,
  mustBeAsBeforeOrLost,
  mustBeReadable,
} from "./verify.ts";
import { copyOf, KINDS, MODES, makeWorld, metadataOf, type World } from "./world.ts";

const BLOCK = 4096;
const seeds = process.env.SEED ? [Number(process.env.SEED)] : [1, 2];

function flip({ store }: World, byte: number, bit: number): void {
  const one = new Uint8Array(1);
  store.read(one, 0, 1, byte);
  one[0]! ^= 1 << bit;
  store.write(one, 0, 1, byte);
}

/** What `damage` leaves of a world is repaired; answers whether anything is lost. */
async function repaired(
  world: World,
  what: string,
  random: Random,
  damage: (world: World) => void,
): Promise<RepairReport> {
  const damaged = copyOf(world);
  damaged.name = `${world.name}, ${what}`;
  damage(damaged);
  try {
    const report = await repairStore({ store: imageDevice(damaged.store) });
    const isRecord = what.startsWith("JRNL") && what.endsWith("gone");
    if (isRecord) await mustBeReadable(damaged);
    else if (report.lossCount === 0) await mustBeAsBefore(damaged);
    else await mustBeAsBeforeOrLost(damaged, report.losses);
    if (random.chance(report.lossCount > 0 ? 0.2 : 0.02)) await mustAgreeWithReader(damaged);
    return report;
  } catch (error) {
    throw new Error(`${damaged.name}: ${error}`, { cause: error });
  }
}

for (const kind of KINDS) {
  for (const mode of MODES) {
    test(`${kind}, ${mode}: a flipped bit in any block in use`, async () => {
      for (const seed of seeds) {
        const world = await makeWorld(seed, { kind, mode, crashed: seed % 2 === 0 });
        const random = new Random(seed);
        for (const { at, bytes, what } of metadataOf(world)) {
          const byte = at + random.below(bytes);
          const bit = random.below(8);
          const how = `${what}, bit ${bit} of byte ${byte}`;
          const report = await repaired(world, how, random, (damaged) => flip(damaged, byte, bit));
          assert.is(report.lossCount, 0);
        }
      }
    });

    test(`${kind}, ${mode}: any block in use is gone`, async () => {
      for (const seed of seeds) {
        const world = await makeWorld(seed, { kind, mode, crashed: seed % 2 === 0 });
        const random = new Random(seed);
        for (const { at, what } of metadataOf(world)) {
          const report = await repaired(world, `${what} at ${at} gone`, random, ({ store }) =>
            store.write(new Uint8Array(BLOCK).fill(0x5a), 0, BLOCK, at),
          );
          const mayLose = ["LEAF", "VIEW", "JRNL"].includes(what);
          if (!mayLose) assert.is(report.lossCount, 0, `${world.name}: ${what} at ${at}`);
        }
      }
    });
  }
}

if (process.env.FLIPS) {
  const flips = Number(process.env.FLIPS);
  test(`${flips} flipped bits, each repaired`, async () => {
    const random = new Random(seeds[0]!);
    for (let done = 0; done < flips; ) {
      const [kind, mode] = [random.pick(KINDS), random.pick(MODES)];
      const world = await makeWorld(random.u32(), { kind, mode, crashed: random.chance(0.5) });
      const parts = metadataOf(world);
      for (let i = 0; i < 100 && done < flips; i++, done++) {
        const { at, bytes, what } = random.pick(parts);
        const [byte, bit] = [at + random.below(bytes), random.below(8)];
        const how = `${what}, bit ${bit} of byte ${byte}`;
        const report = await repaired(world, how, random, (damaged) => flip(damaged, byte, bit));
        assert.is(report.lossCount, 0);
      }
    }
  });
}

test.run();
