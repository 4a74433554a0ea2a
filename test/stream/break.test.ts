/** Streams that are not whole, not what was sent, or end in between: nothing that shows changes. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  dropReceived,
  halfReceived,
  memoryDevice,
  openVolume,
  receiveStream,
} from "../../src/index.ts";
import type { Volume } from "../../src/volume/types.ts";
import { clientOf, hostOf } from "../connect/subjects.ts";
import { bytesOf, changeOnce, live, newVolume } from "../diff/random-volume.ts";
import { expectCode } from "../model/history.ts";
import { kept } from "../model/media.ts";
import { Random } from "../model/prng.ts";
import { contents, inParts, sent } from "./streams.ts";

const test = suite("streams that break");
const PAST = { kind: "range", mode: "inline", chunk: 4096, size: 4 * 4096 } as const;

/** Two volumes, the second with the first's snapshot "one"; and a stream of "two" that is small. */
async function pair() {
  const random = new Random(11);
  const { volume: a } = await newVolume(PAST, random);
  const { volume: b } = await newVolume(PAST, random);
  await b.origin.write(100, random.bytes(5000));
  await b.snapshot("own");
  await a.origin.write(4096, new Uint8Array(4000).fill(7));
  await a.snapshot("one");
  await receiveStream(b, inParts(await sent(a, "one")));
  await a.origin.write(0, new Uint8Array(9000).fill(8));
  await a.origin.trim(12288, 4096);
  await a.snapshot("two");
  return { a, b, random };
}

/** It is refused, as what it is, and every view is what it was. */
async function refused(b: Volume, bytes: Uint8Array, before: object, what: string) {
  let code = "none";
  try {
    await receiveStream(b, inParts(bytes));
  } catch (error) {
    code = (error as { code: string }).code;
  }
  assert.ok(["Corrupt", "Invalid"].includes(code), `${what}: ${code}`);
  assert.equal(await contents(b), before, what);
}

test("cut off at every byte", async () => {
  const { a, b } = await pair();
  const before = await contents(b);
  for (const how of [{ from: "one" }, { all: true }]) {
    const stream = await sent(a, "two", { ...how, compress: "gzip" });
    const target = how.all ? (await newVolume(PAST, new Random(1))).volume : b;
    const empty = await contents(target);
    for (let end = 0; end < stream.length; end++) {
      await refused(target, stream.subarray(0, end), empty, `${end} of ${stream.length} bytes`);
    }
    await receiveStream(target, inParts(stream));
    assert.equal(await bytesOf(target.get("two")), await bytesOf(a.get("two")));
    assert.ok((await target.check()).clean);
  }
  const { two: _, ...now } = await contents(b);
  assert.equal(now, before);
});

test("a flipped bit in every byte, and bytes behind the end", async () => {
  const { a, b, random } = await pair();
  const before = await contents(b);
  const stream = await sent(a, "two", { from: "one", compress: "gzip" });
  for (let at = 0; at < stream.length; at++) {
    const flipped = stream.slice();
    flipped[at]! ^= 1 << random.below(8);
    await refused(b, flipped, before, `byte ${at} of ${stream.length}`);
  }
  const longer = new Uint8Array(stream.length + 1);
  longer.set(stream);
  await refused(b, longer, before, "a byte more");
  await refused(b, random.bytes(10_000), before, "garbage");
  await receiveStream(b, inParts(stream));
});

test("records in another order, twice, or left out", async () => {
  const { a, b, random } = await pair();
  await a.origin.write(0, random.bytes(4096));
  await a.origin.write(8192, random.bytes(4096));
  await a.snapshot("three");
  const before = await contents(b);
  const stream = await sent(a, "three", { from: "one" });
  const records = split(stream);
  assert.ok(records.length >= 5);
  for (let i = 0; i < records.length; i++) {
    const others = records.filter((_, index) => index !== i);
    await refused(b, join(others), before, `without record ${i}`);
    await refused(b, join([...records.slice(0, i + 1), ...records.slice(i)]), before, `${i} twice`);
  }
  await receiveStream(b, inParts(stream));
});

function split(stream: Uint8Array): Uint8Array[] {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length);
  const found: Uint8Array[] = [];
  for (let at = 0; at < stream.length; ) {
    const end = at + 40 + ((view.getUint32(at + 8, true) + 7) & ~7);
    found.push(stream.subarray(at, end));
    at = end;
  }
  return found;
}

function join(parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

test("what broke off goes on with a token, after the store was closed as well", async () => {
  for (let seed = 1; seed <= 25; seed++) {
    await breakAndGoOn(seed).catch((error) => {
      throw new Error(`seed ${seed}: ${error.stack}`);
    });
  }
});

async function breakAndGoOn(seed: number): Promise<void> {
  const random = new Random(seed);
  const size = 4096 * random.between(20, 60);
  const { volume: a } = await newVolume({ ...PAST, size }, random);
  await live(a, random, 40);
  await a.snapshot("last");
  const kind = random.pick(["range", "bitmap"] as const);
  const store = memoryDevice();
  let b = await openVolume({ store: kept(store), create: { size, kind, chunk: 8192 } });
  const all = random.chance(0.6);
  let stream = await sent(a, "last", { all });
  for (let breaks = 0; breaks < 3; breaks++) {
    const resume = breaks > 0 && (await halfReceived(b)) !== null;
    const cut = stream.subarray(0, random.below(stream.length));
    await expectCode("Corrupt", receiveStream(b, inParts(cut, random), { resume }));
    assert.equal([...b.snapshots], []);
    if (random.chance(0.5)) {
      await b.close();
      b = await openVolume({ store: kept(store) });
    }
    const half = await halfReceived(b);
    if (half) stream = await sent(a, null, { resume: half.token });
  }
  const resume = (await halfReceived(b)) !== null;
  if (resume) await expectCode("Invalid", receiveStream(b, inParts(stream)));
  const { snapshots } = await receiveStream(b, inParts(stream, random), { resume });
  for (const { name } of snapshots) {
    assert.equal(await bytesOf(b.get(name)), await bytesOf(a.get(name)), name);
  }
  assert.is(b.snapshots.length, all ? a.snapshots.length : 1);
  assert.equal(await bytesOf(b.origin), await bytesOf(a.get("last")));
  assert.is(await halfReceived(b), null);
  assert.ok((await b.check()).clean);
  await a.close();
  await b.close();
}

test("names as long as names can be, of a chain that breaks off anywhere", async () => {
  const { a, random } = await pair();
  const ends = ["\\".repeat(100), '"'.repeat(100), "é".repeat(50), "/".repeat(100)];
  for (const [index, end] of ends.entries()) {
    await a.origin.write(index * 4096, random.bytes(4096));
    await a.snapshot(String(index).padEnd(155, "-") + end, { readOnly: true });
  }
  const names = a.snapshots.map(({ name }) => name);
  const last = names.at(-1)!;
  const stream = await sent(a, last, { all: true });
  for (const part of [0.3, 0.6, 0.8, 0.9, 0.95, 0.99, 1]) {
    const store = memoryDevice();
    const b = await openVolume({ store: kept(store), create: { size: a.origin.size } });
    const cut = stream.subarray(0, stream.length * part);
    if (part < 1) await expectCode("Corrupt", receiveStream(b, inParts(cut)));
    await b.close();
    const again = await openVolume({ store: kept(store) });
    const half = await halfReceived(again);
    const rest = half ? await sent(a, null, { resume: half.token }) : stream;
    await receiveStream(again, inParts(rest), { resume: half !== null });
    assert.equal(
      again.snapshots.map(({ name }) => name),
      names,
    );
    for (const name of names)
      assert.equal(await bytesOf(again.get(name!)), await bytesOf(a.get(name!)));
    assert.ok((await again.check()).clean);
    await again.close();
  }
});

test("what broke off is dropped on request, and by the next stream", async () => {
  const { a, b } = await pair();
  const stream = await sent(a, "two", { from: "one" });
  const cut = inParts(stream.subarray(0, stream.length - 100));
  await expectCode("Corrupt", receiveStream(b, cut));
  assert.ok((await halfReceived(b))!.done > 0);
  assert.equal(
    (await b.snapshotUsage()).map(({ name }) => name),
    ["own", "one"],
  );
  await dropReceived(b);
  assert.is(await halfReceived(b), null);
  await expectCode(
    "NotFound",
    receiveStream(b, inParts(stream), { resume: true }).catch(notResumed),
  );
  const again = inParts(stream.subarray(0, stream.length - 100));
  await expectCode("Corrupt", receiveStream(b, again, { drop: true }));
  assert.is(await halfReceived(b), null);
  await b.reclaimed();
  const { dataBytes } = b.usage();
  await receiveStream(b, inParts(stream));
  assert.ok(b.usage().dataBytes > dataBytes);
});

/** A stream that begins anew is no answer to a token. */
function notResumed(error: { code: string; message: string }): never {
  assert.is(error.code, "Invalid");
  throw Object.assign(new Error(error.message), { code: "NotFound" });
}

test("a token of something that has changed is refused", async () => {
  const { a, b, random } = await pair();
  await a.origin.write(0, random.bytes(4 * 4096));
  const three = await a.snapshot("three");
  const stream = await sent(a, "three", { from: "one" });
  const cut = inParts(stream.subarray(0, stream.length - 200));
  await expectCode("Corrupt", receiveStream(b, cut));
  const { token } = (await halfReceived(b))!;
  await changeOnce(three, 4096, random);
  await three.write(0, random.bytes(10));
  await expectCode("Invalid", sent(a, null, { resume: token }));
  await expectCode("Invalid", sent(a, null, { resume: `${token}x` }));
  await expectCode("Invalid", sent(a, null, { resume: "nonsense" }));
  await expectCode("NotFound", sent(b, null, { resume: token }));
});

test("an abort does not wait for a source that does not come on", async () => {
  const random = new Random(14);
  const { volume: a } = await newVolume(PAST, random);
  await a.origin.write(0, random.bytes(10_000));
  await a.snapshot("one");
  const stream = await sent(a, "one");
  const { volume: b } = await newVolume(PAST, random);
  const host = hostOf(b);
  const remote = await clientOf(host);
  for (const volume of [b, remote]) {
    const controller = new AbortController();
    const stuck = (async function* () {
      yield stream.subarray(0, 5000);
      setTimeout(() => controller.abort());
      await new Promise(() => {});
    })();
    await expectCode("Closed", receiveStream(volume, stuck, { signal: controller.signal }));
  }
  const none = {} as AsyncIterable<Uint8Array>;
  assert.instance(await receiveStream(b, none).catch((error) => error), TypeError);
  await receiveStream(b, inParts(stream));
  await remote.close();
  await host.close();
});

test("a signal, a source that fails, a full store, two at a time", async () => {
  const random = new Random(12);
  const big = { ...PAST, size: 2 ** 23 };
  const { volume: a } = await newVolume(big, random);
  await a.origin.write(0, random.bytes(2 ** 21));
  await a.snapshot("one");
  const stream = await sent(a, "one");
  const { volume: b } = await newVolume(big, random);
  const before = await contents(b);
  const controller = new AbortController();
  const progress = () => controller.abort();
  const { signal } = controller;
  await expectCode("Closed", receiveStream(b, inParts(stream, random), { signal, progress }));
  const failing = (async function* () {
    yield stream.subarray(0, 2 ** 20);
    throw new Error("the network is gone");
  })();
  const failure = await receiveStream(b, failing).catch((error) => error);
  assert.is(failure.message, "the network is gone");
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const slow = (async function* () {
    yield stream.subarray(0, 1000);
    await gate;
    yield stream.subarray(1000);
  })();
  const first = receiveStream(b, slow);
  await expectCode("Busy", receiveStream(b, inParts(stream)));
  assert.equal(await contents(b), before);
  release();
  await first;
  const create = { size: big.size, maxSize: 3 * 2 ** 20 };
  const full = await openVolume({ store: memoryDevice(), create });
  await full.origin.write(0, random.bytes(2 ** 20));
  const had = await contents(full);
  await expectCode("NoSpace", receiveStream(full, inParts(stream), { drop: true }));
  assert.equal(await contents(full), had);
  await full.reclaimed();
  await full.origin.write(2 ** 20, random.bytes(2 ** 18));
  assert.ok((await full.check()).clean);
});

test.run();
