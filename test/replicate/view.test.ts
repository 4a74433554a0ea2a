/** A snapshot that somebody writes to, replicated as an origin is. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Sent } from "../../src/replicate/round.ts";
import type { Volume } from "../../src/volume/types.ts";
import { bytesOf } from "../diff/random-volume.ts";
import { expectCode } from "../model/history.ts";
import { Random } from "../model/prng.ts";
import { Pair, type Shape, snapshotBytes } from "./sides.ts";

const test = suite("replication of a snapshot");
const SIZE = 2 ** 20;
const SHAPE: Shape = { kind: "range", chunk: 4096, size: SIZE };

/** A store whose snapshot `fork` has gone its own way. */
async function forked(pair: Pair): Promise<Volume> {
  const volume = await pair.here.open();
  await volume.origin.write(0, new Random(1).bytes(SIZE));
  const fork = await volume.snapshot("fork");
  await fork.write(5000, new Random(2).bytes(20_000));
  return volume;
}

async function once(pair: Pair, options: Parameters<Pair["once"]>[0] = {}): Promise<Sent> {
  return (await pair.once({ of: "fork", ...options })).at(-1) as Sent;
}

test("increments of it alone, and the copy's origin is what it is", async () => {
  const pair = new Pair(SHAPE);
  await forked(pair);
  const random = new Random(3);
  const past = new Map<string, Uint8Array>();
  let last: string | null = null;
  for (let round = 0; round < 6; round++) {
    if (round === 4) await pair.here.close();
    const volume = await pair.here.open();
    const fork = volume.get("fork");
    await volume.origin.write(random.below(SIZE - 50_000), random.bytes(50_000));
    await fork.write(random.below(SIZE - 5000), random.bytes(5000));
    if (round === 3) await volume.snapshot("beside", { readOnly: true });
    const { snapshot, from, bytes, follows } = await once(pair);
    assert.is(from, last);
    assert.ok(round === 0 || bytes < 20_000, `${bytes} bytes`);
    assert.ok(follows);
    assert.is(volume.get(snapshot).parent, fork.id);
    past.set(snapshot, await bytesOf(fork));
    assert.equal(await bytesOf((await pair.there.open()).origin), past.get(snapshot));
    last = snapshot;
  }
  assert.equal(await snapshotBytes(await pair.there.open()), past);
});

test("beside the origin's, each to its own copy", async () => {
  const [pair, other] = [new Pair(SHAPE), new Pair(SHAPE)];
  const volume = await forked(pair);
  other.here.volume = volume;
  for (let round = 0; round < 3; round++) {
    await volume.origin.write(round * 9000, new Uint8Array(5000).fill(round));
    await volume.get("fork").write(round * 7000, new Uint8Array(5000).fill(round + 100));
    const [ofFork, ofOrigin] = [await once(pair), (await other.once()).at(-1) as Sent];
    assert.ok(ofFork.follows && ofOrigin.follows);
  }
  assert.equal(await bytesOf((await pair.there.open()).origin), await bytesOf(volume.get("fork")));
  assert.equal(await bytesOf((await other.there.open()).origin), await bytesOf(volume.origin));
});

test("into the copy of another view: refused, either way round", async () => {
  for (const of of ["fork", undefined]) {
    const pair = new Pair(SHAPE);
    await forked(pair);
    await pair.once({ of });
    const other = of === undefined ? "fork" : undefined;
    const before = await snapshotBytes(await pair.there.open());
    await expectCode("Invalid", pair.once({ of: other }));
    assert.equal(await snapshotBytes(await pair.there.open()), before);
    assert.ok(((await pair.once({ of })).at(-1) as Sent).follows);
  }
});

test("rules delete what is of the view alone", async () => {
  const pair = new Pair(SHAPE);
  const volume = await forked(pair);
  const other = new Pair(SHAPE);
  other.here.volume = volume;
  const origins = [];
  for (let i = 0; i < 4; i++) origins.push(((await other.once()).at(-1) as Sent).snapshot);
  for (let i = 0; i < 8; i++) await once(pair, { keep: "2x1s" });
  for (const name of origins) assert.ok(volume.has(name), name);
  const own = volume.snapshots.filter(({ parent }) => parent === volume.get("fork").id);
  assert.is(own.length, 2);
  assert.is((await pair.there.open()).snapshots.length, 2);
});

test("what is half there of it is gone on with", async () => {
  const pair = new Pair(SHAPE);
  await forked(pair);
  pair.trouble = { cut: SIZE / 2 };
  await once(pair).catch(() => {});
  pair.trouble = {};
  const events = (await pair.once({ of: "fork" })) as Sent[];
  assert.equal(
    events.map(({ resumed }) => resumed),
    [true, false],
  );
});

test("none of that name; a kind that has no snapshots of snapshots", async () => {
  const pair = new Pair(SHAPE);
  await expectCode("NotFound", once(pair));
  const bits = new Pair({ ...SHAPE, kind: "bitmap" });
  await forked(bits);
  await expectCode("Unsupported", once(bits));
});

test.run();
