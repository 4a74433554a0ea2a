/**
 * What the 2009 design says of the bitmap store (Fujita + Daniel): at most 64 snapshots, and never
 * more than one copy for all of them.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RUN_COPY } from "../../src/engine/status.ts";
import type { ExceptionStore } from "../../src/stores/store.ts";
import type { View, Volume } from "../../src/volume/types.ts";
import type { DiskVolume } from "../../src/volume/volume.ts";
import { Fixture } from "../model/fixture.ts";
import { expectCode } from "../model/history.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";
import { Watch } from "../model/watched.ts";

const CHUNK = 4096;
const MOST = 64;

function storeOf(volume: Volume): ExceptionStore {
  return (volume as DiskVolume).core.store;
}

/** How often each of some methods of the store is called from now on. */
function counted<
  K extends "planCopyOut" | "copyOut" | "conflicts" | "pendingAddAll" | "reclaimStep",
>(volume: Volume, ...names: K[]): Record<K, number> {
  const store = storeOf(volume);
  const calls = {} as Record<K, number>;
  for (const name of names) {
    const method = store[name].bind(store) as (...args: unknown[]) => unknown;
    calls[name] = 0;
    Object.assign(store, {
      [name]: (...args: unknown[]) => {
        calls[name]++;
        return method(...args);
      },
    });
  }
  return calls;
}

for (const subject of subjects.filter(({ kind }) => kind === "bitmap")) {
  const test = suite(`masks of 64 snapshots: ${subject.name}`);

  async function start(count: number, chunks = 8) {
    const watch = { store: new Watch(), under: new Watch() };
    const fixture = await Fixture.make(subject.open, {
      mode: "attached",
      size: chunks * CHUNK,
      wrap: (device, role) => watch[role].device(device),
    });
    const snapshots: View[] = [];
    for (let i = 0; i < count; i++) snapshots.push(await fixture.snapshot(`s${i}`));
    return { fixture, snapshots, watch, volume: fixture.volume, random: new Random(count) };
  }

  async function end(fixture: Fixture): Promise<void> {
    await fixture.verify();
    await fixture.volume.close();
    await fixture.reopen();
    await fixture.verify();
    await fixture.volume.close();
  }

  /** Chunks of `count` from the first on that must be copied, and in how many answers. */
  function copiesPlanned(volume: Volume, count: number): { answers: number; chunks: number } {
    const store = storeOf(volume);
    const runs = store.planCopyOut(0, count);
    let [answers, chunks] = [0, 0];
    for (let i = 0; i < runs; i++) {
      if (store.runKind(i) !== RUN_COPY) continue;
      answers++;
      chunks += store.runCount(i);
    }
    return { answers, chunks };
  }

  for (const count of [1, 8, MOST]) {
    test(`a query succeeds at most once, with ${count} snapshots`, async () => {
      const { fixture, snapshots, volume, random } = await start(count);
      assert.equal(copiesPlanned(volume, 1), { answers: 1, chunks: 1 });
      for (const view of snapshots.filter((_, i) => i % 3 === 1)) {
        await fixture.write(view, 0, random.bytes(CHUNK));
      }
      assert.equal(copiesPlanned(volume, 1), { answers: 1, chunks: 1 }, "after writes to some");
      await fixture.write(volume.origin, 0, random.bytes(100));
      assert.equal(copiesPlanned(volume, 1), { answers: 0, chunks: 0 }, "nothing is left");
      for (const view of snapshots) await fixture.write(view, CHUNK, random.bytes(CHUNK));
      assert.equal(copiesPlanned(volume, 2), { answers: 0, chunks: 0 }, "all have their own");
      await end(fixture);
    });

    test(`one action covers all snapshots, ${count} of them`, async () => {
      const { fixture, snapshots, volume, random } = await start(count);
      const written = snapshots.filter((_, i) => i % 5 === 2);
      for (const view of written) await fixture.write(view, 0, random.bytes(CHUNK));
      const before = volume.status();
      const calls = counted(volume, "copyOut");
      await fixture.write(volume.origin, 10, random.bytes(20));
      const after = volume.status();
      assert.is(calls.copyOut, 1);
      assert.is(after.counters.copies - before.counters.copies, 1, "one copy");
      assert.is(after.exceptions - before.exceptions, 1, "one exception");
      assert.is(after.dataBytes - before.dataBytes, CHUNK, "one place");
      await end(fixture);
    });
  }

  test("a write to a shared chunk copies snapshot to snapshot", async () => {
    const { fixture, snapshots, volume, watch, random } = await start(MOST);
    await fixture.write(volume.origin, 0, random.bytes(CHUNK));
    const before = volume.status();
    for (const which of Object.values(watch)) which.reset();
    await fixture.write(snapshots[17] as View, 1000, random.bytes(100));
    const after = volume.status();
    assert.is(after.counters.copies - before.counters.copies, 1);
    assert.is(after.exceptions - before.exceptions, 1, "its bit has moved to an entry of its own");
    assert.equal(watch.under.reads, [], "the origin was not read");
    assert.is(watch.store.reads.length, 1, "the chunk that the others share was read");
    await fixture.write(snapshots[17] as View, 2000, random.bytes(100));
    assert.is(
      volume.status().counters.copies,
      after.counters.copies,
      "its own is written in place",
    );
    await end(fixture);
  });

  test("deleting clears a bit everywhere in bounded steps and frees what none has", async () => {
    const columns = 200;
    const { fixture, snapshots, volume, random } = await start(MOST, 2 * columns);
    const [victim, ...others] = snapshots as [View, ...View[]];
    for (let i = 0; i < columns; i++) {
      await fixture.write(volume.origin, 2 * i * CHUNK, random.bytes(100));
    }
    for (let i = 0; i < columns; i += 10) {
      await fixture.write(victim, 2 * i * CHUNK, random.bytes(CHUNK));
    }
    const own = columns / 10;
    assert.is(volume.usage().exceptions, columns + own);
    const calls = counted(volume, "reclaimStep");
    await fixture.delete(victim);
    await volume.reclaimed();
    assert.ok(calls.reclaimStep >= columns, `${calls.reclaimStep} steps for ${columns} columns`);
    assert.is(volume.usage().exceptions, columns, "the others' entries stay");
    assert.is(volume.usage().dataBytes, columns * CHUNK);
    await fixture.verify();
    await fixture.delete(...others.slice(1));
    await volume.reclaimed();
    assert.is(volume.usage().dataBytes, columns * CHUNK, "one still needs them");
    await fixture.verify();
    await fixture.delete(others[0] as View);
    await volume.reclaimed();
    assert.is(volume.usage().exceptions, 0);
    assert.is(volume.usage().dataBytes, 0);
    await end(fixture);
  });

  test("the 65th snapshot", async () => {
    const { fixture, snapshots, volume, random } = await start(MOST);
    for (const view of snapshots) await fixture.write(view, 0, random.bytes(CHUNK));
    const error = await volume.snapshot("one more").catch((caught) => caught);
    assert.is(error.code, "NoSpace");
    assert.match(error.message, /64.*delete/, "it says what to do");
    await expectCode("NoSpace", volume.origin.snapshot("one more"));
    for (let round = 0; round < 3 * MOST; round++) {
      const victim = random.pick(volume.snapshots);
      await fixture.delete(victim);
      const made = await fixture.snapshot(`round ${round}`);
      assert.ok(made.id > victim.id, "a bit is used again, an id is not");
      if (round % 16 === 0) await fixture.verify();
      await fixture.write(made, CHUNK * random.below(8), random.bytes(100));
      await fixture.write(volume.origin, CHUNK * random.below(8), random.bytes(100));
    }
    await end(fixture);
  });

  test("a conflict check is one test, whatever the number of snapshots", async () => {
    const perCount: unknown[] = [];
    for (const count of [2, 8, MOST]) {
      const { fixture, snapshots, volume, random } = await start(count);
      const calls = counted(volume, "conflicts", "pendingAddAll");
      await fixture.write(volume.origin, 100, random.bytes(5 * CHUNK));
      await fixture.write(snapshots[0] as View, CHUNK, random.bytes(2 * CHUNK));
      await fixture.write(volume.origin, 100, random.bytes(5 * CHUNK));
      perCount.push({ ...calls });
      await end(fixture);
    }
    assert.equal(perCount[1], perCount[0]);
    assert.equal(perCount[2], perCount[0]);
  });

  test.run();
}
