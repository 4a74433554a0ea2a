/** Rolling snapshots as victims: the schedule goes on, whatever a full store takes away from it. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { memoryDevice } from "../../src/devices/memory.ts";
import { ownSnapshots } from "../../src/schedule/mark.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import { mustBeClean } from "../model/fixture.ts";
import { kept } from "../model/media.ts";
import { RolledVolume } from "../schedule/rolled-volume.ts";

const SIZE = 64 * 4096;

for (const kind of ["range", "bitmap"] as const) {
  test(`${kind}: the oldest go, the newest is there, over a restart`, async () => {
    const rolled = new RolledVolume();
    const store = memoryDevice({ size: 2.5 * 2 ** 20 });
    const { env } = rolled.clock;
    const open = (create?: object) =>
      openVolume({ store: kept(store), env, cacheBytes: 2 ** 20, ...(create && { create }) });
    let volume = await open({ kind, size: SIZE, victims: "auto-*=1" });
    let pruned = 0;
    for (let run = 0; run < 2; run++) {
      await rolled.start("1m", "30x1m", {}, volume);
      for (let minute = 0; minute < 60; minute++) {
        await volume.origin.write(0, new Uint8Array(SIZE).fill(minute));
        await rolled.pass("1m");
        const { newest, failures } = rolled.roller.status();
        assert.equal(failures, []);
        assert.ok(volume.has(newest as string));
        const own = ownSnapshots(volume.snapshots).map(({ mark }) => mark.time);
        assert.is(own.length, volume.snapshots.length);
        assert.ok(own.length <= 30);
        assert.equal(
          own.map((time) => (own.at(-1) as number) - time),
          own.map((_, index) => (own.length - 1 - index) * 60_000),
          "one a minute, none missing between",
        );
      }
      assert.is(rolled.roller.status().taken, 60 + (run === 0 ? 1 : 0));
      await rolled.stop();
      pruned = volume.status().counters.pruned;
      assert.ok(pruned > 30, `${pruned} pruned`);
      await mustBeClean(volume);
      await volume.close();
      volume = await open();
    }
    assert.equal(rolled.said, []);
    await volume.close();
  });
}

test.run();
