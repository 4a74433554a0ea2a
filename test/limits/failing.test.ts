/**
 * A device that fails: the request gets `Io`; after failed metadata the volume is read-only;
 * nothing flushed is lost.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { MultisnapError } from "../../src/errors.ts";
import type { View } from "../../src/volume/types.ts";
import { firstUnexplained, type Patch } from "../model/explain.ts";
import { Fixture, mustBeClean, mustHold, readAll } from "../model/fixture.ts";
import type { OriginMode } from "../model/model.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";
import { Failing } from "../model/watched.ts";

const CHUNK = 4096;
const CHUNKS = 32;

async function errorOf(promise: Promise<unknown>): Promise<MultisnapError | null> {
  return await promise.then(
    () => null,
    (error) => error,
  );
}

for (const subject of subjects) {
  const test = suite(`failing devices: ${subject.name}`);
  const { origins, fixed, crash } = subject.capabilities;

  async function start(mode: OriginMode, role: "store" | "under") {
    const failing = new Failing();
    const fixture = await Fixture.make(subject.open, {
      mode,
      size: CHUNKS * CHUNK,
      wrap: (device, which) => (which === role ? failing.device(device) : device),
    });
    const random = new Random(3);
    await fixture.write(fixture.volume.origin, 0, random.bytes(8 * CHUNK));
    const snapshot = await fixture.anySnapshot("s");
    await fixture.write(fixture.volume.origin, 2 * CHUNK, random.bytes(3 * CHUNK));
    await fixture.write(snapshot, 100, random.bytes(2 * CHUNK));
    await fixture.volume.flush();
    return { failing, fixture, random, name: snapshot.name as string };
  }

  /** Of a volume that is open again: those that were kept. */
  function keptViews({ volume }: Fixture): View[] {
    return crash === "lost" ? [volume.origin] : [volume.origin, ...volume.snapshots];
  }

  // A store that keeps nothing is never flushed.
  for (const mode of crash === "lost" ? [] : origins) {
    test(`a failed flush makes the volume read-only, ${mode}`, async () => {
      const { failing, fixture, random, name } = await start(mode, "store");
      const { volume } = fixture;
      const pending = random.bytes(CHUNK);
      await volume.origin.write(10 * CHUNK, pending);
      await volume.snapshots[0]?.write(20 * CHUNK, pending);
      failing.fail("flush", 1, 1);
      assert.is((await errorOf(volume.flush()))?.code, "Io");
      assert.is(volume.readOnly, true);
      assert.ok(volume.status().error, "status says why");
      const refused = await errorOf(volume.origin.write(0, pending));
      assert.is(refused?.code, "ReadOnly");
      assert.match(refused?.message ?? "", /flush|EIO/, "the error names the cause");
      if (!fixed) {
        assert.is((await errorOf(volume.snapshot("t")))?.code, "ReadOnly");
        assert.is((await errorOf(volume.delete("s")))?.code, "ReadOnly");
      }
      assert.ok((await errorOf(volume.flush())) !== null, "a failed flush is not retried");
      await mustHold(volume.origin, 0, fixture.model.read(volume.origin.id, 0, 10 * CHUNK));
      const view = volume.get(name);
      await mustHold(view, 0, fixture.model.read(view.id, 0, 20 * CHUNK));
      await errorOf(volume.close());
      await fixture.reopen();
      const patch = (view: number, offset: number): Patch => ({ view, offset, bytes: pending });
      const { origin } = fixture.volume;
      const snapshot = fixture.volume.get(name);
      for (const [view, offset] of [
        [origin, 10 * CHUNK],
        [snapshot, 20 * CHUNK],
      ] as const) {
        const flushed = fixture.model.read(view.id, 0, CHUNKS * CHUNK);
        const found = await readAll(view);
        assert.is(firstUnexplained(flushed, [patch(view.id, offset)], found, 0, "some"), -1);
      }
      await mustBeClean(fixture.volume);
      await fixture.volume.close();
    });
  }

  for (const [mode, role] of [
    ["inline", "store"],
    ["base", "store"],
    ["base", "under"],
    ["attached", "store"],
    ["attached", "under"],
  ] as const) {
    if (!origins.includes(mode)) continue;
    for (const call of ["read", "write"] as const) {
      if (call === "write" && mode === "base" && role === "under") continue;
      test(`a failed ${call} of the ${role} device, ${mode}`, async () => {
        for (let nth = 1; nth <= 8; nth++) {
          const { failing, fixture, random, name } = await start(mode, role);
          const { volume } = fixture;
          failing.fail(call, nth, 1);
          const patches: Patch[] = [];
          const snapshot = volume.get(name);
          for (let i = 0; i < 8 && failing.failed === 0; i++) {
            const view = i % 3 === 2 ? snapshot : volume.origin;
            const [offset, bytes] = [random.below(CHUNKS - 2) * CHUNK + 100, random.bytes(5000)];
            patches.push({ view: view.id, offset, bytes });
            const error = await errorOf(view.write(offset, bytes));
            const read = error ?? (await errorOf(readAll(view)));
            if (error === null && read === null) continue;
            assert.is((error ?? read)?.code, "Io", `call ${nth}: ${(error ?? read)?.message}`);
          }
          await errorOf(volume.flush());
          await errorOf(volume.close());
          await fixture.reopen();
          for (const view of keptViews(fixture)) {
            const flushed = fixture.model.read(view.id, 0, CHUNKS * CHUNK);
            const own = patches.filter((patch) => patch.view === view.id);
            const at = firstUnexplained(flushed, own, await readAll(view), 0, "inOrder");
            assert.is(at, -1, `call ${nth}: view ${view.id} at byte ${at}`);
          }
          await mustBeClean(fixture.volume);
          await fixture.volume.close();
        }
      });
    }
  }

  /** Nothing but metadata is written when the `nth` write fails. */
  async function failWriteBack(nth: number): Promise<void> {
    const [failing, random] = [new Failing(), new Random(nth)];
    const chunks = 100_000;
    const fixture = await Fixture.make(subject.open, {
      mode: "base",
      size: chunks * CHUNK,
      image: new Uint8Array(0),
      wrap: (device, role) => (role === "store" ? failing.device(device) : device),
    });
    const { volume } = fixture;
    const trim = () => volume.origin.trim(2 * random.below(chunks / 2) * CHUNK, CHUNK);
    for (let i = 0; i < chunks / 2; i++) await trim();
    failing.fail("write", nth, 1);
    while (failing.failed === 0) await errorOf(trim());
    assert.is(volume.readOnly, true);
    await errorOf(volume.close());
    await fixture.reopen();
    await mustBeClean(fixture.volume);
    await fixture.volume.close();
  }

  if (origins.includes("base")) {
    test("a metadata block that could not be written back makes the volume read-only", async () => {
      for (const nth of [1, 4, 7]) await failWriteBack(nth);
    });
  }

  test.run();
}
