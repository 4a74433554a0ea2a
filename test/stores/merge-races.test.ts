/** A merge and requests to the origin that meet at one chunk, while a device answers late. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { memoryDevice } from "../../src/devices/memory.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import type { Volume } from "../../src/volume/types.ts";
import { turns } from "../model/late.ts";
import { Gate } from "../model/watched.ts";

const CHUNK = 4096;
const test = suite("merge races");

interface Begun {
  volume: Volume;
  store: Gate;
  origin: Gate;
}

/** A snapshot whose chunk 3 is all 2, over an origin of zeros; its merge has begun and ended. */
async function begun(): Promise<Begun> {
  const store = new Gate();
  const origin = new Gate();
  const volume = await openVolume({
    store: store.device(memoryDevice()),
    origin: origin.device(memoryDevice({ size: 16 * CHUNK })),
    create: { kind: "persistent", chunk: CHUNK },
  });
  await volume.get("cow").write(3 * CHUNK, new Uint8Array(CHUNK).fill(2));
  const ended = volume.merge({ signal: AbortSignal.abort() });
  await ended.then(
    () => assert.unreachable("the merge was not ended"),
    (error) => assert.is(error.code, "Closed"),
  );
  return { volume, store, origin };
}

async function byteAt(volume: Volume, offset: number): Promise<number | undefined> {
  const byte = new Uint8Array(1);
  await volume.origin.read(offset, byte);
  return byte[0];
}

test("a chunk is merged only when a write to it in the store has ended", async () => {
  const { volume, store } = await begun();
  store.hold((call) => call === "write");
  const writing = volume.origin.write(3 * CHUNK + 5, new Uint8Array(10).fill(7));
  await turns(3);
  assert.is(store.waiting, 1, "the write is on its way to the store");
  const merging = volume.merge();
  await turns(30);
  assert.is(volume.usage().exceptions, 1, "the chunk is not merged");
  store.release();
  await Promise.all([writing, merging]);
  assert.is(await byteAt(volume, 3 * CHUNK + 5), 7);
  assert.is(await byteAt(volume, 3 * CHUNK + 15), 2);
  await volume.close();
});

test("a write to a chunk waits while that is merged", async () => {
  const { volume, origin } = await begun();
  origin.hold((call) => call === "write");
  const merging = volume.merge();
  await turns(3);
  assert.is(origin.waiting, 1, "the chunk is on its way to the origin");
  let isWritten = false;
  const writing = volume.origin
    .write(3 * CHUNK + 5, new Uint8Array(10).fill(7))
    .then(() => (isWritten = true));
  assert.is(await byteAt(volume, 3 * CHUNK + 5), 2, "reads do not wait");
  await turns(30);
  assert.not(isWritten);
  origin.release();
  await Promise.all([writing, merging]);
  assert.is(await byteAt(volume, 3 * CHUNK + 5), 7);
  assert.is(await byteAt(volume, 3 * CHUNK + 15), 2);
  await volume.close();
});

test("a snapshot's read from the origin is not passed by a write when a merge began", async () => {
  const origin = new Gate();
  const volume = await openVolume({
    store: memoryDevice(),
    origin: origin.device(memoryDevice({ size: 16 * CHUNK })),
    create: { kind: "persistent", chunk: CHUNK },
  });
  await volume.get("cow").write(3 * CHUNK, new Uint8Array(CHUNK).fill(2));
  const found = new Uint8Array(CHUNK).fill(9);
  origin.hold((call) => call === "read");
  const reading = volume.get("cow").read(0, found);
  await turns(3);
  assert.is(origin.waiting, 1, "the read is on its way to the origin");
  const merging = volume.merge();
  const writing = volume.origin.write(0, new Uint8Array(CHUNK).fill(5));
  await turns(30);
  origin.release();
  await Promise.all([reading, merging, writing]);
  assert.ok(found.every((byte) => byte === 0));
  await volume.close();
});

test("a snapshot that is being merged answers no more", async () => {
  const { volume } = await begun();
  const cow = volume.get("cow");
  for (const ask of [() => cow.read(0, new Uint8Array(1)), () => cow.write(0, new Uint8Array(1))]) {
    const error = await ask().then(
      () => null,
      (error) => error,
    );
    assert.is(error?.code, "Busy");
    assert.not(error.retryable);
  }
  await volume.merge();
  assert.not(volume.has("cow"));
  assert.equal(volume.snapshots, []);
  await volume.close();
});

test.run();
