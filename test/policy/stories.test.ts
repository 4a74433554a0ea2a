/** What a full store does, story by story: reclaims, prunes, keeps what is in use, gives up. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Device } from "../../src/devices/device.ts";
import { memoryDevice } from "../../src/devices/memory.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import type { View } from "../../src/volume/types.ts";
import { Room } from "../faults/room.ts";
import { expectCode } from "../model/history.ts";
import { lateDevice } from "../model/late.ts";
import { Random } from "../model/prng.ts";
import { CHUNK, CHUNKS, pruning } from "./pruning.ts";
import { forget, full, HALF, names, press, put, rewrite } from "./stories.ts";

for (const { kind, capabilities } of pruning) {
  for (const mode of capabilities.origins) {
    const test = suite(`a full store: ${kind}, ${mode}`);

    for (const isLate of [false, true]) {
      const devices = isLate ? "late" : "synchronous";
      test(`what is being reclaimed is room for a write, ${devices} devices`, async () => {
        for (let seed = 1; seed <= 4; seed++) {
          const random = new Random(seed);
          const wrap = (device: Device) => (isLate ? lateDevice(device, random.fork()) : device);
          const fixture = await full(kind, seed, { mode, wrap, options: { victims: "" } });
          const { code, message } = await press(fixture, random, "tmp-");
          assert.is(code, "NoSpace");
          assert.not.match(message, /victim/);
          for (let turn = 0; turn < 3 && fixture.volume.snapshots.length > 0; turn++) {
            await fixture.delete(fixture.volume.snapshots[0] as View);
            if (turn === 1) await new Promise((resolve) => setImmediate(resolve));
            // Every snapshot has what is there.
            await put(fixture, HALF + turn * 9 * CHUNK, random.bytes(CHUNK * (1 + turn)));
          }
          assert.is(fixture.volume.status().pruned, null);
          await fixture.verify();
          await fixture.volume.close();
        }
      });
    }

    if (mode !== "base") {
      test("a synchronous write to a snapshot is not what deletes it", async () => {
        const random = new Random(2);
        const fixture = await full(kind, 2, { mode });
        const own = await fixture.snapshot("tmp-0");
        await rewrite(fixture, random);
        await fixture.snapshot("tmp-1");
        const fill = () => {
          for (let at = 0; at < CHUNKS; at++) own.writeSync(at * CHUNK, random.bytes(CHUNK));
        };
        await press(fixture, random, "keep", () => fixture.volume.status().pruned !== null);
        assert.equal(fixture.volume.status().pruned?.last[0]?.name, "tmp-0");
        const next = fixture.volume.get("tmp-1");
        assert.throws(() => {
          for (let at = 0; at < CHUNKS; at++) next.writeSync(at * CHUNK, random.bytes(CHUNK));
        }, /full.*1 victim is in use/);
        assert.throws(fill, /deleted/);
        assert.ok(names(fixture).includes("tmp-1"));
        await fixture.volume.close();
      });
    }

    test("held ones stay, however often they are held, until the last release", async () => {
      const random = new Random(3);
      const fixture = await full(kind, 3, { mode });
      const { volume } = fixture;
      await fixture.snapshot("tmp-0");
      await rewrite(fixture, random);
      await fixture.snapshot("tmp-1");
      const holds = [volume.get("tmp-0"), volume.get("tmp-0")].map((view) => view.hold());
      volume.origin.hold().release();
      const { code, message } = await press(fixture, random, "keep");
      assert.is(code, "NoSpace");
      assert.match(message, /every snapshot is intact.*1 victim is in use/);
      assert.ok(volume.has("tmp-0"));
      assert.not.ok(volume.has("tmp-1"));
      holds[0]?.release();
      holds[0]?.release();
      assert.is((await press(fixture, random, "keep")).code, "NoSpace");
      assert.ok(volume.has("tmp-0"), "held by the other");
      holds[1]?.[Symbol.dispose]();
      await put(fixture, HALF, random.bytes(CHUNK * 20));
      assert.not.ok(volume.has("tmp-0"));
      forget(fixture);
      await fixture.verify();
      await volume.close();
    });

    test("one that is held can be deleted on purpose; a deleted one is not held", async () => {
      const fixture = await full(kind, 4, { mode });
      const view = await fixture.snapshot("tmp-0");
      const hold = view.hold();
      await fixture.delete(view);
      assert.throws(() => view.hold(), /deleted/);
      hold.release();
      await fixture.volume.close();
      assert.throws(() => view.hold(), /closed/);
    });

    test("one that is compared, or whose extents are asked for, stays meanwhile", async () => {
      const random = new Random(5);
      const fixture = await full(kind, 5, { mode });
      const { volume } = fixture;
      const view = await fixture.snapshot("tmp-0");
      await rewrite(fixture, random, HALF / 4);
      const ranges = volume.diff(view, volume.origin)[Symbol.asyncIterator]();
      const extents = view.extents(0, view.size)[Symbol.asyncIterator]();
      await ranges.next();
      assert.match((await press(fixture, random, "keep")).message, /1 victim is in use/);
      await extents.next();
      await ranges.return?.();
      const isFull = { message: /1 victim is in use/ };
      assert.match((await press(fixture, random, "keep")).message, isFull.message);
      await extents.return?.();
      await put(fixture, 0, random.bytes(CHUNK));
      await press(fixture, random, "keep");
      assert.not.ok(volume.has("tmp-0"));
      forget(fixture);
      await fixture.verify();
      await volume.close();
    });

    test("requests that wait in the queue use what they are for", async () => {
      const random = new Random(6);
      const wrap = (device: Device) => lateDevice(device, random.fork());
      const options = { queueDepth: 1 };
      const fixture = await full(kind, 6, { mode, wrap, options });
      const { volume, model } = fixture;
      const view = await fixture.snapshot("tmp-0");
      const hold = view.hold();
      await press(fixture, random, "keep");
      hold.release();
      const bytes = new Uint8Array(CHUNK);
      const requests = [
        put(fixture, 0, random.bytes(HALF)),
        view.read(5 * CHUNK, bytes),
        view.trim(0, CHUNK),
      ];
      const ends = await Promise.allSettled(requests);
      const codes = ends.map((end) => (end.status === "rejected" ? end.reason.code : "none"));
      assert.equal(codes.slice(1), ["none", "none"]);
      assert.equal(bytes, model.read(view.id, 5 * CHUNK, CHUNK));
      assert.is(codes[0], "NoSpace");
      await volume.close();
    });

    test("victims first, then all are given up, held or not", async () => {
      const random = new Random(7);
      const fixture = await full(kind, 7, { mode, options: { preserveOnError: false } });
      const { volume } = fixture;
      (await fixture.snapshot("tmp-0")).hold();
      await rewrite(fixture, random, HALF / 2);
      await fixture.snapshot("tmp-1");
      const end = await press(fixture, random, "keep", () => volume.status().givenUp !== null);
      assert.is(end.code, "none");
      const { pruned, givenUp, dmStatus, error } = volume.status();
      assert.equal(
        pruned?.last.map(({ name }) => name),
        ["tmp-1"],
      );
      assert.ok((givenUp?.snapshots ?? 0) >= 2, "with the one that was in use");
      assert.match(givenUp?.reason ?? "", /full.*1 victim is in use/);
      assert.match(dmStatus, /^5 -28 /);
      assert.is(error, null);
      assert.ok(volume.snapshots.length <= 1, "one may have come after that");
      assert.not.ok(volume.has("tmp-0"));
      forget(fixture);
      await fixture.verify();
      await volume.close();
      await fixture.reopen();
      await fixture.verify();
      await fixture.volume.close();
    });

    test("a snapshot that finds no room does not give the others up", async () => {
      const random = new Random(8);
      const options = { preserveOnError: false, victims: "" };
      const fixture = await full(kind, 8, { mode, options });
      const [own, other] = [await fixture.snapshot("keep"), await fixture.snapshot("other")];
      const filling = async () => {
        for (const view of [own, other]) {
          for (let at = 0; at < 2 * HALF; at += HALF / 2) {
            await view.write(at, random.bytes(HALF / 2));
          }
        }
      };
      await expectCode("NoSpace", filling());
      assert.equal(names(fixture), ["keep", "other"]);
      await fixture.volume.close();
    });

    test("a full file system: what a victim had is room inside the store", async () => {
      const random = new Random(9);
      const room = new Room();
      const wrap = (device: Device, role: string) =>
        role === "store" ? room.device(device) : device;
      const fixture = await full(kind, 9, { mode, wrap, create: { maxSize: undefined } });
      const { volume } = fixture;
      for (const name of ["tmp-0", "keep", "tmp-1", "tmp-2"]) {
        await fixture.snapshot(name);
        await rewrite(fixture, random);
      }
      await fixture.snapshot("last");
      room.end(1, true);
      // And a slab of metadata beside it.
      await rewrite(fixture, random, HALF / 2);
      const { pruned } = volume.status();
      assert.equal(
        pruned?.last.map(({ name }) => name),
        ["tmp-0"],
        "what it had was enough",
      );
      assert.match(pruned?.reason ?? "", /no room on the device/);
      forget(fixture);
      await fixture.verify();
      await volume.close();
      await fixture.reopen();
      await fixture.verify();
      await fixture.volume.close();
    });
    test.run();
  }
}

const limit = suite("as many snapshots as a kind of store has");
for (const { kind, capabilities } of pruning.filter((one) => one.capabilities.snapshots < 100)) {
  limit(`${kind}: one more takes the place of a victim`, async () => {
    for (const victims of ["tmp-*", ""]) {
      const fixture = await full(kind, 10, { mode: "attached", options: { victims } });
      const { volume } = fixture;
      for (let i = 0; i < capabilities.snapshots; i++) {
        await fixture.snapshot(i % 2 === 0 ? `keep${i}` : `tmp-${i}`);
      }
      if (victims === "") {
        await expectCode("NoSpace", volume.snapshot("new"));
      } else {
        await volume.snapshot("new");
        assert.not.ok(volume.has("tmp-1"));
        assert.is(volume.snapshots.length, capabilities.snapshots);
        assert.match(volume.status().pruned?.reason ?? "", /at most 64 snapshots/);
      }
      await volume.close();
    }
  });
}
limit.run();

const many = suite("many snapshots");
many("the last eight that went are named", async () => {
  const store = memoryDevice({ size: 8 * 2 ** 20 });
  const create = { size: 4 * 2 ** 20, victims: "tmp-*" };
  const volume = await openVolume({ store, create });
  for (let i = 0; i < 40; i++) {
    await volume.origin.write(0, new Uint8Array(2 ** 20).fill(i));
    await volume.snapshot(`tmp-${i}`);
  }
  const { pruned, counters } = volume.status();
  assert.is(pruned?.snapshots, 40 - volume.snapshots.length);
  assert.is(counters.pruned, pruned?.snapshots);
  assert.equal(
    pruned?.last.map(({ name }) => name),
    Array.from({ length: 8 }, (_, i) => `tmp-${(pruned?.snapshots as number) - 8 + i}`),
  );
  await volume.close();
});
many.run();
