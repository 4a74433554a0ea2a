/**
 * A device that cannot read: only the request fails, its error names view and byte range, and the
 * volume goes on.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { MultisnapError } from "../../src/errors.ts";
import type { Volume } from "../../src/volume/types.ts";
import { Fixture, type Role } from "../model/fixture.ts";
import { lateDevice } from "../model/late.ts";
import type { OriginMode } from "../model/model.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";
import { Failing } from "../model/watched.ts";

const CHUNK = 4096;
const CHUNKS = 32;
const RANGE = "bytes 8292..8391";

async function errorOf(work: () => unknown): Promise<MultisnapError> {
  try {
    await work();
  } catch (error) {
    return error as MultisnapError;
  }
  throw new Error("it did not fail");
}

for (const subject of subjects) {
  const test = suite(`read errors: ${subject.name}`);

  async function start(mode: OriginMode, role: Role, late: boolean) {
    const failing = new Failing();
    const random = new Random(3);
    const fixture = await Fixture.make(subject.open, {
      mode,
      size: CHUNKS * CHUNK,
      wrap: (device, which) => {
        const one = which === role ? failing.device(device) : device;
        return late ? lateDevice(one, random) : one;
      },
    });
    await fixture.write(fixture.volume.origin, 0, random.bytes(8 * CHUNK));
    const snapshot = await fixture.anySnapshot("s");
    await fixture.write(fixture.volume.origin, 2 * CHUNK, random.bytes(CHUNK));
    return { failing, fixture, name: snapshot.name as string };
  }

  function mustName(error: MultisnapError, doing: string, view: string): void {
    assert.is(error.code, "Io", error.message);
    assert.ok(error.message.startsWith(`${doing} ${RANGE} of ${view}: `), error.message);
    assert.match(error.message, /EIO/);
  }

  async function mustGoOn(fixture: Fixture): Promise<void> {
    assert.is(fixture.volume.readOnly, false);
    assert.is(fixture.volume.status().error, null);
    await fixture.verify();
    await fixture.volume.close();
  }

  /** Where a view's chunk 2 is read from. */
  function roleOf(mode: OriginMode, view: "origin" | "snapshot"): Role {
    return mode === "attached" && view === "origin" ? "under" : "store";
  }

  for (const mode of subject.capabilities.origins) {
    for (const which of ["origin", "snapshot"] as const) {
      for (const late of [false, true]) {
        test(`a read of the ${which}, ${mode}, ${late ? "late" : "at once"}`, async () => {
          const { failing, fixture, name } = await start(mode, roleOf(mode, which), late);
          const view = (volume: Volume) => (which === "origin" ? volume.origin : volume.get(name));
          const label = which === "origin" ? "the origin" : `@${name}`;
          const target = new Uint8Array(100);
          const { volume } = fixture;
          const ways: (() => unknown)[] = [
            () => view(volume).read(2 * CHUNK + 100, target),
            () => view(volume).startRead(2 * CHUNK + 100, target),
          ];
          if (volume.synchronous) ways.push(() => view(volume).readSync(2 * CHUNK + 100, target));
          for (const way of ways) {
            failing.fail("read", 1, 1);
            mustName(await errorOf(way), "reading", label);
            assert.is(failing.failed, 1);
          }
          await mustGoOn(fixture);
        });
      }
    }

    test(`a write that must read first, ${mode}`, async () => {
      const { failing, fixture } = await start(
        mode,
        mode === "attached" ? "under" : "store",
        false,
      );
      const { volume } = fixture;
      if (!subject.capabilities.fixed) await fixture.snapshot("t");
      else return;
      failing.fail("read", 1, 1);
      const source = new Uint8Array(100);
      mustName(
        await errorOf(() => volume.origin.write(2 * CHUNK + 100, source)),
        "writing",
        "the origin",
      );
      await mustGoOn(fixture);
    });
  }

  if (subject.capabilities.origins.includes("base")) {
    test("a read of the base", async () => {
      const { failing, fixture, name } = await start("base", "under", false);
      for (const view of [fixture.volume.origin, fixture.volume.get(name)]) {
        failing.fail("read", 1, 1);
        const read = () => view.read(20 * CHUNK, new Uint8Array(2 * CHUNK));
        const { code, message } = await errorOf(read);
        const label = view.name === null ? "the origin" : `@${name}`;
        assert.is(code, "Io");
        assert.ok(message.startsWith(`reading bytes 81920..90111 of ${label}: base: `), message);
      }
      await mustGoOn(fixture);
    });
  }

  test.run();
}
