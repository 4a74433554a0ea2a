/**
 * Long work (check, the account of snapshots, reclaim) beside requests: it lets others in, sees one
 * moment of the store, and can be ended, which harms nothing.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { memoryDevice } from "../../src/devices/memory.ts";
import { type Env, systemEnv } from "../../src/env.ts";
import { MultisnapError } from "../../src/errors.ts";
import type { TreeStore } from "../../src/stores/tree/tree-store.ts";
import type { Volume } from "../../src/volume/types.ts";
import type { DiskVolume } from "../../src/volume/volume.ts";
import { expectCode } from "../model/history.ts";
import { lateDevice } from "../model/late.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";
import type { Opener } from "../model/subjects.ts";

const CHUNK = 4096;
const SIZE = 2 ** 30;
/** Every other chunk, so that none is joined to its neighbour: 120 blocks of the tree. */
const EXCEPTIONS = 20_000;
/** Coprime to that: neighbours have places far from each other. */
const STRIDE = 7919;
/** In which what a commit freed is given back, eight runs of places in each. */
const STEPS_A_TURN = 64;

const bytes = new Uint8Array(CHUNK).fill(7);

async function largeVolume(
  open: Opener,
  random: Random | null,
  env: Env = systemEnv,
): Promise<Volume> {
  const memory = memoryDevice();
  const store = random ? lateDevice(memory, random, { turnsMax: 1, atOnce: 0.9 }) : memory;
  const volume = await open({ store }, { create: { size: SIZE }, env });
  for (let i = 0; i < EXCEPTIONS; i++) {
    await volume.origin.write(2 * ((i * STRIDE) % EXCEPTIONS) * CHUNK, bytes);
  }
  await volume.snapshot("s");
  await volume.flush();
  return volume;
}

/** Snapshots whose space has not come back yet. */
function behind(volume: Volume): number {
  return (volume as DiskVolume).core.store.usage().reclaiming;
}

/** Ends with the number of turns in which `work` did not end. */
async function turnsOf(work: Promise<unknown>, each: () => void): Promise<number> {
  let over = false;
  const end = work.finally(() => {
    over = true;
  });
  let turns = 0;
  for (; !over; turns++) {
    each();
    await nextTurn();
  }
  await end;
  return turns;
}

const longWork: Record<string, (volume: Volume, signal?: AbortSignal) => Promise<unknown>> = {
  check: async (volume, signal) => {
    const { clean, problems } = await volume.check({ signal });
    assert.ok(clean, JSON.stringify(problems));
  },
  snapshotUsage: async (volume, signal) => {
    const [usage] = await volume.snapshotUsage({ signal });
    assert.is((usage?.exclusive ?? 0) + (usage?.shared ?? 0), EXCEPTIONS * CHUNK);
  },
};

for (const subject of subjects.filter(({ capabilities }) => !capabilities.fixed)) {
  const test = suite(`long work beside requests: ${subject.name}`);
  for (const [name, work] of Object.entries(longWork)) {
    for (const medium of ["memory", "late"] as const) {
      test(`${name} on ${medium}: reads go on, writes and flushes come after it`, async () => {
        const random = new Random(3);
        const volume = await largeVolume(subject.open, medium === "late" ? random : null);
        const target = new Uint8Array(CHUNK);
        const others: Promise<unknown>[] = [];
        let reads = 0;
        const turns = await turnsOf(work(volume), () => {
          if (others.length > 200) return;
          const chunk = random.below(2 * EXCEPTIONS);
          others.push(volume.origin.read(chunk * CHUNK, target).then(() => reads++));
          others.push(volume.origin.write(chunk * CHUNK, bytes), volume.flush());
        });
        assert.ok(turns > 1, "others had turns");
        if (medium === "memory") assert.ok(reads > 1, "reads went on");
        await Promise.all(others);
        await longWork.check?.(volume);
        await volume.close();
      });

      test(`${name} on ${medium}: ended by its signal, and all goes on`, async () => {
        const volume = await largeVolume(subject.open, medium === "late" ? new Random(4) : null);
        await expectCode("Closed", work(volume, AbortSignal.abort()));
        const later = new AbortController();
        setImmediate(() => later.abort());
        await expectCode("Closed", work(volume, later.signal));
        const ours = new MultisnapError("NotFound", "a reason of ours");
        await expectCode("NotFound", work(volume, AbortSignal.abort(ours)));
        assert.is(volume.readOnly, false);
        await volume.origin.write(CHUNK, bytes);
        await volume.flush();
        await longWork.check?.(volume);
        await volume.close();
      });
    }
  }

  test("waiting for reclaim: ended by its signal, and all goes on", async () => {
    const volume = await largeVolume(subject.open, null);
    for (let i = 0; i < EXCEPTIONS; i++) await volume.origin.write(2 * i * CHUNK, bytes);
    await volume.delete("s");
    await expectCode("Closed", volume.reclaimed({ signal: AbortSignal.abort() }));
    await volume.origin.write(CHUNK, bytes);
    await volume.reclaimed();
    assert.is(volume.usage().dataBytes, (EXCEPTIONS + 1) * CHUNK);
    await volume.close();
  });

  test("what reclaim freed comes back in slices, or at once where a call needs it", async () => {
    const volume = await largeVolume(subject.open, null);
    for (let i = 0; i < EXCEPTIONS; i++) await volume.origin.write(2 * i * CHUNK, bytes);
    const { x } = ((volume as DiskVolume).core.store as TreeStore).engine;
    const { releaseHeld } = x;
    let [steps, most] = [0, 0];
    x.releaseHeld = () => {
      steps++;
      return releaseHeld();
    };
    await volume.delete("s");
    await turnsOf(volume.reclaimed(), () => {
      most = Math.max(most, steps);
      steps = 0;
    });
    assert.ok(most > 1 && most <= 2 * STEPS_A_TURN, `${most} steps in a turn`);
    volume.origin.writeSync(CHUNK, bytes);
    assert.is(volume.usage().dataBytes, (EXCEPTIONS + 1) * CHUNK);
    await volume.close();
  });

  test("reclaim beside requests rests after a flush, and closing ends that", async () => {
    const rests: number[] = [];
    const rest = (ms: number) => {
      rests.push(ms);
      return new Promise<void>(() => {});
    };
    const volume = await largeVolume(subject.open, null, { ...systemEnv, rest });
    for (let i = 0; i < EXCEPTIONS; i++) await volume.origin.write(2 * i * CHUNK, bytes);
    await volume.delete("s");
    for (let turns = 0; turns < 1000 && rests.length === 0; turns++) {
      await volume.origin.write(CHUNK, bytes);
      await nextTurn();
    }
    assert.is(rests.length, 1, "one rest, which does not end");
    assert.ok(behind(volume) > 0);
    await volume.close();
  });

  test("closing just before a rest begins does not wait for that", async () => {
    const rest = () => new Promise<void>(() => {});
    const volume = await largeVolume(subject.open, null, { ...systemEnv, rest });
    for (let i = 0; i < EXCEPTIONS; i++) await volume.origin.write(2 * i * CHUNK, bytes);
    await volume.delete("s");
    const { flushes } = volume.status().counters;
    for (let turns = 0; turns < 1000 && volume.status().counters.flushes === flushes; turns++) {
      await nextTurn();
      await volume.origin.write(CHUNK, bytes);
    }
    let ended = false;
    const closing = volume.close().then(() => {
      ended = true;
    });
    for (let turns = 0; turns < 1000 && !ended; turns++) await nextTurn();
    assert.ok(ended, "it waits for a rest");
    await closing;
  });

  test("reclaim that nobody is beside does not rest", async () => {
    const rest = () => assert.unreachable("a rest") as never;
    const volume = await largeVolume(subject.open, null, { ...systemEnv, rest });
    for (let i = 0; i < EXCEPTIONS; i++) await volume.origin.write(2 * i * CHUNK, bytes);
    await volume.delete("s");
    for (let turns = 0; turns < 1000 && behind(volume) > 0; turns++) await nextTurn();
    assert.is(behind(volume), 0);
    assert.is(volume.status().error, null);
    await volume.close();
  });

  test.run();
}
