/** Snapshots carried from one store to another: whatever its kind, its chunks, its origin. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { platformZstd } from "../../src/devices/zstd.ts";
import {
  memoryDevice,
  openVolume,
  type Received,
  receiveStream,
  type StoreKind,
  sendStream,
} from "../../src/index.ts";
import type { View, Volume } from "../../src/volume/types.ts";
import { bytesOf, changeOnce, live, newVolume } from "../diff/random-volume.ts";
import { expectCode } from "../model/history.ts";
import type { OriginMode } from "../model/model.ts";
import { Random } from "../model/prng.ts";
import { contents, inParts, sent } from "./streams.ts";

const SEEDS = Number(process.env.SEEDS ?? 40);
const FIRST = Number(process.env.SEED ?? 1);
const test = suite("send and receive");

async function anyVolume(random: Random, size: number): Promise<Volume> {
  const kind: StoreKind = random.pick(["range", "range", "bitmap"]);
  const mode: OriginMode = random.pick(["inline", "inline", "base", "attached"]);
  const chunk = random.pick([4096, 4096, 8192, 16384]);
  return (await newVolume({ kind, mode, chunk, size }, random)).volume;
}

function receive(volume: Volume, bytes: Uint8Array, random?: Random): Promise<Received> {
  return receiveStream(volume, inParts(bytes, random));
}

async function mustEqual(from: Volume, to: Volume, name: string): Promise<void> {
  const [a, b] = [await bytesOf(from.get(name)), await bytesOf(to.get(name))];
  assert.is(Buffer.compare(a, b), 0, `${name} is not what was sent`);
  assert.is(from.get(name).created, to.get(name).created);
}

async function isOther(view: View, then: Uint8Array): Promise<boolean> {
  return Buffer.compare(await bytesOf(view), then) !== 0;
}

let increments = 0;

test("random pasts, whole, increments and chains, into any store", async () => {
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    await oneHistory(seed).catch((error) => {
      throw new Error(`SEED=${seed} SEEDS=1: ${error.stack}`);
    });
  }
  assert.ok(increments >= SEEDS / 4 || SEEDS === 1, `${increments} increments`);
});

async function oneHistory(seed: number): Promise<void> {
  const random = new Random(seed);
  const size = 4096 * random.between(4, 40) + 512 * random.between(0, 7);
  const [from, to] = [await anyVolume(random, size), await anyVolume(random, size)];
  if (random.chance(0.3)) await live(to, random, 10);
  for (const { name } of to.snapshots) await to.rename(name!, `own ${name}`);
  const compress = random.pick(["none", "gzip"] as const);
  /** What was sent, with the bytes that it had then. */
  const there = new Map<number, Uint8Array>();
  for (let round = 0; round < 4; round++) {
    await live(from, random, 25);
    if (from.snapshots.length === 0) await from.snapshot("first");
    const left = from.snapshots.filter(({ id }) => !there.has(id));
    if (left.length === 0) continue;
    const own = (await contents(to)) as Record<string, string>;
    const bases = from.snapshots.filter(({ id }) => there.has(id));
    const base = bases.length > 0 && random.chance(0.7) ? random.pick(bases) : undefined;
    const target = left.at(-1)!;
    const all = left.length > 1 && !base && there.size === 0 && random.chance(0.7);
    const bytes = await sent(from, target, { from: base, all, compress });
    const received = await receive(to, bytes, random).catch((error) => error);
    if (base && (await isOther(base, there.get(base.id)!))) {
      const why = `${base.name} was written since it was sent: ${received.stack}`;
      assert.is(received.code, "Invalid", why);
    }
    // Something was written, though it was there before.
    if (base && received.code === "Invalid") continue;
    const { snapshots, follows } = received as Received;
    assert.ok(snapshots, received);
    assert.is(snapshots.at(-1)!.name, target.name);
    for (const { name } of snapshots) {
      there.set(from.get(name).id, await bytesOf(from.get(name)));
      await mustEqual(from, to, name);
    }
    if (follows) assert.equal(await bytesOf(to.origin), await bytesOf(target));
    if (base) increments++;
    const { "": _, ...now } = await contents(to);
    for (const [name, digest] of Object.entries(own)) if (name) assert.is(now[name], digest);
  }
  assert.ok((await to.check()).clean);
  await from.close();
  await to.close();
}

test("increments between writable snapshots, back and forth", async () => {
  const random = new Random(77);
  const size = 32 * 4096;
  const past = { kind: "range", mode: "inline", chunk: 4096, size } as const;
  const { volume: a } = await newVolume(past, random);
  const { volume: b } = await newVolume({ ...past, kind: "bitmap", chunk: 8192 }, random);
  await live(a, random, 20);
  for (const { name } of a.snapshots) await a.delete(name!);
  await a.snapshot("one");
  assert.ok((await receive(b, await sent(a, "one"))).follows);
  for (const [name, before] of [
    ["two", "one"],
    ["three", "two"],
  ]) {
    for (let i = 0; i < 5; i++) await changeOnce(a.origin, 4096, random);
    await a.snapshot(name!);
    const bytes = await sent(a, name!, { from: before });
    assert.ok(bytes.length < 6 * 3 * 8192 + 1000);
    assert.ok((await receive(b, bytes)).follows);
    await mustEqual(a, b, name!);
    assert.equal(await bytesOf(b.origin), await bytesOf(a.get(name!)));
  }
  // What was written there since stays: the origin follows no more.
  await b.origin.write(0, new Uint8Array(10).fill(9));
  const written = await bytesOf(b.origin);
  await a.snapshot("four");
  const { follows } = await receive(b, await sent(a, "four", { from: "three" }));
  assert.is(follows, false);
  assert.equal(await bytesOf(b.origin), written);
  // And back again: what was received keeps its identity.
  await b.snapshot("five");
  await receive(a, await sent(b, "five", { from: "four" }));
  await mustEqual(b, a, "five");
  await a.close();
  await b.close();
});

test("what was read-only when it was sent is no base once it was changed", async () => {
  const random = new Random(79);
  const past = { kind: "range", mode: "inline", chunk: 4096, size: 8 * 4096 } as const;
  for (const change of ["nothing", "write", "rollback"]) {
    const { volume: a } = await newVolume(past, random);
    const { volume: b } = await newVolume(past, random);
    await a.snapshot("empty");
    await a.origin.write(0, random.bytes(5000));
    const one = await a.snapshot("one", { readOnly: true });
    await receive(b, await sent(a, "one"));
    await a.set("one", { readOnly: false });
    if (change === "write") await one.write(100, random.bytes(10));
    if (change === "rollback") await a.rollback("empty", { of: one });
    await a.set("one", { readOnly: true });
    await a.snapshot("two");
    const received = receive(b, await sent(a, "two", { from: "one" }));
    if (change === "nothing") assert.ok((await received).follows);
    else await expectCode("Invalid", received);
    await a.close();
    await b.close();
  }
});

test("snapshots of other sizes, and the origin follows them", async () => {
  const random = new Random(80);
  for (const kind of ["range", "bitmap"] as const) {
    const past = { kind, mode: "inline", chunk: 4096, size: 8 * 4096 } as const;
    const { volume: a } = await newVolume(past, random);
    const { volume: b } = await newVolume({ ...past, size: 3 * 4096 + 512 }, random);
    await a.origin.write(0, random.bytes(8 * 4096));
    await a.snapshot("0");
    assert.ok((await receive(b, await sent(a, "0"))).follows);
    for (const [i, chunks] of [20.5, 2.25, 11].entries()) {
      await a.resize(4096 * chunks, { shrink: true });
      for (let n = 0; n < 4; n++) await changeOnce(a.origin, 4096, random);
      await a.snapshot(`${i + 1}`);
      assert.ok((await receive(b, await sent(a, `${i + 1}`, { from: `${i}` }))).follows);
      await mustEqual(a, b, `${i + 1}`);
      assert.is(b.origin.size, 4096 * chunks);
      assert.equal(await bytesOf(b.origin), await bytesOf(a.origin));
    }
    assert.ok((await b.check()).clean);
    await a.close();
    await b.close();
  }
});

test("a wrong base is refused, and said which one is needed", async () => {
  const random = new Random(78);
  const past = { kind: "range", mode: "inline", chunk: 4096, size: 8 * 4096 } as const;
  const { volume: a } = await newVolume(past, random);
  const { volume: b } = await newVolume(past, random);
  const { volume: c } = await newVolume(past, random);
  await a.snapshot("one");
  await a.origin.write(0, random.bytes(5000));
  await a.snapshot("two");
  await c.snapshot("one");
  const step = await sent(a, "two", { from: "one" });
  await expectCode("NotFound", receive(b, step));
  await expectCode("NotFound", receive(c, step));
  assert.match(await messageOf(receive(c, step)), /follows on "one" .*nothing of that volume/);
  await receive(b, await sent(a, "one"));
  const before = await contents(b);
  // The base was written where it comes from, after it was sent.
  await a.get("one").write(4096, random.bytes(10));
  const later = await sent(a, "two", { from: "one" });
  await expectCode("Invalid", receive(b, later));
  assert.match(await messageOf(receive(b, later)), /"one" is that, but was written since/);
  assert.equal(await contents(b), before);
  // What was sent before the write still fits.
  await receive(b, step);
  await expectCode("Exists", receive(b, step));
  for (const volume of [a, b, c]) await volume.close();
});

async function messageOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "no error",
    (error) => error.message,
  );
}

test("compression: as the platform has it", async () => {
  const random = new Random(81);
  const past = { kind: "range", mode: "inline", chunk: 4096, size: 2 ** 22 } as const;
  const { volume: a } = await newVolume(past, random);
  const half = new Uint8Array(2 ** 21).map((_, i) => (i >> 9) & 255);
  await a.origin.write(0, half);
  await a.origin.write(2 ** 21, random.bytes(2 ** 20));
  await a.snapshot("one");
  const plain = await sent(a, "one");
  for (const compress of ["gzip", "zstd"] as const) {
    if (compress === "zstd" && !platformZstd()) {
      await expectCode("Unsupported", sent(a, "one", { compress }));
      continue;
    }
    const { volume: b } = await newVolume(past, random);
    const bytes = await sent(a, "one", { compress });
    assert.ok(bytes.length < plain.length - 2 ** 20, `${compress}: ${bytes.length}`);
    await receive(b, bytes, random);
    await mustEqual(a, b, "one");
  }
  await expectCode("Unsupported", sent(a, "one", { compress: "lzw" as "gzip" }));
});

test("from a store that notes nothing: whole while nobody writes, never as a base", async () => {
  const random = new Random(83);
  const size = 2 ** 22;
  const origin = memoryDevice({ size });
  const store = memoryDevice();
  await origin.write(random.bytes(size), 0, size, 0);
  const a = await openVolume({ store, origin, create: { kind: "persistent" } });
  await a.origin.write(0, random.bytes(size / 2));
  const cow = a.get("cow");
  await cow.write(4096, random.bytes(5000));
  const { volume: b } = await newVolume(
    { kind: "range", mode: "inline", chunk: 4096, size },
    random,
  );
  await receive(b, await sent(a, "cow"));
  assert.equal(await bytesOf(b.get("cow")), await bytesOf(cow));
  const disturbed = async () => {
    for await (const _ of sendStream(a, "cow")) await cow.write(0, new Uint8Array(1));
  };
  await expectCode("Busy", disturbed());
  await expectCode("Invalid", sent(a, "cow", { from: "cow" }));
  // What has come is a snapshot like any other of that volume.
  await b.snapshot("next", { of: b.get("cow"), readOnly: true });
  const { volume: c } = await newVolume(
    { kind: "range", mode: "inline", chunk: 4096, size },
    random,
  );
  await receive(c, await sent(b, "cow"));
  await receive(c, await sent(b, "next", { from: "cow" }));
  assert.equal(await bytesOf(c.get("next")), await bytesOf(b.get("next")));
  for (const volume of [a, b, c]) await volume.close();
});

test("received snapshots are read-only, and stay what they are", async () => {
  const random = new Random(79);
  const past = { kind: "range", mode: "inline", chunk: 4096, size: 8 * 4096 } as const;
  const { volume: a } = await newVolume(past, random);
  const { volume: b, store } = await newVolume(past, random);
  await a.origin.write(0, random.bytes(8 * 4096));
  await a.snapshot("one");
  await receive(b, await sent(a, "one"));
  const [one] = b.snapshots;
  assert.is(one!.readOnly, true);
  await expectCode("ReadOnly", one!.write(0, new Uint8Array(1)));
  assert.equal(await b.identity("one"), await a.identity("one"));
  await b.rename("one", "uno");
  assert.equal(await b.identity("uno"), await a.identity("one"));
  await expectCode("Exists", b.snapshot("uno"));
  await b.snapshot("one");
  await expectCode("Exists", b.rename("uno", "one"));
  assert.equal([b.has("uno"), b.has("uno@"), b.has("@")], [true, false, false]);
  await b.delete("uno");
  assert.is(b.has("uno"), false);
  await b.snapshot("uno");
  assert.ok(store);
  await a.close();
  await b.close();
});

test("a snapshot that is written while it is sent is not sent", async () => {
  const random = new Random(80);
  const past = { kind: "range", mode: "inline", chunk: 4096, size: 2 ** 23 } as const;
  const { volume: a } = await newVolume(past, random);
  const { volume: b } = await newVolume(past, random);
  await a.origin.write(0, random.bytes(2 ** 20));
  await a.origin.write(2 ** 22, random.bytes(2 ** 20));
  const one = await a.snapshot("one");
  async function* disturbed() {
    const { sendStream } = await import("../../src/index.ts");
    let parts = 0;
    for await (const part of sendStream(a, one)) {
      if (++parts === 2) await one.write(0, random.bytes(100));
      yield part;
    }
  }
  await expectCode("Busy", receiveStream(b, disturbed()));
  assert.is(b.snapshots.length, 0);
  await receive(b, await sent(a, "one"));
  await mustEqual(a, b, "one");
  await a.close();
  await b.close();
});

test.run();
