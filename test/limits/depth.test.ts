/**
 * Snapshots of snapshots, 200 deep, each written differently; then the middle of the chain goes.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { View } from "../../src/volume/types.ts";
import { Fixture } from "../model/fixture.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";

const DEPTH = 200;
const CHUNKS = 16;
const CHUNK = 4096;

for (const subject of subjects.filter(({ capabilities }) => capabilities.ofSnapshots)) {
  const test = suite(`depth: ${subject.name}`);
  for (const mode of ["inline", "base", "attached"] as const) {
    test(`${DEPTH} snapshots of snapshots, ${mode}`, async () => {
      const random = new Random(200);
      const fixture = await Fixture.make(subject.open, {
        mode,
        size: CHUNKS * CHUNK,
        chunk: CHUNK,
      });
      await fixture.write(fixture.volume.origin, 0, random.bytes(4 * CHUNK));
      const chain: View[] = [fixture.volume.origin];
      for (let depth = 1; depth <= DEPTH; depth++) {
        const of = chain.at(-1) as View;
        const made = await fixture.snapshot(`depth ${depth}`, of);
        assert.is(made.parent, of.id);
        chain.push(made);
        for (const view of [made, of]) {
          const length = random.pick([512, 1000, CHUNK, 2 * CHUNK]);
          const offset = random.below(CHUNKS * CHUNK - length);
          await fixture.write(view, offset, random.bytes(length));
        }
      }
      await fixture.verify();
      const middle = chain.filter((_, i) => i > 50 && i < 150 && i % 3 > 0);
      for (const view of middle) await fixture.delete(view);
      await fixture.verify();
      await fixture.volume.reclaimed();
      await fixture.verify();
      await fixture.volume.close();
      await fixture.reopen();
      await fixture.verify();
      await fixture.delete(...fixture.volume.snapshots);
      await fixture.volume.reclaimed();
      await fixture.verify();
      const { dataBytes } = fixture.volume.usage();
      assert.ok(dataBytes <= (mode === "attached" ? 0 : CHUNKS * CHUNK), `${dataBytes} bytes`);
      await fixture.volume.close();
    });
  }
  test.run();
}
