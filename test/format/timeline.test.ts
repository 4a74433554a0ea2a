/**
 * Deleted views and reclaim walks, to the reader: who is in the order, and in a bitmap store which
 * bit a snapshot has, also where a checkpoint falls into a walk.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { TreeStore } from "../../src/stores/tree/tree-store.ts";
import { run } from "../../src/task.ts";
import { Fixture } from "../model/fixture.ts";
import type { OriginMode } from "../model/model.ts";
import { Random } from "../model/prng.ts";
import type { Subject } from "../model/subjects.ts";
import { mustAgree, mustRecoverAs, storeOf, TREES, viewsOf } from "./agree.ts";
import type { StoreReader } from "./reader.ts";

const CHUNK = 4096;
const CHUNKS = 8;
const MOST = 64;

/** Nothing is reclaimed in the background any more; answers what begins a walk and does a step. */
function holdReclaim(store: TreeStore): { begin: () => number; step: () => number } {
  const begin = store.reclaimBegin.bind(store);
  const step = store.reclaimStep.bind(store);
  store.reclaimBegin = () => 0;
  return { begin, step };
}

async function start(subject: Subject, mode: OriginMode, count: number): Promise<Fixture> {
  const random = new Random(count);
  const fixture = await Fixture.make(subject.open, { mode, size: CHUNKS * CHUNK });
  const { origin } = fixture.volume;
  for (let i = 0; i < count; i++) {
    await fixture.write(origin, random.below(CHUNKS) * CHUNK, random.bytes(CHUNK));
    const view = await fixture.snapshot(`${i}`);
    await fixture.write(view, random.below(CHUNKS) * CHUNK, random.bytes(CHUNK));
  }
  await fixture.volume.flush();
  return fixture;
}

async function mustBeRead(fixture: Fixture, subject: Subject): Promise<StoreReader> {
  await fixture.volume.flush();
  const reader = mustAgree(fixture);
  await mustRecoverAs(reader, subject, fixture);
  return reader;
}

function dead(reader: StoreReader): string {
  const deleted = reader.views.filter(({ isLive }) => !isLive);
  return deleted.map(({ id, isMarked }) => (isMarked ? `${id} marked` : `${id}`)).join();
}

for (const subject of TREES) {
  const test = suite(`deleted views: ${subject.name}`);

  for (const mode of ["inline", "base", "attached"] as const) {
    test(`${mode}: a checkpoint inside a reclaim walk, and deletes behind it`, async () => {
      const fixture = await start(subject, mode, 6);
      const { volume } = fixture;
      const store = storeOf(volume);
      const { begin, step } = holdReclaim(store);
      await fixture.delete(volume.get("1"), volume.get("4"));
      assert.is(dead(await mustBeRead(fixture, subject)), "3,6");
      assert.is(begin(), 2);
      assert.ok(step() > 0);
      assert.is(dead(await mustBeRead(fixture, subject)), "3 marked,6 marked");
      await run(store.checkpoint(false));
      assert.is(dead(await mustBeRead(fixture, subject)), "3 marked,6 marked");
      await fixture.delete(volume.get("2"));
      await fixture.snapshot("after");
      await fixture.write(volume.get("after"), 0, new Uint8Array(2 * CHUNK).fill(9));
      assert.is(dead(await mustBeRead(fixture, subject)), "3 marked,4,6 marked");
      for (let status = 1; status !== 0; status = step()) assert.ok(status > 0);
      const ended = await mustBeRead(fixture, subject);
      assert.ok(ended.operations.has("9"));
      assert.is(dead(ended), "4");
      await run(store.checkpoint(false));
      assert.is(dead(await mustBeRead(fixture, subject)), "4");
      const views = viewsOf(volume);
      await volume.close();
      mustAgree(fixture, views);
      await fixture.reopen();
      await fixture.volume.reclaimed();
      assert.is(dead(await mustBeRead(fixture, subject)), "");
      await fixture.volume.close();
    });
  }

  test.run();
}

for (const subject of TREES.filter(({ kind }) => kind === "bitmap")) {
  const test = suite(`bits of snapshots: ${subject.name}`);
  const bitOf = (reader: StoreReader, name: string) =>
    reader.views.find((view) => view.name === name)?.bit;

  test("a deleted snapshot keeps its bit until a walk has ended", async () => {
    const fixture = await start(subject, "inline", 4);
    const { volume } = fixture;
    const { begin, step } = holdReclaim(storeOf(volume));
    await fixture.delete(volume.get("1"));
    await fixture.snapshot("before");
    assert.is(begin(), 1);
    await fixture.snapshot("inside");
    for (let status = 1; status !== 0; status = step()) assert.ok(status > 0);
    await fixture.snapshot("behind");
    const reader = await mustBeRead(fixture, subject);
    const bits = ["0", "2", "3", "before", "inside", "behind"].map((name) => bitOf(reader, name));
    assert.equal(bits, [0, 2, 3, 4, 5, 1]);
    await run(storeOf(volume).checkpoint(false));
    const closed = await mustBeRead(fixture, subject);
    assert.is(bitOf(closed, "behind"), 1);
    await volume.close();
  });

  for (const mode of ["inline", "base", "attached"] as const) {
    test(`${mode}: 64 with an entry in one column, some deleted and made again`, async () => {
      const random = new Random(7);
      const fixture = await start(subject, mode, MOST);
      const { volume } = fixture;
      for (const view of volume.snapshots) await fixture.write(view, 0, random.bytes(CHUNK));
      await fixture.write(volume.origin, 0, random.bytes(CHUNK));
      await volume.flush();
      await run(storeOf(volume).checkpoint(false));
      const full = await mustBeRead(fixture, subject);
      const places = full.views.map((view) => view.places.get(0));
      assert.is(new Set(places).size, MOST + 1, "a place each");
      const gone = volume.snapshots.filter((_, i) => i % 5 === 0);
      await fixture.delete(...gone);
      await volume.reclaimed();
      for (const { id } of gone) await fixture.snapshot(`again ${id}`);
      await fixture.write(volume.origin, 0, random.bytes(3 * CHUNK));
      const again = await mustBeRead(fixture, subject);
      const bits = again.views.flatMap(({ bit }) => bit ?? []);
      assert.equal(
        bits.sort((a, b) => a - b),
        Array.from({ length: MOST }, (_, bit) => bit),
      );
      await run(storeOf(volume).checkpoint(false));
      await mustBeRead(fixture, subject);
      await fixture.verify();
      await volume.close();
    });
  }

  test.run();
}
