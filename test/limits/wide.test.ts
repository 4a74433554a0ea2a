/**
 * Columns of far more entries than are moved at once: a few chunks that are written again after
 * each of a thousand snapshots (or of all that there can be), snapshots written out of order, most
 * of them deleted again.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fixture, mustBeClean } from "../model/fixture.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";

const CHUNK = 4096;
const SNAPSHOTS = 1000;

for (const subject of subjects.filter(({ capabilities }) => !capabilities.fixed)) {
  const test = suite(`wide columns: ${subject.name}`);
  const { origins, snapshots: most } = subject.capabilities;
  const count = Math.min(SNAPSHOTS, most);

  for (const mode of origins) {
    test(mode, async () => {
      const random = new Random(77);
      const options = { cacheBytes: 2 ** 20 };
      const fixture = await Fixture.make(subject.open, { mode, size: 4 * CHUNK, options });
      const { volume } = fixture;
      for (let i = 0; i < count; i++) {
        const made = await fixture.snapshot(`s${i}`);
        if (i % 3 !== 0) await fixture.write(volume.origin, 0, random.bytes(CHUNK));
        if (i % 7 === 0) await fixture.write(volume.origin, CHUNK - 512, random.bytes(2 * CHUNK));
        if (i % 5 === 0) await fixture.write(made, 100, random.bytes(3000));
        const other = random.pick(volume.snapshots);
        if (i % 11 === 0) await fixture.write(other, random.below(3) * CHUNK, random.bytes(CHUNK));
      }
      assert.ok(volume.usage().exceptions > count / 2);
      await mustBeClean(volume);
      for (let round = 0; round < 4; round++) {
        const { snapshots } = fixture.volume;
        await fixture.delete(...snapshots.filter(() => random.chance(0.5)));
        const done = fixture.volume.reclaimed();
        for (const view of fixture.volume.snapshots.slice(0, 40)) {
          await fixture.write(view, random.below(4) * CHUNK, random.bytes(CHUNK));
        }
        await done;
        await fixture.verify();
        // Once from the checkpoint of a close, once from the journal.
        if (round === 1) await fixture.volume.close();
        else await fixture.volume.flush();
        if (round > 0) await fixture.reopen();
        await fixture.verify();
      }
    });
  }
  test.run();
}
