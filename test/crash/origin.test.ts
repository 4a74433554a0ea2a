/**
 * What is durable before a chunk of an attached origin is overwritten (I5): a write or a delete of
 * a snapshot, because of which nothing was copied. The power is cut behind the origin's write.
 */
import { suite } from "uvu";
import { COMMIT } from "../../src/engine/status.ts";
import { seededEnv } from "../../src/env.ts";
import type { View, Volume } from "../../src/volume/types.ts";
import type { DiskVolume } from "../../src/volume/volume.ts";
import { firstUnexplained } from "../model/explain.ts";
import { Fixture, mustBeClean, readAll } from "../model/fixture.ts";
import { type Image, imageDevice } from "../model/image.ts";
import { lateDevice } from "../model/late.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";

const CHUNK = 4096;

// Stores with a timeline: the others have one area that names everything.
for (const subject of subjects.filter(({ capabilities }) => !capabilities.fixed)) {
  const test = suite(`before the origin is overwritten: ${subject.name}`);

  function open(images: { store: Image; origin: Image }): Promise<Volume> {
    const devices = {
      store: imageDevice(images.store),
      origin: imageDevice(images.origin, { fixed: true }),
    };
    return subject.open(devices, { env: seededEnv(2), cacheBytes: 2 ** 20 });
  }

  /** After a crash at this moment `view` reads what it was, with or without its change. */
  async function crash(fixture: Fixture, view: View, change: Uint8Array): Promise<void> {
    const volume = await open({ store: fixture.store.copy(), origin: fixture.under.copy() });
    await mustBeClean(volume);
    const found = await readAll(volume.get(view.name as string));
    const before = fixture.model.read(view.id, 0, view.size);
    const patches = [{ view: view.id, offset: 0, bytes: change }];
    const at = firstUnexplained(before, patches, found, 0, "some");
    if (at >= 0) throw new Error(`the snapshot at byte ${at}: not what may be there`);
    await volume.close();
  }

  for (const what of ["write", "trim"] as const) {
    test(`a ${what} of a snapshot that a flush overtakes`, async () => {
      const random = new Random(5);
      const fixture = await Fixture.make(subject.open, {
        mode: "attached",
        size: 2 * CHUNK,
        wrap: (device) => lateDevice(device, random.fork()),
      });
      const { volume } = fixture;
      const view = await fixture.snapshot("s");
      const { store } = (volume as DiskVolume).core;
      const map = store.map.bind(store);
      let flushed: Promise<boolean> | null = null;
      let over = false;
      store.map = (...step) => {
        flushed ??= volume.flush().then(() => (over = true));
        store.touched();
        return over ? map(...step) : COMMIT;
      };
      const change = what === "write" ? random.bytes(CHUNK) : new Uint8Array(CHUNK);
      await (what === "write" ? view.write(0, change) : view.trim(0, CHUNK));
      await flushed;
      await volume.origin.write(0, random.bytes(CHUNK));
      await crash(fixture, view, change);
      await volume.close();
    });
  }

  test.run();
}
