/**
 * Every sequence of five steps over two chunks and three snapshots, compared with the model after
 * each step; of four steps where each sequence needs a volume of its own, and over a base.
 */
import { suite } from "uvu";
import { seededEnv } from "../../src/env.ts";
import { Image, imageDevice } from "./image.ts";
import { Model, type OriginMode } from "./model.ts";
import { subjects } from "./openers.ts";
import { SmallWorld } from "./small.ts";
import { CHUNKS, rollbackAlphabet, sequences } from "./small-world.ts";
import { begin, keepsWhatWas, rollsBack, type Subject } from "./subjects.ts";

const LENGTH = Number(process.env.LENGTH ?? 5);
const CHUNK = 4096;
/** Sequences that one volume serves before a new one takes over. */
const PER_VOLUME = 2000;

async function smallWorld({ open, capabilities }: Subject, mode: OriginMode): Promise<SmallWorld> {
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
  const model = new Model(volume.origin.id, size, CHUNK, mode);
  begin(model, capabilities);
  return new SmallWorld(volume, model, capabilities);
}

for (const subject of subjects) {
  const test = suite(`small worlds: ${subject.name}`);
  const { capabilities } = subject;
  const perVolume = capabilities.fixed ? 1 : PER_VOLUME;
  for (const mode of capabilities.origins) {
    const length = capabilities.fixed || mode === "base" ? LENGTH - 1 : LENGTH;
    test(`every sequence of ${length} steps, ${mode}`, async () => {
      let world = await smallWorld(subject, mode);
      let count = 0;
      for (const sequence of sequences(length, capabilities)) {
        if (++count % perVolume === 0) {
          await world.volume.close();
          world = await smallWorld(subject, mode);
        }
        await world.run(sequence);
      }
      await world.volume.close();
    });
  }
  for (const mode of capabilities.origins) {
    const isOrigins = rollsBack(capabilities, mode, true);
    const wanted = rollbackAlphabet.filter(
      (step) =>
        step.do !== "rollback" ||
        (rollsBack(capabilities, mode, step.of === "origin") &&
          (!step.keep || keepsWhatWas(capabilities, step.of === "origin"))),
    );
    if (!wanted.some((step) => step.do === "rollback")) continue;
    const length = isOrigins && mode === "inline" ? LENGTH : LENGTH - 1;
    test(`every sequence of ${length} steps with rollbacks, ${mode}`, async () => {
      let world = await smallWorld(subject, mode);
      let count = 0;
      for (const sequence of sequences(length, capabilities, wanted)) {
        if (!sequence.some((step) => step.do === "rollback")) continue;
        if (++count % perVolume === 0) {
          await world.volume.close();
          world = await smallWorld(subject, mode);
        }
        await world.run(sequence);
      }
      await world.volume.close();
    });
  }
  test.run();
}
