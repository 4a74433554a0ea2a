/**
 * Ways in which a connection ends: what was asked before is answered, over a device that answers
 * late, so that requests are in flight.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "../model/prng.ts";
import { CHUNK, CMD, ERR, FLAG, MIB, OPT, request, u32, writeRequest } from "./messages.ts";
import { RawClient } from "./raw-client.ts";
import { type Served, serve, until } from "./served.ts";

const LENGTH = 5000;
const COUNT = 200;

let served: Served;

test.before.each(async () => {
  served = await serve({ lateSeed: 5 });
});
test.after.each(() => served.close());

/** So many writes of `LENGTH` bytes each, with their number as cookie and content. */
function writes(count = COUNT): Buffer[] {
  return Array.from({ length: count }, (_, i) =>
    writeRequest(i * LENGTH, Buffer.alloc(LENGTH, i + 1), { cookie: BigInt(i) }),
  );
}

/** Each of them is answered once, and well. */
async function allAnswered(client: RawClient, count = COUNT): Promise<void> {
  const cookies = new Set<bigint>();
  for (let i = 0; i < count; i++) {
    const { error, cookie } = await client.simple();
    assert.is(error, 0);
    cookies.add(cookie);
  }
  assert.is(cookies.size, count);
}

async function allWritten(count = COUNT): Promise<void> {
  const bytes = new Uint8Array(count * LENGTH);
  await served.volume.origin.read(0, bytes);
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] !== ((Math.floor(i / LENGTH) + 1) & 255)) assert.unreachable(`byte ${i}`);
  }
}

test("DISC with requests in flight: they are answered first", async () => {
  const client = await RawClient.open(served.path);
  client.send(...writes(), request({ type: CMD.disconnect }));
  await allAnswered(client);
  await client.ended();
  await allWritten();
});

test("what comes behind a DISC is not answered, nor done", async () => {
  const client = await RawClient.open(served.path);
  const late = writeRequest(0, Buffer.alloc(LENGTH, 99));
  client.send(...writes(), request({ type: CMD.disconnect }), late, late, Buffer.alloc(100));
  await allAnswered(client);
  await client.ended();
  await allWritten();
});

test("a DISC of a client that then stays is the end as well", async () => {
  const client = await RawClient.open(served.path);
  client.send(request({ type: CMD.disconnect }));
  await client.rest();
  await until(() => served.server.live().connections === 0, "it is let go");
});

test("a half-closed socket: everything that came is answered", async () => {
  const client = await RawClient.open(served.path);
  client.send(...writes(1000));
  client.socket.end();
  await allAnswered(client, 1000);
  await client.ended();
  await allWritten(1000);
});

test("a request that never comes whole is not done", async () => {
  const whole = writeRequest(0, Buffer.alloc(3 * MIB, 77));
  for (const length of [1, 4, 27, 28, 29, 1000, 300_000, whole.length - 1]) {
    const client = await RawClient.open(served.path);
    client.send(...writes(3), whole.subarray(0, length));
    client.socket.end();
    await allAnswered(client, 3);
    await client.ended(`cut at ${length}`);
  }
  await allWritten(3);
});

test("a client that vanishes leaves nothing behind", async () => {
  const other = await RawClient.open(served.path);
  for (let i = 0; i < 20; i++) {
    const client = await RawClient.open(served.path);
    client.send(request({ type: CMD.read, length: MIB }), ...writes(), Buffer.alloc(i));
    if (i % 2 === 0) await client.simple();
    client.close();
  }
  other.send(request({ type: CMD.flush }));
  assert.is((await other.simple()).error, 0);
});

test("the server closes with requests in flight: all are answered", async () => {
  const clients = [await RawClient.open(served.path), await RawClient.open(served.path)];
  for (const client of clients)
    client.send(...writes(), request({ type: CMD.flush, cookie: 999n }));
  const half = await RawClient.greet(served.path);
  await until(() => served.server.live().queueDepth > 0, "requests are in flight");
  const answered = () => served.server.live().requests + served.server.live().queueDepth;
  await until(() => answered() === clients.length * (COUNT + 1), "all are taken up");
  const closing = served.server.close();
  for (const client of clients) {
    await allAnswered(client, COUNT + 1);
    await client.ended();
  }
  await half.ended();
  await closing;
  await RawClient.connect(served.path).then(
    () => assert.unreachable("nobody listens any more"),
    () => {},
  );
  await allWritten();
});

test("a closing server does not wait for a client that says nothing", async () => {
  const clients = [await RawClient.open(served.path), await RawClient.connect(served.path)];
  await served.server.close();
  assert.is(served.server.live().connections, 0);
  for (const client of clients) await client.rest();
});

test("a deleted snapshot is ESHUTDOWN for those who have it open, for nobody else", async () => {
  const { volume, server } = served;
  await volume.snapshot("short");
  const other = await RawClient.open(served.path);
  const client = await RawClient.open(served.path, "@short");
  const structured = await RawClient.open(served.path, "@short", {
    structured: true,
    contexts: ["base:allocation"],
  });
  assert.ok(server.inUse("short"));
  client.send(...writes());
  other.send(...writes());
  await until(() => server.live().queueDepth > COUNT / 2, "requests are in flight");
  await volume.delete("short");
  for (let i = 0; i < COUNT; i++) {
    const { error } = await client.simple();
    assert.ok(error === 0 || error === ERR.shutdown, `error ${error}`);
  }
  await allAnswered(other);
  for (const type of [CMD.read, CMD.write, CMD.trim, CMD.cache, CMD.writeZeroes]) {
    for (const length of [100, 3 * MIB]) {
      const payload = Buffer.alloc(type === CMD.write ? length : 0);
      assert.is(await client.errorOf({ type, length }, payload), ERR.shutdown, `command ${type}`);
    }
  }
  const type = CMD.writeZeroes;
  assert.is(await client.errorOf({ type, flags: FLAG.fua, length: 10 }), ERR.shutdown);
  assert.is(await client.errorOf({ type: CMD.flush }), ERR.shutdown, "flush");
  for (const type of [CMD.read, CMD.blockStatus]) {
    structured.send(request({ type, length: 512 }));
    const reply = await structured.chunk();
    assert.is(reply.type, CHUNK.error);
    assert.is(reply.data.readUInt32BE(), ERR.shutdown);
  }
  await allWritten();
});

test("a deleted snapshot on a device that answers at once", async () => {
  const direct = await serve();
  await direct.volume.snapshot("short");
  const client = await RawClient.open(direct.path, "@short");
  assert.is(await client.errorOf({ type: CMD.write, length: 9 }, Buffer.alloc(9)), 0);
  await direct.volume.delete("short");
  await direct.volume.snapshot("short");
  for (const type of [CMD.read, CMD.write, CMD.trim, CMD.cache, CMD.writeZeroes]) {
    const payload = Buffer.alloc(type === CMD.write ? 9 : 0);
    assert.is(await client.errorOf({ type, length: 9 }, payload), ERR.shutdown, `command ${type}`);
  }
  assert.not(direct.server.inUse("short"), "another of that name is another");
  await direct.close();
});

test("a handshake that is left halfway", async () => {
  const random = new Random(3);
  const whole = Buffer.concat([u32(3), Buffer.from("IHAVEOPT"), u32(OPT.list), u32(0)]);
  for (let i = 0; i < 50; i++) {
    const client = await RawClient.connect(served.path);
    client.send(whole.subarray(0, random.below(whole.length)));
    if (i % 2 === 0) client.socket.end();
    else client.close();
  }
  await served.quiet();
});

test.run();
