/**
 * Sizes that change: random histories of resizes, writes, snapshots and rollbacks against a model
 * in which each view is an array of bytes; power cuts in the middle; what is refused.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { seededEnv } from "../../src/env.ts";
import { CAPABILITIES } from "../../src/stores/kinds.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import type { View, Volume } from "../../src/volume/types.ts";
import { CrashLog, Wreck } from "../crash/log.ts";
import { mustBeClean, mustHold, readAll } from "../model/fixture.ts";
import { expectCode } from "../model/history.ts";
import { Image, imageDevice } from "../model/image.ts";
import type { OriginMode } from "../model/model.ts";
import { Random } from "../model/prng.ts";
import { type Devices, rollsBack } from "../model/subjects.ts";
import { Failing } from "../model/watched.ts";

const CHUNK = 4096;
const test = suite("resize");
type Kind = "range" | "bitmap";

function devicesOf(mode: OriginMode, store: Image, under: Image): Devices {
  const device = imageDevice(store);
  if (mode === "inline") return { store: device };
  if (mode === "attached") return { store: device, origin: imageDevice(under) };
  return { store: device, base: imageDevice(under, { fixed: true, readOnly: true }) };
}

class Story {
  readonly random: Random;
  readonly mode: OriginMode;
  readonly kind: Kind;
  readonly store = new Image();
  readonly under: Image;
  readonly contents = new Map<number, Uint8Array>();
  volume!: Volume;
  #names = 0;

  constructor(seed: number, kind: Kind, mode: OriginMode) {
    this.random = new Random(seed);
    this.kind = kind;
    this.mode = mode;
    this.under = Image.of(this.random.bytes(20 * CHUNK));
  }

  get devices(): Devices {
    return devicesOf(this.mode, this.store, this.under);
  }

  async begin(): Promise<void> {
    const size = this.#size();
    const create = { kind: this.kind, size: this.mode === "attached" ? 20 * CHUNK : size };
    this.volume = await openVolume({ ...this.devices, env: seededEnv(1), create });
    this.contents.set(this.volume.origin.id, await readAll(this.volume.origin));
  }

  #size(): number {
    return this.random.between(1, 30 * 8) * 512;
  }

  any(): View {
    return this.random.pick([this.volume.origin, ...this.volume.snapshots]);
  }

  async step(): Promise<void> {
    const { volume, random, contents } = this;
    const what = random.weighted({ write: 10, trim: 2, resize: 5, snapshot: 3, back: 2, drop: 2 });
    const view = this.any();
    const bytes = contents.get(view.id)!;
    if (what === "write") {
      const offset = random.below(bytes.length);
      const data = random.bytes(random.between(1, Math.min(bytes.length - offset, 3 * CHUNK)));
      await view.write(offset, data);
      bytes.set(data, offset);
    } else if (what === "trim") {
      const first = random.below(Math.ceil(bytes.length / CHUNK)) * CHUNK;
      await view.writeZeroes(first, bytes.length - first);
      bytes.fill(0, first);
    } else if (what === "resize") await this.#resize(this.#size());
    else if (what === "snapshot" && volume.snapshots.length < 6) {
      const of = CAPABILITIES[this.kind].ofSnapshots ? view : volume.origin;
      const made = await volume.snapshot(`s${this.#names++}`, { of });
      contents.set(made.id, contents.get(of.id)!.slice());
    } else if (what === "drop" && view.name !== null) {
      await volume.delete(view);
      contents.delete(view.id);
    } else if (what === "back") await this.#rollback(view, this.any());
  }

  async #rollback(view: View, to: View): Promise<void> {
    const can = rollsBack(CAPABILITIES[this.kind], this.mode, view.name === null);
    if (!can || view.id === to.id) return;
    await this.volume.rollback(to, { of: view });
    this.contents.set(view.id, this.contents.get(to.id)!.slice());
  }

  async #resize(size: number): Promise<void> {
    const { volume, contents } = this;
    const { id, size: from } = volume.origin;
    if (size < from) await expectCode("Invalid", volume.resize(size));
    await volume.resize(size, { shrink: true });
    const now = new Uint8Array(size);
    now.set(contents.get(id)!.subarray(0, size));
    contents.set(id, now);
    if (this.mode === "attached") assert.is(this.under.size, Math.max(size, 0));
  }

  async verify(): Promise<void> {
    for (const view of [this.volume.origin, ...this.volume.snapshots]) {
      const expected = this.contents.get(view.id)!;
      assert.is(view.size, expected.length);
      await mustHold(view, 0, expected);
      await expectCode("Invalid", view.read(view.size, new Uint8Array(1)));
    }
  }

  async reopen(): Promise<void> {
    await this.volume.close();
    this.volume = await openVolume({ ...this.devices, env: seededEnv(1) });
  }
}

for (const kind of ["range", "bitmap"] as const) {
  for (const mode of ["inline", "base", "attached"] as const) {
    test(`${kind}, ${mode}: random histories`, async () => {
      for (let seed = 1; seed <= 30; seed++) {
        const story = new Story(seed, kind, mode);
        try {
          await story.begin();
          for (let i = 0; i < 40; i++) {
            await story.step();
            await story.verify();
            if (i % 13 === 12) await story.reopen();
          }
          await mustBeClean(story.volume);
          await story.verify();
          await story.volume.delete(...story.volume.snapshots);
          await story.volume.reclaimed();
          if (mode !== "inline") continue;
          await story.volume.origin.writeZeroes(0, story.volume.origin.size);
          await story.volume.resize(512, { shrink: true });
          await story.volume.flush();
          await story.volume.reclaimed();
          assert.ok(story.volume.usage().dataBytes <= CHUNK, "a leak");
        } catch (error) {
          throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
        } finally {
          await story.volume.close().catch(() => {});
        }
      }
    });

    test(`${kind}, ${mode}: the power goes at every event of a resize`, async () => {
      for (const to of [5 * CHUNK + 512, 27 * CHUNK + 1024]) {
        const random = new Random(to);
        const images = [new Image(), Image.of(random.bytes(20 * CHUNK))];
        const first = devicesOf(mode, images[0]!, images[1]!);
        const create = { kind, size: 20 * CHUNK };
        const volume = await openVolume({ ...first, env: seededEnv(1), create });
        await volume.origin.write(0, random.bytes(20 * CHUNK));
        const snapshot = await volume.snapshot("before");
        await volume.origin.write(7 * CHUNK + 100, random.bytes(9 * CHUNK));
        const [old, then] = [await readAll(volume.origin), await readAll(snapshot)];
        await volume.close();
        const log = new CrashLog();
        const store = log.device(images[0]!);
        const below = log.device(images[1]!, { readOnly: mode === "base" });
        const again = await openVolume({
          store,
          ...(mode === "attached" && { origin: below }),
          ...(mode === "base" && { base: below }),
        });
        await again.resize(to, { shrink: true });
        const now = await readAll(again.origin);
        await again.close();
        assert.equal(
          now.subarray(0, Math.min(to, old.length)),
          old.subarray(0, Math.min(to, old.length)),
        );
        const wreck = new Wreck(log);
        for (const event of log.events) {
          wreck.advance(event);
          const effort = { allUpTo: 2, samples: 2, torn: 0 };
          for (const left of wreck.states(random, effort, true)) {
            const opened = await openVolume(devicesOf(mode, left[0]!.copy(), left[1]!.copy()));
            await mustBeClean(opened);
            await mustHold(opened.get("before"), 0, then);
            const found = await readAll(opened.origin);
            const isNew = found.length === to;
            assert.ok(isNew || found.length === old.length, `${found.length} bytes`);
            const kept = Math.min(to, old.length);
            assert.equal(found.subarray(0, kept), old.subarray(0, kept));
            if (isNew) assert.equal(found, now);
            await opened.close();
          }
        }
      }
    });
  }
}

test("what is refused changes nothing", async () => {
  const volume = await openVolume({ store: imageDevice(new Image()), create: { size: CHUNK } });
  for (const size of [0, -512, 100, 2 ** 53, Number.NaN, 2 ** 52 + 512]) {
    await expectCode("Invalid", volume.resize(size, { shrink: true }));
  }
  await expectCode("Invalid", volume.resize(512));
  await expectCode("Unsupported", volume.resize(2 ** 32 * CHUNK));
  await expectCode("Invalid", volume.setMaxSize(1));
  await expectCode("Invalid", volume.setMaxSize(0.5));
  assert.is(volume.origin.size, CHUNK);
  await volume.close();
});

test("a limit that rises lets a full store go on, and is remembered", async () => {
  const store = new Image();
  const create = { size: 2 ** 24, maxSize: 2 ** 21 };
  const volume = await openVolume({ store: imageDevice(store), create });
  const data = new Uint8Array(2 ** 21).fill(1);
  await expectCode("NoSpace", volume.origin.write(0, data));
  await volume.setMaxSize(2 ** 23);
  await volume.origin.write(0, data);
  assert.is(volume.usage().maxBytes, 2 ** 23);
  await volume.close();
  const again = await openVolume({ store: imageDevice(store) });
  assert.is(again.usage().maxBytes, 2 ** 23);
  await again.setMaxSize(null);
  await again.origin.write(0, new Uint8Array(2 ** 24).fill(2));
  await again.close();
});

test("a write that waits past the new end is refused, not kept somewhere", async () => {
  const volume = await openVolume({ store: imageDevice(new Image()), create: { size: 8 * CHUNK } });
  const data = new Uint8Array(CHUNK).fill(1);
  const resizing = volume.resize(4 * CHUNK, { shrink: true });
  const late = volume.origin.write(6 * CHUNK, data).catch((error) => error.code);
  await resizing;
  const outcome = await late;
  await volume.resize(8 * CHUNK);
  const found = new Uint8Array(CHUNK);
  await volume.origin.read(6 * CHUNK, found);
  assert.equal(found, new Uint8Array(CHUNK), `${outcome}`);
  await volume.close();
});

for (const [way, size] of [
  ["grows", 24 * CHUNK],
  ["shrinks", 8 * CHUNK],
] as const) {
  test(`an attached origin ${way}, and its device fails a flush: the volume says so`, async () => {
    let failed = 0;
    for (let nth = 1; failed === nth - 1; nth++) {
      const failing = new Failing();
      const origin = failing.device(imageDevice(Image.of(new Uint8Array(20 * CHUNK).fill(3))));
      const volume = await openVolume({ store: imageDevice(new Image()), origin, create: {} });
      await volume.snapshot("s");
      failing.fail("flush", nth, 1);
      const done = await volume.resize(size, { shrink: true }).catch((error) => error.code);
      const isMet = failing.failed > 0;
      failing.fail("flush", Number.POSITIVE_INFINITY);
      if (isMet) failed++;
      assert.is(done, isMet ? "Io" : undefined);
      const written = volume.origin.write(0, new Uint8Array(CHUNK));
      const outcome = written.then(() => volume.flush()).then(() => "none");
      assert.is(await outcome.catch((error) => error.code), isMet ? "ReadOnly" : "none", `${nth}`);
      await volume.close().catch(() => {});
    }
    assert.ok(failed > 0, "a flush has failed");
  });
}

test.run();
