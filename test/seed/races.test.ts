/** What goes wrong in a snapshot target when devices answer late: the old races, by name. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../../src/task.ts";
import type { DiskVolume } from "../../src/volume/volume.ts";
import { firstUnexplained, type Patch } from "../model/explain.ts";
import { Fixture, mustHold, readAll } from "../model/fixture.ts";
import { lateDevice, turns } from "../model/late.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";
import { Gate, Watch } from "../model/watched.ts";

for (const subject of subjects) {
  const test = suite(`races: ${subject.name}`);
  const { origins, fixed } = subject.capabilities;
  /** Where snapshots are made among requests. */
  const modes = fixed ? [] : origins;

  /**
   * Bug 182659 of the old target: the read is late, and an origin write to the same chunk passes
   * it.
   */
  for (const [what, offset, length] of [
    ["part of the chunk", 1000, 100],
    ["the whole chunk", 0, 4096],
    ["several chunks", 0, 12288],
  ] as const) {
    test(`a snapshot read from the origin is not passed by an origin write: ${what}`, async () => {
      const random = new Random(182659);
      const gate = new Gate();
      const fixture = await Fixture.make(subject.open, {
        mode: "attached",
        size: 8 * 4096,
        wrap: (device, role) => (role === "under" ? gate.device(device) : device),
      });
      const snapshot = await fixture.anySnapshot("s");
      const old = fixture.model.read(snapshot.id, 0, 4096);
      let first = true;
      gate.hold((call) => {
        const held = call === "read" && first;
        first = false;
        return held;
      });
      const found = new Uint8Array(4096);
      const reading = snapshot.read(0, found);
      await turns(3);
      const held = gate.waiting;
      const writing = fixture.write(fixture.volume.origin, offset, random.bytes(length));
      await turns(30);
      gate.release();
      await Promise.all([reading, writing]);
      assert.is(held, 1, "the read is in flight at the origin");
      assert.equal(Buffer.compare(found, old), 0, "the read found the bytes of its snapshot");
      await fixture.verify();
      await fixture.volume.close();
    });
  }

  for (const mode of origins) {
    test(`two partial writes to one chunk after a snapshot are both there, ${mode}`, async () => {
      for (let seed = 1; seed <= 30; seed++) {
        const random = new Random(seed);
        const fixture = await Fixture.make(subject.open, {
          mode,
          size: 4 * 65536,
          chunk: 65536,
          wrap: (device) => lateDevice(device, random.fork(), { turnsMax: 5, atOnce: 0.1 }),
        });
        const { origin } = fixture.volume;
        await fixture.write(origin, 0, random.bytes(2 * 65536));
        const snapshot = await fixture.anySnapshot("s");
        await Promise.all([
          fixture.write(origin, 1000, random.bytes(500)),
          fixture.write(origin, 40000, random.bytes(30000)),
          fixture.write(snapshot, 1000, random.bytes(700)),
          fixture.write(snapshot, 65000, random.bytes(5000)),
          fixture.write(origin, 30000, random.bytes(7)),
        ]);
        await fixture.verify();
        await fixture.volume.close();
      }
    });
  }

  test("more than 8 copies in one write, and never more than 8 at a time", async () => {
    for (const copySlots of [8, 2]) {
      const random = new Random(8);
      const watch = new Watch();
      const fixture = await Fixture.make(subject.open, {
        mode: "attached",
        size: 128 * 4096,
        options: { copySlots },
        wrap: (device, role) => {
          const late = lateDevice(device, random.fork(), { turnsMax: 4, atOnce: 0 });
          return role === "under" ? watch.device(late) : late;
        },
      });
      const { origin } = fixture.volume;
      await fixture.anySnapshot("s");
      // Each second chunk has its copy already, so that no two of the others are neighbours.
      for (let i = 0; i < 64; i++)
        await fixture.write(origin, (2 * i + 1) * 4096, random.bytes(4096));
      const before = fixture.volume.status().counters.copies;
      watch.reset();
      await fixture.write(origin, 100, random.bytes(126 * 4096));
      assert.is(fixture.volume.status().counters.copies - before, 64);
      assert.ok(watch.most.read <= copySlots, `${watch.most.read} reads with ${copySlots} slots`);
      assert.ok(watch.most.read > 1, "copies run at the same time");
      await fixture.verify();
      await fixture.volume.close();
    }
  });

  if (!fixed) {
    test("a checkpoint among copies waits for nobody who waits for it", async () => {
      for (let seed = 1; seed <= 20; seed++) {
        const random = new Random(seed);
        const fixture = await Fixture.make(subject.open, {
          mode: "attached",
          size: 64 * 4096,
          options: { copySlots: random.pick([1, 2]) },
          wrap: (device) => lateDevice(device, random.fork()),
        });
        const { volume } = fixture;
        await fixture.anySnapshot("s");
        for (let i = 0; i < 32; i++) {
          await fixture.write(volume.origin, (2 * i + 1) * 4096, random.bytes(4096));
        }
        const writes = [0, 22, 43].map((first) =>
          fixture.write(volume.origin, first * 4096, random.bytes(20 * 4096)),
        );
        const { store } = (volume as DiskVolume).core;
        for (let i = 0; i < 4; i++) {
          await turns(random.below(8));
          await run(store.checkpoint(false));
        }
        await Promise.all(writes);
        await fixture.verify();
        await volume.close();
      }
    });
  }

  test("adjacent chunks are copied as one large transfer", async () => {
    const random = new Random(9);
    const watch = new Watch();
    const fixture = await Fixture.make(subject.open, {
      mode: "attached",
      size: 64 * 65536,
      chunk: 65536,
      wrap: (device, role) => (role === "under" ? watch.device(device) : device),
    });
    await fixture.anySnapshot("s");
    watch.reset();
    await fixture.write(fixture.volume.origin, 100, random.bytes(2 ** 20));
    const bytes = watch.reads.reduce((sum, read) => sum + read.length, 0);
    assert.is(bytes, 17 * 65536, "17 chunks are touched, each is read once");
    assert.ok(watch.reads.length <= 5, `${watch.reads.length} reads for 17 adjacent chunks`);
    await fixture.verify();
    await fixture.volume.close();
  });

  for (const mode of modes) {
    test(`a snapshot among writes in flight is one stable state, ${mode}`, async () => {
      for (let seed = 1; seed <= 20; seed++) {
        const random = new Random(seed);
        const fixture = await Fixture.make(subject.open, {
          mode,
          size: 64 * 4096,
          wrap: (device) => lateDevice(device, random.fork(), { turnsMax: 5 }),
        });
        const { volume, model } = fixture;
        const range = () => [
          random.below(60) * 4096 + 512 * random.below(8),
          512 * random.between(1, 16),
        ];
        const patches: Patch[] = [];
        const launch = () => {
          const [offset, length] = range() as [number, number];
          const bytes = random.bytes(length);
          patches.push({ view: volume.origin.id, offset, bytes });
          return volume.origin.write(offset, bytes);
        };
        for (let i = 0; i < 8; i++) {
          const [offset, length] = range() as [number, number];
          await fixture.write(volume.origin, offset, random.bytes(length));
        }
        const old = model.read(volume.origin.id, 0, model.size);
        const before = Array.from({ length: 16 }, launch);
        const snapshotting = volume.snapshot("s");
        const among = Array.from({ length: 8 }, launch);
        const snapshot = await snapshotting;
        const known = patches.length;
        const after = Array.from({ length: 8 }, launch);
        const first = await readAll(snapshot);
        await Promise.all([...before, ...among, ...after]);
        await mustHold(snapshot, 0, first);
        const found = firstUnexplained(old, patches.slice(0, known), first, 0, "some");
        assert.is(found, -1, `seed ${seed}: the snapshot at byte ${found}`);
        const now = firstUnexplained(old, patches, await readAll(volume.origin), 0, "all");
        assert.is(now, -1, `seed ${seed}: the origin at byte ${now}`);
        await volume.close();
        await fixture.reopen();
        await mustHold(fixture.volume.get("s"), 0, first);
        await fixture.volume.close();
      }
    });
  }

  for (const mode of modes) {
    test(`a snapshot among writes one after another has a prefix of them, ${mode}`, async () => {
      for (let seed = 1; seed <= 30; seed++) {
        const random = new Random(seed);
        const count = 24;
        const fixture = await Fixture.make(subject.open, {
          mode,
          size: count * 4096,
          image: new Uint8Array(count * 4096),
          wrap: (device) => lateDevice(device, random.fork(), { turnsMax: 3 }),
        });
        const { origin } = fixture.volume;
        let answered = 0;
        const writer = async () => {
          for (let i = 0; i < count; i++) {
            await origin.write(((i * 7) % count) * 4096, new Uint8Array(4096).fill(i + 1));
            answered++;
          }
        };
        const writing = writer();
        await turns(random.below(40));
        const least = answered;
        const snapshot = await fixture.volume.snapshot("s");
        const most = answered + 1;
        await writing;
        const bytes = await readAll(snapshot);
        const has = Array.from({ length: count }, (_, i) => bytes[((i * 7) % count) * 4096] !== 0);
        const prefix = has.indexOf(false) < 0 ? count : has.indexOf(false);
        assert.not(
          has.slice(prefix).includes(true),
          `seed ${seed}: a later write without an earlier`,
        );
        assert.ok(prefix >= least, `seed ${seed}: ${prefix} writes, ${least} were answered before`);
        assert.ok(prefix <= most, `seed ${seed}: ${prefix} writes, at most ${most} had begun`);
        await fixture.volume.close();
      }
    });
  }

  test.run();
}
