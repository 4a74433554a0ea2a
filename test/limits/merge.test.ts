/** A merge beside requests: the origin is what the snapshot was, and what was written meanwhile. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { View } from "../../src/volume/types.ts";
import { firstUnexplained, type Patch } from "../model/explain.ts";
import { Fixture, mustBeClean, mustHold, readAll } from "../model/fixture.ts";
import { expectCode } from "../model/history.ts";
import { lateDevice, turns } from "../model/late.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";
import { FIXED } from "../model/subjects.ts";

/** An area has 32 exceptions. */
const CHUNK = 512;
const CHUNKS = 300;
const SIZE = CHUNKS * CHUNK;
const SEEDS = 12;

for (const subject of subjects.filter(({ capabilities }) => capabilities.merge)) {
  const test = suite(`merge: ${subject.name}`);

  /** Chunks of the snapshot in order, backwards and alone, more than an area has. */
  async function start(random: Random): Promise<Fixture> {
    const fixture = await Fixture.make(subject.open, {
      mode: "attached",
      size: SIZE,
      chunk: CHUNK,
      wrap: (device) => lateDevice(device, random.fork(), { turnsMax: 2, atOnce: 0.5 }),
    });
    const { volume } = fixture;
    await fixture.write(volume.origin, 0, random.bytes(100 * CHUNK));
    for (let i = 0; i < 30; i++) {
      const view = random.pick([volume.origin, volume.get(FIXED.name)]);
      await fixture.write(view, random.below(CHUNKS - 8) * CHUNK + 100, random.bytes(8 * CHUNK));
    }
    await fixture.write(volume.get(FIXED.name), 200 * CHUNK, random.bytes(100 * CHUNK));
    await volume.flush();
    return fixture;
  }

  test("writes and reads of the origin meanwhile", async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = new Random(seed);
      const fixture = await start(random);
      const { volume, model } = fixture;
      const { origin } = volume;
      const merged = model.read(FIXED.id, 0, SIZE);
      const patches: Patch[] = [{ view: origin.id, offset: 0, bytes: merged }];
      const old = model.read(origin.id, 0, SIZE);
      let isOver = false;
      const merging = volume.merge().finally(() => {
        isOver = true;
      });
      const requests: Promise<unknown>[] = [];
      while (!isOver) {
        const offset = 512 * random.below(SIZE / 512 - 24);
        const bytes = random.bytes(512 * random.between(1, 24));
        if (patches.length < 200) {
          patches.push({ view: origin.id, offset, bytes });
          requests.push(origin.write(offset, bytes));
        }
        const found = new Uint8Array(512);
        await origin.read(offset, found);
        const before = old.subarray(offset, offset + 512);
        const at = firstUnexplained(before, patches, found, offset, "some");
        assert.is(at, -1, `seed ${seed}: a read at ${at}`);
        if (random.chance(0.1)) requests.push(volume.flush());
        await turns(1);
      }
      await Promise.all([merging, ...requests]);
      const at = firstUnexplained(merged, patches.slice(1), await readAll(origin), 0, "some");
      assert.is(at, -1, `seed ${seed}: the origin at ${at}`);
      assert.equal(volume.snapshots, []);
      assert.is(volume.usage().exceptions, 0);
      const last = await readAll(origin);
      await volume.close();
      const under = new Uint8Array(SIZE);
      fixture.under.read(under, 0, SIZE, 0);
      assert.is(Buffer.compare(under, last), 0, "all of it is on the origin's device");
    }
  });

  test("stopped in the middle, opened again, merged again", async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = new Random(seed);
      const fixture = await start(random);
      const { volume, model } = fixture;
      const merged = model.read(FIXED.id, 0, SIZE);
      const stop = new AbortController();
      let left = random.between(1, 4);
      const progress = () => void (--left === 0 && stop.abort());
      await expectCode("Closed", volume.merge({ signal: stop.signal, progress }));
      await mustHold(volume.origin, 0, merged);
      await volume.close();
      const again = await fixture.reopen();
      await mustBeClean(again);
      const snapshot = again.get(FIXED.name);
      await mustHold(snapshot, 0, merged);
      const bytes = random.bytes(50 * CHUNK);
      await again.origin.write(120 * CHUNK, bytes);
      await mustHold(snapshot, 0, merged);
      await mustHold(again.origin, 120 * CHUNK, bytes);
      await again.merge();
      await mustHold(again.origin, 0, merged);
      await mustBeClean(again);
      await expectCode("NotFound", readAll(snapshot as View));
      await expectCode("NotFound", again.merge());
      await again.close();
    }
  });

  test("nothing to merge", async () => {
    const fixture = await Fixture.make(subject.open, {
      mode: "attached",
      size: SIZE,
      chunk: CHUNK,
    });
    await fixture.volume.merge();
    fixture.model.delete(FIXED.id);
    await fixture.verify();
    await fixture.volume.close();
  });

  test.run();
}
