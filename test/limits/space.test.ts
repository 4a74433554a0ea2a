/**
 * A full store: `NoSpace` for the writer, no harm to any snapshot (I8), and a way out by deleting
 * (I9).
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fixture, type FixtureOptions } from "../model/fixture.ts";
import type { OriginMode } from "../model/model.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";

const CHUNK = 4096;
const CHUNKS = 1024;
const LIMIT = 24 * 2 ** 20;

const limits: [name: string, how: Partial<FixtureOptions>][] = [
  ["a device of fixed size", { storeSize: LIMIT }],
  ["maxSize", { create: { maxSize: LIMIT } }],
];

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => "none",
    (error) => error.code ?? String(error),
  );
}

/**
 * Snapshots and rewrites until the store is full. The write that failed may have changed its
 * range, and nothing else.
 */
async function fill(fixture: Fixture, random: Random): Promise<void> {
  const { volume, model } = fixture;
  for (let round = 0; round < 100; round++) {
    const snapshotted = await codeOf(fixture.snapshot(`s${round}`));
    if (snapshotted !== "none") return assert.is(snapshotted, "NoSpace");
    for (let i = 0; i < 64; i++) {
      const offset = random.below(CHUNKS - 16) * CHUNK + random.pick([0, 0, 1000]);
      const bytes = random.bytes(random.pick([700, CHUNK, 16 * CHUNK]));
      const code = await codeOf(volume.origin.write(offset, bytes));
      if (code === "none") {
        model.write(volume.origin.id, offset, bytes);
        continue;
      }
      assert.is(code, "NoSpace");
      const found = new Uint8Array(bytes.length);
      await volume.origin.read(offset, found);
      const old = model.read(volume.origin.id, offset, bytes.length);
      const strange = found.findIndex((byte, at) => byte !== bytes[at] && byte !== old[at]);
      assert.is(strange, -1, "the failed write left old or new bytes");
      return model.write(volume.origin.id, offset, found);
    }
  }
  assert.unreachable("the store never became full");
}

for (const subject of subjects.filter(({ kind }) => kind === "range")) {
  const test = suite(`a full store: ${subject.name}`);
  for (const [limit, how] of limits) {
    for (const mode of ["inline", "base", "attached"] as OriginMode[]) {
      test(`${limit}, ${mode}`, async () => {
        const random = new Random(8);
        const fixture = await Fixture.make(subject.open, {
          mode,
          size: CHUNKS * CHUNK,
          chunk: CHUNK,
          ...how,
        });
        await fixture.write(fixture.volume.origin, 0, random.bytes(200 * CHUNK));
        for (let round = 0; round < 3; round++) {
          await fill(fixture, random);
          assert.ok(fixture.store.size <= LIMIT, `the store has ${fixture.store.size} bytes`);
          assert.is(fixture.volume.readOnly, false, "a full store takes deletes");
          await fixture.verify();
          await fixture.volume.flush();
          await fixture.volume.close();
          await fixture.reopen();
          await fixture.verify();
          await fixture.delete(...fixture.volume.snapshots);
          await fixture.volume.reclaimed();
          await fixture.verify();
          await fixture.write(fixture.volume.origin, 5 * CHUNK, random.bytes(20 * CHUNK));
        }
        await fixture.verify();
        await fixture.volume.close();
      });
    }
  }
  test.run();
}
