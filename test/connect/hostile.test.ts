/**
 * Messages and rings that no client of ours makes: they end the session that sent them, with an
 * error that says why, and nothing else. `SEED=7 npx tsx test/connect/hostile.test.ts` for others.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { MEMORY_BYTES, partsOf, REQUESTS } from "../../src/connect/ring/layout.ts";
import { memoryDevice } from "../../src/devices/memory.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import { ANSWER, FAILURE, HELLO, REQUEST } from "../control/raw.ts";
import { Random } from "../model/prng.ts";
import { RawPort, RING } from "./raw-port.ts";
import { clientOf, hostOf } from "./subjects.ts";

const SEED = Number(process.env.SEED ?? 1);
const MALFORMED = 3000;
const SIZE = 2 ** 20;
const ORIGIN = { id: 1, name: null };

const volume = await openVolume({ store: memoryDevice(), create: { size: SIZE } });
const host = hostOf(volume);
const friend = await clientOf(host);

/** The volume goes on, and nothing has been written. */
async function goesOn(): Promise<void> {
  const found = new Uint8Array(512).fill(1);
  await friend.origin.read(SIZE - 512, found);
  assert.ok(found.every((byte) => byte === 0));
  assert.is(friend.usage().dataBytes, 0);
}

async function ends(port: RawPort, code: string): Promise<void> {
  for (let message = await port.next(); message; message = await port.next()) {
    if (message.type !== FAILURE || message.request !== 0) continue;
    assert.is(message.head.code, code);
    assert.is(await port.next(), null);
    await goesOn();
    return;
  }
  throw new Error("closed without a word");
}

const hello = { type: HELLO, request: 0, head: { versions: [1], session: "s" } };
const strangers: Record<string, [message: unknown, code: string]> = {
  "no object": ["hello", "Invalid"],
  nothing: [null, "Invalid"],
  "a request before the hello": [{ type: REQUEST, request: 1, head: { op: "flush" } }, "Invalid"],
  "a type that nobody knows": [{ ...hello, type: 99 }, "Invalid"],
  "a head that is a list": [{ ...hello, head: [] }, "Invalid"],
  "no version in common": [{ ...hello, head: { versions: [7], session: "s" } }, "Unsupported"],
  "versions that are none": [{ ...hello, head: { versions: "1", session: "s" } }, "Unsupported"],
  "no session": [{ ...hello, head: { versions: [1] } }, "Invalid"],
  "a session with a long name": [
    { ...hello, head: { versions: [1], session: "s".repeat(65) } },
    "Invalid",
  ],
  "memory that is too small": [
    { ...hello, head: { versions: [1], session: "s", memory: new SharedArrayBuffer(4096) } },
    "Invalid",
  ],
};
for (const [what, [message, code]] of Object.entries(strangers)) {
  test(`${what} ends the port`, async () => {
    const port = new RawPort(host);
    port.post(message);
    await ends(port, code);
  });
}

test("more requests at once than there may be", async () => {
  const held = await openVolume({ store: slow(), create: { size: SIZE } });
  const slowHost = hostOf(held);
  const port = await RawPort.greeted(slowHost);
  stalls = true;
  for (let request = 1; request <= 300; request++) {
    port.send(REQUEST, request, { op: "write", view: ORIGIN, offset: 0 }, { payload: bytes(64) });
  }
  const message = await port.next();
  assert.is(message?.head.code, "Invalid");
  assert.match(String(message?.head.message), "256 requests");
  release();
  await slowHost.close();
  await held.close();
});

let stalls = false;
let release = (): void => {};
const released = new Promise<void>((resolve) => {
  release = resolve;
});
function slow() {
  const inner = memoryDevice();
  return new Proxy(inner, {
    get: (device, name) => {
      if (name === "synchronous") return false;
      const value = device[name as keyof typeof device];
      if (typeof value !== "function") return value;
      const call = (value as (...given: unknown[]) => unknown).bind(device);
      if (name !== "write") return call;
      return (...given: unknown[]) =>
        stalls ? released.then(() => call(...given)) : call(...given);
    },
  });
}

function bytes(count: number): Uint8Array {
  return new Uint8Array(count);
}

const WRONG = [undefined, null, -1, 1.5, Number.NaN, 2 ** 60, "1", {}, [], true, "x".repeat(300)];
const VIEWS = [...WRONG, { id: 77, name: "kept" }, { id: 1e9, name: null }, { id: -1 }];
const OPS = ["read", "write", "trim", "zero", "clone", "snapshot", "rename", "diff", "extents"];

test(`${MALFORMED} requests that cannot be done (seed ${SEED})`, async () => {
  const random = new Random(SEED);
  const port = await RawPort.greeted(host, "fuzz");
  for (let request = 1; request <= MALFORMED; request++) {
    const head: Record<string, unknown> = { op: random.pick(OPS) };
    for (const key of ["view", "of", "from", "to"]) {
      if (random.chance(0.8)) head[key] = random.pick(VIEWS);
    }
    for (const key of ["offset", "length", "name", "readOnly"]) {
      if (random.chance(0.7)) head[key] = random.pick([...WRONG, random.below(2 ** 24)]);
    }
    if (random.chance(0.1)) head.op = random.pick([...WRONG, "toString", "close", "__proto__"]);
    port.send(REQUEST, request, head, { payload: random.bytes(random.below(100)) });
    const answer = await port.next();
    assert.is(answer?.request, request, JSON.stringify(head));
    assert.is(answer?.type, FAILURE, JSON.stringify(head));
    assert.is.not(answer?.head.code, "Internal", JSON.stringify([head, answer?.head]));
  }
  port.close();
  await goesOn();
});

/** Numbers of a request in a ring, each of them wrong in some way. */
function badRequest(random: Random): number[] {
  const numbers = [random.between(1, 5), random.below(REQUESTS), 1, 0, 4096, 0, 0, 0];
  const at = random.pick([0, 1, 2, 3, 4, 5]);
  const values = [-1, 0.5, Number.NaN, Infinity, -Infinity, 2 ** 31, 2 ** 53, 1e300, 9, 1024];
  numbers[at] = random.pick(values);
  return numbers;
}

test(`rings with anything in them (seed ${SEED})`, async () => {
  const random = new Random(SEED);
  for (let round = 0; round < 300; round++) {
    const memory = new SharedArrayBuffer(MEMORY_BYTES);
    const port = await RawPort.greeted(host, `ring ${round}`, { memory });
    const { words, requests } = partsOf(memory);
    const numbers = random.chance(0.8)
      ? badRequest(random)
      : Array.from({ length: 8 }, () => (random.below(2 ** 32) - 2 ** 31) / 8);
    // What is done after all reads only.
    if (numbers[0] === 2 || numbers[0] === 4) numbers[0] = 1;
    requests.set(numbers);
    words[0] = random.pick([1, 1, 1, 257, -5]);
    port.send(RING, 0, {});
    // The host is there as before: a request over the port is answered, or the port was closed.
    port.send(REQUEST, 1, { op: "status" });
    for (let message = await port.next(); message; message = await port.next()) {
      if (message.type === ANSWER) break;
      if (message.type === FAILURE) assert.is(message.head.code, "Invalid");
    }
    port.close();
  }
  await goesOn();
});

test("afterwards", async () => {
  await goesOn();
  assert.is((await friend.check()).clean, true);
  await friend.close();
  await host.close();
  await volume.close();
});

test.run();
