/**
 * A crash while a store is made: what is left opens, or is said to be no store; never anything
 * between.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MultisnapError } from "../../src/errors.ts";
import { readAll } from "../model/fixture.ts";
import { Image, imageDevice } from "../model/image.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";
import { Wreck } from "./log.ts";
import { Script } from "./script.ts";
import { devicesOn } from "./world.ts";

const SIZE = 8 * 4096;
const effort = { allUpTo: 6, samples: 20, torn: 5 };

for (const subject of subjects) {
  const test = suite(`crashes while a store is made: ${subject.name}`);
  const { origins, crash } = subject.capabilities;
  // A store that keeps nothing has nothing to be whole.
  for (const mode of crash === "lost" ? [] : origins) {
    test(`${mode}`, async () => {
      const random = new Random(1);
      const image = random.bytes(SIZE);
      const world = { mode, chunk: 4096, size: SIZE, others: [], disk: null, late: null };
      const script = await Script.start(subject, world, image);
      await script.close();
      const wreck = new Wreck(script.log);
      const expected = mode === "inline" ? new Uint8Array(SIZE) : image;
      let opened = 0;
      for (const event of script.log.events.slice(0, script.created)) {
        wreck.advance(event);
        for (const images of wreck.states(random, effort)) {
          try {
            const volume = await subject.open(devicesOn(world, images, imageDevice), {});
            opened++;
            assert.is(Buffer.compare(await readAll(volume.origin), expected), 0);
            assert.is((await volume.check({ data: true })).clean, true);
            await volume.close();
          } catch (error) {
            assert.instance(error, MultisnapError);
            const { code, message } = error as MultisnapError;
            assert.ok(["NotFound", "Invalid", "Corrupt"].includes(code), `${code}: ${message}`);
          }
        }
      }
      assert.ok(opened > 0, "the finished store opens");
      if (mode === "inline") return;
      const under = new Image();
      for (const event of script.log.events) {
        if (event.device !== 1 || event.kind !== "write") continue;
        under.write(event.bytes, 0, event.bytes.length, event.offset);
      }
      assert.is(under.size, 0, "what is under the volume was not written");
    });
  }
  test.run();
}
