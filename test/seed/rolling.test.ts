/**
 * Rolling snapshots, "every 5 minutes to record activity": the space of the old ones comes back.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fixture } from "../model/fixture.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";

const CHUNK = 4096;
const CHUNKS = 256;
const ROUNDS = 100;
const KEPT = 10;
const PER_ROUND = 24;

for (const subject of subjects.filter(({ capabilities }) => capabilities.delete)) {
  const test = suite(`rolling snapshots: ${subject.name}`);
  for (const mode of ["inline", "attached"] as const) {
    test(`${ROUNDS} rounds, the last ${KEPT} kept, ${mode}`, async () => {
      const random = new Random(5);
      const fixture = await Fixture.make(subject.open, {
        mode,
        size: CHUNKS * CHUNK,
        chunk: CHUNK,
      });
      const { volume } = fixture;
      await fixture.write(volume.origin, 0, random.bytes(CHUNKS * CHUNK));
      // The file gets shorter now and then.
      let most = 0;
      for (let round = 1; round <= ROUNDS; round++) {
        for (let i = 0; i < PER_ROUND; i++) {
          const length = random.between(1, CHUNK);
          const offset = random.below(CHUNKS * CHUNK - length);
          await fixture.write(volume.origin, offset, random.bytes(length));
        }
        await fixture.snapshot(`round ${round}`);
        const old = volume.snapshots.slice(0, -KEPT);
        if (old.length > 0) await fixture.delete(...old);
        if (round % 10 === 0) await volume.reclaimed();
        if (round <= ROUNDS / 2) most = Math.max(most, volume.usage().storeBytes);
      }
      assert.equal(
        volume.snapshots.map((view) => view.name),
        Array.from({ length: KEPT }, (_, i) => `round ${ROUNDS - KEPT + 1 + i}`),
      );
      // A write touches two chunks at most, and each kept snapshot has its own version of what
      // one round touched.
      const versions = KEPT * 2 * PER_ROUND + (mode === "inline" ? CHUNKS : 0);
      const { dataBytes, storeBytes } = volume.usage();
      assert.ok(dataBytes <= versions * CHUNK, `${dataBytes} bytes for ${versions} chunks`);
      assert.ok(storeBytes <= most * 1.25, `store: ${most} bytes halfway, ${storeBytes} now`);
      await fixture.verify();
      await volume.close();
      await fixture.reopen();
      await fixture.verify();
      await fixture.volume.close();
    });
  }
  test.run();
}
