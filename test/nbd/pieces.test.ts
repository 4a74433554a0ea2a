/** However the bytes are cut into packets, the conversation is the same. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "../model/prng.ts";
import { CHUNK, CMD, chunk, FLAG, MIB, request, u64, writeRequest } from "./messages.ts";
import { RawClient } from "./raw-client.ts";
import { serve } from "./served.ts";

const served = await serve();
const { path } = served;

test.after.each(() => served.quiet());
test.after(() => served.close());

const NOTHING = Buffer.alloc(0);
const turn = () => new Promise((resolve) => setTimeout(resolve, 1));

/** A conversation without a request that can overtake another: what goes and what comes. */
function conversation(random: Random): { sent: Buffer; expected: Buffer } {
  const bytes = random.bytes(300);
  const sent = [
    writeRequest(100, bytes, { cookie: 1n }),
    request({ type: CMD.read, cookie: 2n, offset: 90, length: 320 }),
    request({ type: CMD.writeZeroes, cookie: 3n, flags: FLAG.fastZero, offset: 1, length: 1 }),
  ];
  const zeros = Buffer.alloc(10);
  const read = Buffer.concat([u64(90), zeros, bytes, zeros]);
  const expected = [chunk(1n, CHUNK.none, NOTHING), chunk(2n, CHUNK.data, read)];
  return { sent: Buffer.concat(sent), expected: Buffer.concat(expected) };
}

test("requests cut in two at every byte", async () => {
  const random = new Random(1);
  const client = await RawClient.open(path, "", { structured: true });
  const { length } = conversation(random).sent;
  for (let at = 0; at <= length; at++) {
    const { sent, expected } = conversation(random);
    client.send(sent.subarray(0, at));
    await turn();
    client.send(sent.subarray(at));
    await client.expect(expected, `cut at ${at}`);
    assert.is((await client.chunk()).type, CHUNK.error);
  }
});

test("requests that come byte by byte", async () => {
  const client = await RawClient.open(path, "", { structured: true });
  const { sent, expected } = conversation(new Random(2));
  for (const byte of sent) {
    client.send(Buffer.from([byte]));
    await turn();
  }
  await client.expect(expected, "replies");
});

test("10,000 requests in one packet", async () => {
  const client = await RawClient.open(path);
  const requests = Array.from({ length: 10_000 }, (_, i) => {
    const cookie = BigInt(i);
    const [offset, length] = [i * 512, 512];
    return i % 2 === 0
      ? writeRequest(offset, Buffer.alloc(512, i), { cookie })
      : request({ type: CMD.writeZeroes, cookie, offset, length });
  });
  client.send(...requests);
  const cookies = new Set<bigint>();
  while (cookies.size < requests.length) {
    const { error, cookie } = await client.simple();
    assert.is(error, 0);
    assert.not(cookies.has(cookie), "answered once");
    cookies.add(cookie);
  }
  client.send(request({ type: CMD.read, length: 10_000 * 512 }));
  await client.simple();
  const data = await client.take(10_000 * 512);
  for (let i = 0; i < 10_000; i++) {
    const byte = i % 2 === 0 ? i & 255 : 0;
    assert.ok(data.subarray(i * 512, i * 512 + 512).every((one) => one === byte));
  }
});

test("writes of all lengths in random packets, read back", async () => {
  const random = new Random(3);
  const client = await RawClient.open(path);
  const disk = Buffer.alloc(8 * MIB);
  await send(client, random, [writeRequest(0, disk)]);
  assert.is((await client.simple()).error, 0);
  for (let round = 0; round < 12; round++) {
    const count = random.between(1, 30);
    const parts = Array.from({ length: count }, (_, i) => {
      const most = random.pick([10, 5000, 140_000, 700_000]);
      const bytes = random.bytes(random.between(1, most));
      const offset = random.below(disk.length - bytes.length);
      disk.set(bytes, offset);
      return writeRequest(offset, bytes, { cookie: BigInt(i) });
    });
    await send(client, random, parts);
    for (let i = 0; i < count; i++) assert.is((await client.simple()).error, 0);
    client.send(request({ type: CMD.read, length: disk.length }));
    await client.simple();
    assert.ok((await client.take(disk.length)).equals(disk), `round ${round}`);
  }
});

/** All of it, in packets of random lengths. */
async function send(client: RawClient, random: Random, parts: Buffer[]): Promise<void> {
  const bytes = Buffer.concat(parts);
  const most = random.pick([3000, 100_000, 1_000_000]);
  for (let at = 0; at < bytes.length; ) {
    const length = random.between(1, most);
    client.send(bytes.subarray(at, at + length));
    at += length;
    if (random.chance(0.3)) await turn();
  }
}

test.run();
