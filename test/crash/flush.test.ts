/**
 * What a flush promises when requests overlap it: everything acknowledged before it, and nothing
 * sooner.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fixture } from "../model/fixture.ts";
import { turns } from "../model/late.ts";
import type { OriginMode } from "../model/model.ts";
import { subjects } from "../model/openers.ts";
import { type Call, Gate, Watch } from "../model/watched.ts";

const CHUNK = 4096;

for (const subject of subjects) {
  const test = suite(`overlapping flushes: ${subject.name}`);

  async function gated(mode: OriginMode) {
    const [gate, watch] = [new Gate(), new Watch()];
    const role = mode === "attached" ? "under" : "store";
    const fixture = await Fixture.make(subject.open, {
      mode,
      size: 8 * CHUNK,
      wrap: (device, which) => (which === role ? gate.device(watch.device(device)) : device),
    });
    await fixture.write(fixture.volume.origin, 0, new Uint8Array(CHUNK).fill(1));
    await fixture.volume.flush();
    watch.reset();
    return { gate, watch, volume: fixture.volume };
  }
  const only = (call: Call) => (other: Call) => other === call;

  const { origins } = subject.capabilities;
  for (const mode of origins.filter((origin) => origin !== "base")) {
    test(`a flush waits for the one in flight that it relies on, ${mode}`, async () => {
      const { gate, volume } = await gated(mode);
      await volume.origin.write(0, new Uint8Array(CHUNK).fill(2));
      gate.hold(only("flush"));
      let answered = 0;
      const flushes = [volume.flush(), volume.origin.flush(), volume.flush()].map((flush) =>
        flush.then(() => answered++),
      );
      await turns(10);
      const early = answered;
      gate.release();
      await Promise.all(flushes);
      assert.is(early, 0, "answered while the device still flushed");
      await volume.close();
    });

    test(`a write that was in flight during a flush is reached by the next, ${mode}`, async () => {
      const { gate, watch, volume } = await gated(mode);
      gate.hold(only("write"));
      const writing = volume.origin.write(0, new Uint8Array(CHUNK).fill(3));
      await turns(5);
      const during = volume.flush();
      await turns(5);
      gate.release();
      await Promise.all([writing, during]);
      watch.reset();
      await volume.flush();
      assert.ok(watch.flushes > 0, "the device was flushed again");
      await volume.close();
    });
  }

  test.run();
}
