/** Streams from and to a served volume: through the socket, whole or not at all. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  dropReceived,
  halfReceived,
  memoryDevice,
  openVolume,
  receiveStream,
  sendStream,
} from "../../src/index.ts";
import { bytesOf } from "../diff/random-volume.ts";
import { expectCode } from "../model/history.ts";
import { Random } from "../model/prng.ts";
import { contents, inParts, sent } from "../stream/streams.ts";
import { closeAll, connect, serveFile } from "./served.ts";

const SIZE = 8 * 2 ** 20;

test("from one served volume to another, while both are written", async () => {
  const random = new Random(21);
  const [from, to] = [await serveFile({ size: SIZE }), await serveFile({ size: SIZE })];
  await from.volume.origin.write(0, random.bytes(2 ** 21));
  const [a, b] = [await connect(from.store), await connect(to.store)];
  await a.snapshot("one");
  let busy = true;
  const writing = (async () => {
    while (busy) {
      await from.volume.origin.write(4096 * random.below(2000), random.bytes(100));
      await to.volume.origin.write(4096 * random.below(2000), random.bytes(100));
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  const first = await receiveStream(b, sendStream(a, "one"));
  assert.equal(
    first.snapshots.map(({ name }) => name),
    ["one"],
  );
  await a.snapshot("two");
  const shares: number[] = [];
  const progress = (done: number, total: number) => shares.push(done / total);
  await receiveStream(b, sendStream(a, a.get("two"), { from: "one" }), { progress });
  busy = false;
  await writing;
  for (const name of ["one", "two"]) {
    assert.equal(await bytesOf(b.get(name)), await bytesOf(from.volume.get(name)), name);
    assert.equal(await bytesOf(to.volume.get(name)), await bytesOf(from.volume.get(name)), name);
    assert.equal(await a.identity(name), await b.identity(name));
  }
  for (const volume of [a, b]) await volume.close();
});

test("a stream that breaks, or a client that goes, leaves what can be gone on with", async () => {
  const random = new Random(22);
  const to = await serveFile({ size: SIZE });
  const from = await openVolume({ store: memoryDevice(), create: { size: SIZE } });
  await from.origin.write(0, random.bytes(2 ** 21));
  await from.snapshot("one");
  const stream = await sent(from, "one");
  const before = await contents(to.volume);
  const b = await connect(to.store);
  const cut = stream.subarray(0, stream.length - 10_000);
  await expectCode("Corrupt", receiveStream(b, inParts(cut, random)));
  const garbage = receiveStream(b, inParts(random.bytes(2 ** 21), random));
  await expectCode("Invalid", garbage);
  const failing = (async function* () {
    yield stream.subarray(0, 100_000);
    throw new Error("the network is gone");
  })();
  const failure = await receiveStream(b, failing).catch((error) => error);
  assert.is(failure.message, "the network is gone");
  const controller = new AbortController();
  const aborting = (async function* () {
    yield stream.subarray(0, 2 ** 20);
    controller.abort();
    yield stream.subarray(2 ** 20);
  })();
  const { signal } = controller;
  const aborted = await receiveStream(b, aborting, { signal }).catch((error) => error);
  assert.ok(["Closed", "AbortError"].includes(aborted.code ?? aborted.name) || aborted.code === 20);
  const going = await connect(to.store);
  const leaving = (async function* () {
    yield stream.subarray(0, 1_900_000);
    await going.close();
    yield stream.subarray(1_900_000);
  })();
  await receiveStream(going, leaving).then(
    () => assert.unreachable(),
    () => {},
  );
  assert.equal(await contents(to.volume), before);
  const half = await untilIdle(async () => {
    const found = await halfReceived(b);
    return found && found.done >= 2 ** 20 ? found : null;
  });
  const rest = await sent(from, null, { resume: half!.token });
  assert.ok(rest.length < stream.length - 2 ** 20 + 1000);
  await receiveStream(b, inParts(rest), { resume: true });
  assert.equal(await bytesOf(b.get("one")), await bytesOf(from.get("one")));
  assert.is(await halfReceived(b), null);
  await dropReceived(b);
  await b.close();
  await from.close();
});

/** The server hears of a client's going a little later. */
async function untilIdle<T>(look: () => Promise<T | null>): Promise<T | null> {
  for (let i = 0; i < 100; i++) {
    const found = await look();
    if (found !== null) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return null;
}

test.after(closeAll);
test.run();
