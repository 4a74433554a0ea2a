/**
 * Copies out of an attached origin into a wide column, one gap a step. The place is in use from the
 * first of these steps on, whatever comes between two of them, and after a crash there.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CHECKPOINT, COMMIT } from "../../src/engine/status.ts";
import { seededEnv } from "../../src/env.ts";
import type { ExceptionStore } from "../../src/stores/store.ts";
import type { DiskVolume } from "../../src/volume/volume.ts";
import { Fixture, mustBeClean, mustHold } from "../model/fixture.ts";
import { type Image, imageDevice } from "../model/image.ts";
import { lateDevice } from "../model/late.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";

const CHUNK = 4096;
/** Snapshots with an entry each: more than are moved at once. */
const WIDE = 400;
const GAPS = 5;

for (const subject of subjects.filter(({ kind }) => kind === "range")) {
  const test = suite(`gaps of wide columns: ${subject.name}`);

  /** Above the filled part of chunk 0 every other snapshot has an entry, the newest one too. */
  async function start(random: Random, late = false): Promise<Fixture> {
    const fixture = await Fixture.make(subject.open, {
      mode: "attached",
      size: 8 * CHUNK,
      wrap: (device) => (late ? lateDevice(device, random.fork()) : device),
    });
    for (let i = 0; i < WIDE; i++) {
      await fixture.snapshot(`wide ${i}`);
      await fixture.write(fixture.volume.origin, 0, random.bytes(CHUNK));
    }
    for (let i = 0; i < GAPS; i++) {
      await fixture.snapshot(`gap ${i}`);
      await fixture.write(await fixture.snapshot(`own ${i}`), 0, random.bytes(CHUNK));
    }
    await fixture.volume.flush();
    return fixture;
  }

  function storeOf(fixture: Fixture): ExceptionStore {
    return (fixture.volume as DiskVolume).core.store;
  }

  /** After each gap but the last: answers `status` as long as `wanted` says so. */
  function between(fixture: Fixture, status: number, wanted: () => boolean): void {
    const store = storeOf(fixture);
    const copyOut = store.copyOut.bind(store);
    let inside = false;
    store.copyOut = (...step) => {
      if (inside && wanted()) return status;
      const done = copyOut(...step);
      inside = done === 0;
      return done;
    };
  }

  /** A place that is free by mistake would be given out. */
  async function goOn(fixture: Fixture, random: Random): Promise<void> {
    await fixture.verify();
    await fixture.volume.flush();
    for (let round = 0; round < 2; round++) {
      for (const view of fixture.volume.snapshots.filter((_, i) => i % 4 === round)) {
        await fixture.write(view, CHUNK, random.bytes(7 * CHUNK));
      }
      await fixture.verify();
      await fixture.volume.flush();
      await fixture.reopen();
      await fixture.verify();
    }
    await fixture.delete(...fixture.volume.snapshots);
    await fixture.volume.reclaimed();
    await mustBeClean(fixture.volume);
    assert.is(fixture.volume.usage().dataBytes, 0, "nothing has leaked");
    await fixture.volume.close();
  }

  test("the newest snapshot has an entry, others below it do not", async () => {
    const random = new Random(1);
    const fixture = await start(random);
    await fixture.write(fixture.volume.origin, 0, random.bytes(CHUNK));
    await goOn(fixture, random);
  });

  for (const [name, status] of Object.entries({ COMMIT, CHECKPOINT })) {
    test(`${name} between two gaps, and a crash there`, async () => {
      const random = new Random(2);
      const fixture = await start(random);
      const crashed: [Image, Image][] = [];
      const old = fixture.model.read(fixture.volume.origin.id, 0, 8 * CHUNK);
      let asked = false;
      between(fixture, status, () => {
        if (asked) crashed.push([fixture.store.copy(), fixture.under.copy()]);
        asked = !asked;
        return asked;
      });
      await fixture.write(fixture.volume.origin, 0, random.bytes(CHUNK));
      assert.is(crashed.length, GAPS - 1);
      for (const [store, under] of crashed) {
        const devices = { store: imageDevice(store), origin: imageDevice(under, { fixed: true }) };
        const volume = await subject.open(devices, { env: seededEnv(3), cacheBytes: 2 ** 20 });
        await mustBeClean(volume);
        await mustHold(volume.origin, 0, old);
        for (const view of volume.snapshots) {
          await mustHold(view, 0, fixture.model.read(view.id, 0, view.size));
        }
        await volume.close();
      }
      await goOn(fixture, random);
    });
  }

  for (const what of ["write", "trim"] as const) {
    for (const when of ["before the copy", "between two gaps"]) {
      test(`a ${what} of a snapshot that begins ${when}`, async () => {
        const random = new Random(3);
        const fixture = await start(random, true);
        const { volume } = fixture;
        const changes: Promise<void>[] = [];
        let ended = 0;
        const change = async () => {
          const view = volume.get(`gap ${changes.length}`);
          if (what === "write") await fixture.write(view, 512, random.bytes(1024));
          else await view.trim(0, CHUNK);
          if (what === "trim") fixture.model.trim(view.id, 0, CHUNK);
          ended++;
        };
        let rounds = 0;
        between(fixture, COMMIT, () => {
          if (when !== "before the copy" && changes.length < GAPS) changes.push(change());
          storeOf(fixture).touched();
          return ended < changes.length && rounds++ < 100;
        });
        if (when === "before the copy") {
          for (let i = 0; i < GAPS - 1; i++) changes.push(change());
        }
        await fixture.write(volume.origin, 0, random.bytes(CHUNK));
        await Promise.all(changes);
        await goOn(fixture, random);
      });
    }
  }

  test("a trim of a snapshot whose step has to wait when the copy begins", async () => {
    const random = new Random(6);
    const fixture = await start(random, true);
    const { volume } = fixture;
    const store = storeOf(fixture);
    const map = store.map.bind(store);
    let [isBetween, isTrimmed, mapWaits, copyWaits] = [false, false, 0, 0];
    store.map = (...step) => {
      store.touched();
      return isBetween || mapWaits++ > 50 ? map(...step) : COMMIT;
    };
    between(fixture, COMMIT, () => {
      isBetween = true;
      store.touched();
      return !isTrimmed && copyWaits++ < 100;
    });
    const view = volume.get("gap 0");
    const trimmed = view.trim(0, CHUNK).then(() => {
      isTrimmed = true;
    });
    await fixture.write(volume.origin, 0, random.bytes(CHUNK));
    await trimmed;
    fixture.model.trim(view.id, 0, CHUNK);
    store.map = map;
    await goOn(fixture, random);
  });

  test("reclaim makes the column narrow between two gaps", async () => {
    const random = new Random(4);
    const fixture = await start(random, true);
    const store = storeOf(fixture);
    const reclaimBegin = store.reclaimBegin.bind(store);
    store.reclaimBegin = () => 0;
    await fixture.delete(...fixture.volume.snapshots.slice(0, WIDE - 100));
    let reclaimed: Promise<void> | null = null;
    let gaps = 0;
    between(fixture, COMMIT, () => {
      if (!reclaimed && ++gaps < GAPS - 1) return false;
      store.reclaimBegin = reclaimBegin;
      reclaimed ??= fixture.volume.reclaimed();
      store.touched();
      return store.usage().reclaiming > 0;
    });
    await fixture.write(fixture.volume.origin, 0, random.bytes(CHUNK));
    await reclaimed;
    assert.is(store.usage().reclaiming, 0);
    await goOn(fixture, random);
  });

  test.run();
}
