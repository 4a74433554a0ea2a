/**
 * Power cuts around the moment when a store gives its free end back: what either superblock or a
 * record names is never cut off.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";
import { crashEverywhere, type Depth } from "./crashes.ts";
import { Script } from "./script.ts";

/** Large enough that eight of them are worth the while. */
const CHUNK = 128 * 1024;
const CHUNKS = 12;
const depth: Depth = {
  effort: { allUpTo: 1, samples: 1, torn: 0 },
  life: 0,
  again: 0.02,
  pointsMax: 12,
};

for (const subject of subjects.filter(({ capabilities }) => !capabilities.fixed)) {
  const test = suite(`crashes around a cut: ${subject.name}`);

  for (const mode of ["inline", "attached"] as const) {
    test(`${mode}: what was deleted at the end, and what is written there afterwards`, async () => {
      const random = new Random(mode === "inline" ? 1 : 2);
      const size = CHUNK * CHUNKS;
      const world = { mode, chunk: CHUNK, size, others: [], disk: null, late: null };
      const script = await Script.start(subject, world, random.bytes(size));
      const { origin } = script.model;
      const writeAll = async (id: number) => {
        for (let at = 0; at < size; at += CHUNK) await script.write(id, at, random.bytes(CHUNK));
      };
      await writeAll(origin);
      for (let round = 0; round < 2; round++) {
        const made = [await script.snapshot(origin), await script.snapshot(origin)];
        if (mode === "attached") await writeAll(origin);
        else for (const id of made) await writeAll(id);
        await script.flush();
        await script.delete(...made);
        await script.reclaimed();
        await script.write(origin, CHUNK * random.below(CHUNKS), random.bytes(CHUNK));
        await script.flush();
      }
      await script.close();
      const cuts = script.log.events.filter((event) => event.kind === "resize");
      assert.ok(cuts.length >= 2, `${cuts.length} cuts`);
      await crashEverywhere(script, random, depth);
    });
  }

  test.run();
}
