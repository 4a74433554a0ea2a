/** A bounded queue: however many requests are made, few device calls are in flight. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fixture } from "../model/fixture.ts";
import { lateDevice } from "../model/late.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";
import { Watch } from "../model/watched.ts";

const REQUESTS = 500;
const CHUNK = 4096;

for (const subject of subjects) {
  const test = suite(`queue: ${subject.name}`);
  const { origins } = subject.capabilities;
  for (const mode of origins.filter((origin) => origin !== "base")) {
    for (const queueDepth of [4, 32]) {
      test(`${REQUESTS} requests at depth ${queueDepth}, ${mode}`, async () => {
        const random = new Random(queueDepth);
        const watches = { store: new Watch(), under: new Watch() };
        const fixture = await Fixture.make(subject.open, {
          mode,
          size: REQUESTS * CHUNK,
          options: { queueDepth, copySlots: 2 },
          wrap: (device, role) =>
            watches[role].device(lateDevice(device, random.fork(), { turnsMax: 3, atOnce: 0 })),
        });
        const { origin } = fixture.volume;
        await fixture.anySnapshot("s");
        for (const watch of Object.values(watches)) watch.reset();
        const requests = Array.from({ length: REQUESTS }, async (_, i) => {
          const length = random.pick([100, CHUNK]);
          if (i % 5 === 0) return origin.read(i * CHUNK, new Uint8Array(length));
          return fixture.write(origin, i * CHUNK, random.bytes(length));
        });
        await Promise.all(requests);
        for (const { most } of Object.values(watches)) {
          const calls = Math.max(most.read, most.write);
          assert.ok(calls <= queueDepth + 2, `${calls} calls in flight`);
        }
        assert.ok(fixture.volume.status().counters.waits > 0, "requests that wait are counted");
        await fixture.verify();
        await fixture.volume.close();
      });
    }
  }
  test.run();
}
