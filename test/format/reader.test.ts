/**
 * Stores that the library makes, read by the reader that knows nothing but FORMAT.md: closed ones,
 * and ones copied while open after a flush, as a crash leaves them.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { View, Volume } from "../../src/volume/types.ts";
import { same } from "../model/explain.ts";
import { Fixture, readAll } from "../model/fixture.ts";
import type { Image } from "../model/image.ts";
import type { OriginMode } from "../model/model.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";
import type { Opener } from "../model/subjects.ts";
import { StoreReader } from "./reader.ts";

const open = (subjects.find(({ kind }) => kind === "range") as { open: Opener }).open;
const MODES: OriginMode[] = ["inline", "base", "attached"];

function bytesOf(image: Image): Uint8Array {
  const bytes = new Uint8Array(image.size);
  image.read(bytes, 0, bytes.length, 0);
  return bytes;
}

interface Seen {
  id: number;
  parent: number;
  name: string;
  readOnly: boolean;
  created: number;
  size: number;
}

/** What the library says of its views, with their bytes. */
async function seenBy(volume: Volume): Promise<{ views: Seen[]; bytes: Map<number, Uint8Array> }> {
  const all: View[] = [volume.origin, ...volume.snapshots];
  const bytes = new Map<number, Uint8Array>();
  for (const view of all) bytes.set(view.id, await readAll(view));
  const views = all.map(({ id, parent, name, readOnly, created, size }) => {
    return { id, parent: parent ?? 0, name: name ?? "", readOnly, created, size };
  });
  return { views, bytes };
}

function mustAgree(reader: StoreReader, volume: Volume, seen: Awaited<ReturnType<typeof seenBy>>) {
  assert.is(reader.uuid, volume.uuid.replaceAll("-", ""));
  assert.is(reader.chunk, volume.chunk);
  const live = reader.views.filter(({ isLive }) => isLive).sort((a, b) => a.id - b.id);
  const views = live.map(({ id, parent, name, readOnly, created, size }) => {
    return { id, parent, name, readOnly, created, size };
  });
  assert.equal(views, seen.views);
  for (const { id, size } of views) {
    assert.ok(same(reader.read(id, 0, size), seen.bytes.get(id) as Uint8Array), `view ${id}`);
  }
}

/** One operation, any; what is refused (a read-only view) is left out. */
async function step(volume: Volume, random: Random, number: number): Promise<void> {
  const views = [volume.origin, ...volume.snapshots];
  const view = random.pick(views.filter(({ readOnly }) => !readOnly));
  const length = random.between(1, 5 * volume.chunk);
  const offset = random.below(view.size - length);
  const act = random.weighted({
    write: 60,
    trim: 8,
    zero: 6,
    make: 10,
    drop: 6,
    name: 3,
    flush: 7,
  });
  if (act === "write") await view.write(offset, random.bytes(length));
  if (act === "trim") await view.trim(offset, length);
  if (act === "zero") await view.writeZeroes(offset, length);
  if (act === "flush") await volume.flush();
  if (act === "make" && views.length < 12) {
    const of = random.pick(views);
    await volume.snapshot(`${number}, ${"é".repeat(random.below(60))}`, {
      of,
      readOnly: random.chance(0.2),
    });
  }
  if (views.length < 3) return;
  const snapshot = random.pick(views.slice(1));
  if (act === "drop") await volume.delete(snapshot);
  if (act === "name") await volume.rename(snapshot, `renamed ${number}`);
}

/** A random history; answers how many records the reader had to replay on the way. */
async function history(mode: OriginMode, chunk: number, seed: number): Promise<number> {
  const random = new Random(seed);
  const isLarge = chunk > 65536;
  const size = (isLarge ? 12 : 60) * chunk + 512 * random.below(8);
  const steps = isLarge ? 120 : 240;
  const fixture = await Fixture.make(open, { mode, size, chunk });
  const under = () => (mode === "inline" ? null : bytesOf(fixture.under));
  let records = 0;
  for (let number = 0; number < steps; number++) {
    const { volume } = fixture;
    await step(volume, random, number);
    if (number % (steps / 6) === steps / 6 - 1) {
      await volume.flush();
      const reader = new StoreReader(bytesOf(fixture.store), under());
      records += reader.records;
      mustAgree(reader, volume, await seenBy(volume));
    }
    if (number % (steps / 3) === steps / 3 - 1) {
      const seen = await seenBy(volume);
      await volume.close();
      const reader = new StoreReader(bytesOf(fixture.store), under());
      assert.is(reader.records, 0, "a closed store has nothing to replay");
      mustAgree(reader, volume, seen);
      await fixture.reopen();
    }
  }
  await fixture.volume.close();
  return records;
}

for (const mode of MODES) {
  for (const chunk of [4096, 16384, 262144, 1048576]) {
    const seeds = chunk > 65536 ? [1] : [1, 2];
    test(`${mode}, chunks of ${chunk} bytes: the reader reads what the library reads`, async () => {
      let records = 0;
      for (const seed of seeds) records += await history(mode, chunk, seed);
      assert.ok(records > 0, "no history had a journal to replay");
    });
  }
}

test("a tree of several levels, and a journal of many records", async () => {
  const random = new Random(4);
  const count = 6000;
  const fixture = await Fixture.make(open, { mode: "inline", size: count * 4096 });
  const { volume } = fixture;
  const write = () => volume.origin.write(random.below(count) * 4096, random.bytes(4096));
  for (let i = 0; i < 4000; i++) await write();
  await volume.snapshot("before");
  for (let i = 0; i < 4000; i++) await write();
  const seen = await seenBy(volume);
  await volume.close();
  const closed = new StoreReader(bytesOf(fixture.store));
  assert.is(closed.height, 2);
  assert.ok(closed.entries > 4000, `${closed.entries} entries`);
  mustAgree(closed, volume, seen);
  await fixture.reopen();
  for (let i = 0; i < 40; i++) {
    await fixture.volume.origin.write(random.below(count) * 4096, random.bytes(4096));
    await fixture.volume.snapshot(`${i}`);
  }
  const opened = new StoreReader(bytesOf(fixture.store));
  assert.ok(opened.records >= 40, `${opened.records} records`);
  mustAgree(opened, fixture.volume, await seenBy(fixture.volume));
});

test("a copy into a wide column, one gap an operation, and new data behind it", async () => {
  const random = new Random(5);
  const fixture = await Fixture.make(open, { mode: "attached", size: 8 * 4096 });
  const { volume } = fixture;
  for (let i = 0; i < 400; i++) {
    await volume.snapshot(`${i}`);
    await volume.origin.write(0, random.bytes(4096));
  }
  for (let i = 0; i < 4; i++) {
    await volume.snapshot(`gap ${i}`);
    await (await volume.snapshot(`own ${i}`)).write(0, random.bytes(4096));
  }
  await volume.origin.write(0, random.bytes(4096));
  await volume.get("gap 0").write(0, random.bytes(4096));
  await volume.get("gap 3").write(4096, random.bytes(7 * 4096));
  await volume.flush();
  const crashed = new StoreReader(bytesOf(fixture.store), bytesOf(fixture.under));
  assert.ok(crashed.records > 0);
  mustAgree(crashed, volume, await seenBy(volume));
  await volume.close();
  const closed = new StoreReader(bytesOf(fixture.store), bytesOf(fixture.under));
  mustAgree(closed, volume, await seenBy(await fixture.reopen()));
});

test("the reader refuses what is not as it was written", async () => {
  const fixture = await Fixture.make(open, { mode: "inline", size: 2 ** 20 });
  await fixture.volume.origin.write(0, new Uint8Array(8192).fill(1));
  await fixture.volume.close();
  const bytes = bytesOf(fixture.store);
  assert.is(new StoreReader(bytes).entries, 1);
  const leaf = Buffer.from(bytes).indexOf("LEAF");
  for (const at of [leaf, leaf + 60]) {
    const damaged = bytes.slice();
    damaged[at] = (damaged[at] as number) ^ 1;
    assert.throws(() => new StoreReader(damaged), /not as FORMAT.md says/);
  }
});

test.run();
