/**
 * Every sequence of five steps over two chunks and three snapshots, compared with the model after
 * each step.
 */
import { suite } from "uvu";
import { seededEnv } from "../../src/env.ts";
import { Image, imageDevice } from "./image.ts";
import { Model, type OriginMode } from "./model.ts";
import { subjects } from "./openers.ts";
import { SmallWorld } from "./small.ts";
import { CHUNKS, sequences } from "./small-world.ts";
import type { Opener } from "./subjects.ts";

const LENGTH = Number(process.env.LENGTH ?? 5);
const CHUNK = 4096;
/** Sequences that one volume serves before a new one takes over. */
const PER_VOLUME = 2000;

async function smallWorld(open: Opener, mode: OriginMode): Promise<SmallWorld> {
  const size = CHUNKS * CHUNK;
  const store = imageDevice(new Image());
  const under = imageDevice(new Image(size), { fixed: true, readOnly: mode === "base" });
  const devices =
    mode === "attached"
      ? { store, origin: under }
      : mode === "base"
        ? { store, base: under }
        : { store };
  const create = { size, chunk: CHUNK };
  const volume = await open(devices, { create, cacheBytes: 2 ** 20, env: seededEnv(1) });
  return new SmallWorld(volume, new Model(volume.origin.id, size, CHUNK, mode));
}

for (const subject of subjects) {
  const test = suite(`small worlds: ${subject.name}`);
  for (const mode of ["inline", "attached"] as const) {
    test(`every sequence of ${LENGTH} steps, ${mode}`, async () => {
      let world = await smallWorld(subject.open, mode);
      let count = 0;
      for (const sequence of sequences(LENGTH)) {
        if (++count % PER_VOLUME === 0) {
          await world.volume.close();
          world = await smallWorld(subject.open, mode);
        }
        await world.run(sequence);
      }
      await world.volume.close();
    });
  }
  test.run();
}
