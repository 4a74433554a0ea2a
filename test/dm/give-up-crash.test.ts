/**
 * Snapshots that are given up: whenever the power goes, the next open shows none that is wrong.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openVolume } from "../../src/volume/open/open.ts";
import { type Fixture, mustHold } from "../model/fixture.ts";
import { Image, imageDevice } from "../model/image.ts";
import { Random } from "../model/prng.ts";
import { Failing } from "../model/watched.ts";
import { CHUNK, CHUNKS, kinds, make } from "./giving.ts";

const order = suite("what a crash finds");

/** Copies of both images, as far as they are durable, at each write to the origin. */
interface Moment {
  store: Image;
  under: Image;
}

for (const kind of kinds) {
  for (const [trouble, how] of [
    ["full", { storeSize: 3 * 2 ** 20 }],
    ["broken", {}],
  ] as const) {
    order(`${kind}, ${trouble}: at no write to the origin is a snapshot shown wrong`, async () => {
      const random = new Random(8);
      const failing = new Failing();
      const moments: Moment[] = [];
      let durable = new Image();
      let fixture: Fixture | null = null;
      const made = await make(kind, {
        ...how,
        wrap: (device, role) => {
          const { write, flush } = device;
          if (role === "under") {
            const recorded: typeof write = (...transfer) => {
              write(...transfer);
              if (fixture) moments.push({ store: durable, under: fixture.under.copy() });
            };
            return { ...device, write: recorded };
          }
          const flushed = () => {
            flush();
            if (fixture) durable = fixture.store.copy();
          };
          return failing.device({ ...device, flush: flushed });
        },
      });
      fixture = made;
      const { volume } = fixture;
      for (const name of ["a", "b"]) {
        await fixture.snapshot(name);
        await fixture.write(volume.origin, 0, random.bytes(5 * CHUNK));
      }
      moments.length = 0;
      if (trouble === "broken") failing.fail("write", 40, 1);
      for (let at = 0; at < CHUNKS && moments.length < 150; at += 7) {
        const where = random.below(CHUNKS - 8) * CHUNK;
        await fixture.write(volume.origin, where, random.bytes(7 * CHUNK));
      }
      assert.ok(volume.status().givenUp);
      let shown = 0;
      for (const moment of moments) {
        const found = await openVolume({
          store: imageDevice(moment.store.copy()),
          origin: imageDevice(moment.under, { fixed: true }),
          cacheBytes: 2 ** 20,
        });
        for (const view of found.snapshots) {
          shown++;
          await mustHold(view, 0, fixture.model.read(view.id, 0, CHUNKS * CHUNK));
        }
        await found.close();
      }
      assert.ok(shown > 0 && shown < 2 * moments.length, `${shown} of ${moments.length} times 2`);
      await volume.close();
    });
  }
}
order.run();
