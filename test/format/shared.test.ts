/**
 * Chunks that one view has taken over from another, to the reader: as records that are not replayed
 * yet, after a checkpoint, and when one of those who share has written or is gone.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../../src/task.ts";
import { Fixture } from "../model/fixture.ts";
import type { OriginMode } from "../model/model.ts";
import { Random } from "../model/prng.ts";
import type { Subject } from "../model/subjects.ts";
import { mustAgree, mustRecoverAs, storeOf, TREES, viewsOf } from "./agree.ts";
import { clone } from "./steps.ts";

const CHUNK = 4096;
/** Snapshots with an entry each: a column of more than are moved at once. */
const WIDE = 400;

/** What is on the devices, before and after a checkpoint, is what the model has. */
async function mustBeRead(fixture: Fixture, subject: Subject): Promise<void> {
  await fixture.volume.flush();
  await fixture.verify();
  await mustRecoverAs(mustAgree(fixture), subject, fixture);
  await run(storeOf(fixture.volume).checkpoint(false));
  assert.is(mustAgree(fixture).records, 0);
}

/** Closed, opened, and with no snapshot left. */
async function goOn(fixture: Fixture): Promise<void> {
  const views = viewsOf(fixture.volume);
  await fixture.volume.close();
  mustAgree(fixture, views);
  await fixture.reopen();
  await fixture.verify();
  await fixture.delete(...fixture.volume.snapshots);
  await fixture.volume.reclaimed();
  mustAgree(fixture);
  await fixture.verify();
  await fixture.volume.close();
}

for (const subject of TREES) {
  const test = suite(`shared chunks: ${subject.name}`);

  async function start(mode: OriginMode, random: Random): Promise<Fixture> {
    const fixture = await Fixture.make(subject.open, { mode, size: 16 * CHUNK });
    await fixture.write(fixture.volume.origin, 0, random.bytes(8 * CHUNK));
    for (const name of ["a", "b", "c"]) await fixture.snapshot(name);
    await fixture.write(fixture.volume.get("a"), 0, random.bytes(4 * CHUNK));
    await fixture.write(fixture.volume.get("b"), 2 * CHUNK, random.bytes(CHUNK));
    await fixture.volume.flush();
    return fixture;
  }

  for (const mode of ["inline", "base", "attached"] as const) {
    test(`${mode}: from snapshot to snapshot; one writes, one is deleted`, async () => {
      const random = new Random(1);
      const fixture = await start(mode, random);
      const { volume } = fixture;
      const [a, b, c] = [volume.get("a"), volume.get("b"), volume.get("c")];
      const before = volume.usage().dataBytes;
      await clone(fixture, b, a, 0, 6);
      await clone(fixture, c, b, 1, 2);
      await clone(fixture, c, b, 1, 3);
      await volume.flush();
      assert.is(before - volume.usage().dataBytes, CHUNK, "nothing is copied, b's own is free");
      const reader = mustAgree(fixture);
      assert.ok(reader.operations.has("1/8"));
      assert.is(reader.view(b.id).places.get(1), reader.view(a.id).places.get(1));
      await mustBeRead(fixture, subject);
      await fixture.write(a, CHUNK + 100, random.bytes(CHUNK));
      await fixture.write(c, 2 * CHUNK, random.bytes(CHUNK));
      await mustBeRead(fixture, subject);
      await fixture.delete(b);
      await volume.reclaimed();
      await fixture.write(volume.origin, 0, random.bytes(6 * CHUNK));
      await mustBeRead(fixture, subject);
      await goOn(fixture);
    });
  }

  for (const mode of ["inline", "base"] as const) {
    test(`${mode}: from the origin, and to it`, async () => {
      const random = new Random(2);
      const fixture = await start(mode, random);
      const { volume } = fixture;
      const [a, b] = [volume.get("a"), volume.get("b")];
      await clone(fixture, a, volume.origin, 2, 4);
      await clone(fixture, b, volume.origin, 2, 1);
      await mustBeRead(fixture, subject);
      await clone(fixture, volume.origin, a, 0, 2);
      const before = volume.usage().dataBytes;
      await mustBeRead(fixture, subject);
      assert.ok(volume.usage().dataBytes <= before);
      await fixture.write(a, 0, random.bytes(CHUNK));
      await fixture.write(volume.origin, CHUNK, random.bytes(5 * CHUNK));
      await fixture.snapshot("d");
      await mustBeRead(fixture, subject);
      await clone(fixture, volume.origin, b, 0, 8);
      await fixture.write(volume.get("d"), 4 * CHUNK, random.bytes(2 * CHUNK));
      await mustBeRead(fixture, subject);
      await goOn(fixture);
    });
  }

  test.run();
}

for (const subject of TREES.filter(({ kind }) => kind === "range")) {
  const test = suite(`shared chunks, wide columns: ${subject.name}`);

  test("a chunk of one of many", async () => {
    const random = new Random(3);
    const fixture = await Fixture.make(subject.open, { mode: "attached", size: 2 * CHUNK });
    for (let i = 0; i < WIDE; i++) {
      await fixture.snapshot(`${i}`);
      await fixture.write(fixture.volume.origin, 0, random.bytes(CHUNK));
    }
    const view = (i: number) => fixture.volume.get(`${i}`);
    await clone(fixture, view(300), view(7), 0, 1);
    await clone(fixture, view(20), view(300), 0, 1);
    await fixture.volume.flush();
    const reader = mustAgree(fixture);
    assert.ok(reader.operations.has("1/8"));
    await mustBeRead(fixture, subject);
    await fixture.write(view(7), 10, random.bytes(20));
    await mustBeRead(fixture, subject);
    await fixture.delete(view(300), view(7));
    await fixture.volume.reclaimed();
    await mustBeRead(fixture, subject);
    await goOn(fixture);
  });

  test.run();
}
