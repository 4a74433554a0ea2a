/**
 * Far more exceptions than the metadata cache holds: engine calls fault, blocks are evicted, and
 * all stays right.
 */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fileDevice } from "../../src/devices/file.ts";
import type { Volume } from "../../src/volume/types.ts";
import { firstUnexplained, type Patch } from "../model/explain.ts";
import { Fixture, mustBeClean, mustHold } from "../model/fixture.ts";
import { lateDevice } from "../model/late.ts";
import type { OriginMode } from "../model/model.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";

const CHUNK = 4096;
const CHUNKS = 8192;
const ROUNDS = 14;
const CACHE = 2 ** 20;
/** An entry takes 24 bytes, so these are more than the cache holds. */
const EXCEPTIONS = CACHE / 24;
/** Chunks at random: some 100 to a page, which is over 400 pages; the cache has 252. */
const CHANGED = 40_000;

for (const subject of subjects.filter(({ capabilities }) => !capabilities.fixed)) {
  const test = suite(`metadata larger than its cache: ${subject.name}`);

  /**
   * Snapshots, with every other chunk of a view trimmed or written after each: no two columns
   * can be joined.
   */
  async function scattered(mode: OriginMode, random: Random, late: boolean): Promise<Fixture> {
    const fixture = await Fixture.make(subject.open, {
      mode,
      size: CHUNKS * CHUNK,
      options: { cacheBytes: CACHE },
      wrap: (device) => (late ? lateDevice(device, random.fork(), { atOnce: 0.7 }) : device),
    });
    const { volume, model } = fixture;
    for (let at = 0; at < CHUNKS * CHUNK; at += 2 ** 20) {
      await fixture.write(volume.origin, at, random.bytes(2 ** 20));
    }
    for (let round = 0; round < ROUNDS; round++) {
      const made = await fixture.snapshot(`s${round}`);
      const view = mode === "attached" ? made : volume.origin;
      for (let index = round % 2; index < CHUNKS; index += 2) {
        if (index % 64 > 1) {
          await view.trim(index * CHUNK, CHUNK);
          model.trim(view.id, index * CHUNK, CHUNK);
        } else await fixture.write(view, index * CHUNK + 7, random.bytes(100));
      }
    }
    return fixture;
  }

  async function look(fixture: Fixture, random: Random): Promise<void> {
    const views = [fixture.volume.origin, ...fixture.volume.snapshots];
    for (let i = 0; i < 1000; i++) {
      const view = random.pick(views);
      const offset = random.below(CHUNKS - 8) * CHUNK;
      await mustHold(view, offset, fixture.model.read(view.id, offset, 8 * CHUNK));
    }
  }

  for (const mode of ["base", "attached"] as const) {
    for (const late of [false, true]) {
      test(`${mode}${late ? ", late devices" : ""}`, async () => {
        const random = new Random(12);
        const fixture = await scattered(mode, random, late);
        const { exceptions } = fixture.volume.usage();
        assert.ok(exceptions > EXCEPTIONS, `${exceptions} exceptions`);
        await look(fixture, random);
        await concurrent(fixture, random);
        await fixture.verify();
        await fixture.delete(...fixture.volume.snapshots.filter((_, i) => i % 3 === 0));
        await fixture.volume.reclaimed();
        await look(fixture, random);
        await fixture.volume.close();
        await fixture.reopen();
        await fixture.verify();
        await fixture.delete(...fixture.volume.snapshots);
        await fixture.volume.reclaimed();
        await mustBeClean(fixture.volume);
        await fixture.volume.close();
      });
    }
  }

  test("inline: more pages changed between two checkpoints than the cache holds", async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "multisnap-cache-"));
    process.on("exit", () => fs.rmSync(folder, { recursive: true, force: true }));
    const store = () => fileDevice(path.join(folder, "store"), { lock: false });
    const size = 2 ** 30;
    const options = { cacheBytes: CACHE };
    const volume = await subject.open({ store: await store() }, { create: { size }, ...options });
    const random = new Random(31);
    const bytes = new Uint8Array(CHUNK);
    const numbers = new DataView(bytes.buffer);
    const written = new Map<number, number>();
    for (let i = 1; i <= CHANGED; i++) {
      const chunk = random.below(size / CHUNK);
      numbers.setUint32(0, i);
      await volume.origin.write(chunk * CHUNK, bytes);
      written.set(chunk, i);
    }
    async function holds(opened: Volume): Promise<void> {
      for (const [chunk, number] of written) {
        await opened.origin.read(chunk * CHUNK, bytes);
        assert.is(numbers.getUint32(0), number, `chunk ${chunk}`);
      }
      await mustBeClean(opened);
    }
    await holds(volume);
    await volume.close();
    const again = await subject.open({ store: await store() }, options);
    await holds(again);
    await again.close();
  });

  /** Many requests at once, all over the volume, while blocks come and go. */
  async function concurrent(fixture: Fixture, random: Random): Promise<void> {
    const { volume, model } = fixture;
    const patches: Patch[] = [];
    const before = model.read(volume.origin.id, 0, model.size);
    const writes = Array.from({ length: 300 }, () => {
      const [offset, bytes] = [random.below(CHUNKS - 4) * CHUNK + 100, random.bytes(9000)];
      patches.push({ view: volume.origin.id, offset, bytes });
      return volume.origin.write(offset, bytes);
    });
    await Promise.all([...writes, volume.flush()]);
    for (const { offset, bytes } of patches) {
      const found = new Uint8Array(bytes.length);
      await volume.origin.read(offset, found);
      const old = before.subarray(offset, offset + bytes.length);
      const at = firstUnexplained(old, patches, found, offset, "all");
      assert.is(at, -1, `the origin at byte ${at}`);
      model.write(volume.origin.id, offset, found);
    }
  }

  test.run();
}
