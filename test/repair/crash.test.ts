/** A power cut at any moment of a repair: the next one brings back the same. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { repairStore } from "../../src/volume/open/repair-store.ts";
import { CrashLog, Wreck } from "../crash/log.ts";
import type { Effort } from "../crash/tear.ts";
import { imageDevice } from "../model/image.ts";
import { Random } from "../model/prng.ts";
import { mustBeAsBefore, mustBeAsBeforeOrLost } from "./verify.ts";
import { copyOf, KINDS, makeWorld, metadataOf, type World } from "./world.ts";

const BLOCK = 4096;
const effort: Effort = { allUpTo: 2, samples: 2, torn: 1 };

/** Every state that a cut in the repair of `damaged` can leave is repaired again. */
async function cutAnywhere(damaged: World, random: Random): Promise<number> {
  const log = new CrashLog();
  const image = damaged.store.copy();
  const report = await repairStore({ store: log.device(image) });
  const wreck = new Wreck(log);
  let states = 0;
  for (const event of log.events) {
    wreck.advance(event);
    if (event.kind === "flush") continue;
    for (const [left] of wreck.states(random, effort, true)) {
      const world = { ...damaged, store: left!, name: `${damaged.name}, state ${states}` };
      const again = await repairStore({ store: imageDevice(left!) });
      const isDone = again.repaired.length === 0;
      if (!isDone) assert.equal(again.losses, report.losses, world.name);
      if (report.lossCount === 0) await mustBeAsBefore(world);
      else await mustBeAsBeforeOrLost(world, report.losses);
      states++;
    }
  }
  return states;
}

for (const kind of KINDS) {
  for (const crashed of [false, true]) {
    test(`${kind}${crashed ? ", with a journal" : ""}: cut off and begun again`, async () => {
      for (const what of ["MULT", "LEAF", "TABL"]) {
        const world = await makeWorld(31, { kind, mode: "inline", crashed, chunks: 12, steps: 80 });
        const random = new Random(31);
        const parts = metadataOf(world).filter((part) => part.what === what);
        const { at } = random.pick(parts);
        const damaged = copyOf(world);
        damaged.name = `${world.name}, ${what} at ${at} gone`;
        damaged.store.write(new Uint8Array(BLOCK).fill(0x33), 0, BLOCK, at);
        await cutAnywhere(damaged, random);
      }
    });
  }
}

test("a store without damage is left as it is, byte for byte", async () => {
  for (const kind of KINDS) {
    const world = await makeWorld(32, { kind, mode: "inline" });
    const log = new CrashLog();
    const report = await repairStore({ store: log.device(world.store) });
    assert.equal(report.repaired, []);
    assert.is(log.now, 0);
  }
});

test.run();
