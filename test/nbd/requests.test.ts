/** The transmission phase, byte for byte: every command, flag and way to be refused. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "../model/prng.ts";
import {
  CHUNK,
  CMD,
  chunk,
  ERR,
  FLAG,
  MIB,
  type RequestFields,
  request,
  simpleReply,
  u64,
  writeRequest,
} from "./messages.ts";
import { RawClient } from "./raw-client.ts";
import { serve } from "./served.ts";

const SIZE = 40 * MIB + 512;
const PAYLOAD_BYTES_MAX = 32 * MIB;
const COOKIE = 0xfedcba9876543210n;
const RANGED = [CMD.read, CMD.trim, CMD.cache, CMD.writeZeroes, CMD.blockStatus];
const WRITING = [CMD.write, CMD.trim, CMD.writeZeroes];

const served = await serve({ size: SIZE });
const { path, volume } = served;
const random = new Random(17);
await volume.snapshot("fixed", { readOnly: true });

test.after.each(() => served.quiet());
test.after(() => served.close());

/** The next request is answered right: nothing is left of what came before. */
async function stillThere(client: RawClient): Promise<void> {
  const bytes = random.bytes(1000);
  const offset = 30 * MIB + random.below(1000);
  client.send(writeRequest(offset, bytes, { cookie: 1n }));
  await client.expect(simpleReply(1n), "write");
  client.send(request({ type: CMD.read, cookie: 2n, offset, length: bytes.length }));
  await client.expect(simpleReply(2n, 0, bytes), "read");
}

/** Of a structured reply that is one error. */
async function structuredError(client: RawClient, fields: RequestFields): Promise<number> {
  client.send(request({ cookie: COOKIE, ...fields }));
  const { type, flags, cookie, data } = await client.chunk();
  assert.equal([type, flags, cookie], [CHUNK.error, 1, COOKIE]);
  assert.is(data.readUInt16BE(4), data.length - 6);
  assert.ok(data.length > 6, "says why");
  return data.readUInt32BE();
}

test("simple replies", async () => {
  const client = await RawClient.open(path);
  const bytes = random.bytes(5000);
  client.send(writeRequest(4095, bytes, { cookie: COOKIE }));
  await client.expect(simpleReply(COOKIE), "write");
  client.send(request({ type: CMD.read, cookie: COOKIE, offset: 4095, length: 5000 }));
  await client.expect(simpleReply(COOKIE, 0, bytes), "read");
  for (const type of [CMD.flush, CMD.trim, CMD.cache, CMD.writeZeroes]) {
    const length = type === CMD.flush ? 0 : 100;
    client.send(request({ type, cookie: COOKIE, length }));
    await client.expect(simpleReply(COOKIE), `command ${type}`);
  }
  client.send(request({ type: CMD.read, cookie: COOKIE, offset: SIZE - 1, length: 2 }));
  await client.expect(simpleReply(COOKIE, ERR.invalid), "an error has no data");
  await stillThere(client);
});

test("structured replies", async () => {
  const client = await RawClient.open(path, "", { structured: true });
  for (const length of [1, 5000, 65536, 65537, 3 * MIB]) {
    const bytes = random.bytes(Math.min(length, MIB));
    client.send(writeRequest(4095, bytes, { cookie: COOKIE }));
    await client.expect(chunk(COOKIE, CHUNK.none, Buffer.alloc(0)), "write");
    const fields = { type: CMD.read, offset: 4095, length: bytes.length, cookie: COOKIE };
    for (const flags of [0, FLAG.df, FLAG.df | FLAG.fua]) {
      client.send(request({ ...fields, flags }));
      const data = Buffer.concat([u64(4095), bytes]);
      await client.expect(chunk(COOKIE, CHUNK.data, data), "read");
    }
  }
  assert.is(
    await structuredError(client, { type: CMD.read, offset: SIZE, length: 1 }),
    ERR.invalid,
  );
  assert.is(await structuredError(client, { type: 99 }), ERR.invalid);
  client.send(request({ type: CMD.flush, cookie: COOKIE }));
  await client.expect(chunk(COOKIE, CHUNK.none, Buffer.alloc(0)), "flush");
});

test("requests for nothing", async () => {
  const client = await RawClient.open(path);
  for (const offset of [0, 1000, SIZE]) {
    for (const type of [CMD.read, CMD.write, CMD.trim, CMD.cache, CMD.writeZeroes]) {
      assert.is(await client.errorOf({ type, offset, cookie: COOKIE }), 0, `command ${type}`);
    }
  }
  await stillThere(client);
  const structured = await RawClient.open(path, "", { structured: true });
  structured.send(request({ type: CMD.read, cookie: COOKIE, offset: 1000 }));
  const empty = chunk(COOKIE, CHUNK.none, Buffer.alloc(0));
  await structured.expect(empty, "a chunk of data has at least one byte of it");
});

test("every cookie comes back as it was", async () => {
  const client = await RawClient.open(path);
  const cookies = [0n, 1n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n];
  for (const cookie of cookies) {
    assert.is(await client.errorOf({ type: CMD.flush, cookie }), 0);
    assert.is(await client.errorOf({ type: 77, cookie }), ERR.invalid);
  }
});

test("unknown commands and flags are refused", async () => {
  const client = await RawClient.open(path);
  for (const type of [CMD.resize, 9, 255, 256, 0x8000, 0xffff]) {
    assert.is(await client.errorOf({ type }), ERR.invalid, `command ${type}`);
    assert.is(await client.errorOf({ type, length: 0xffffffff, flags: 1 }), ERR.invalid);
  }
  for (const type of [...RANGED, CMD.flush]) {
    for (const flags of [FLAG.payloadLen, 1 << 6, 1 << 15, 0xffff]) {
      assert.is(await client.errorOf({ type, flags }), ERR.invalid, `${type} with ${flags}`);
    }
  }
  await stillThere(client);
});

test("a write with unknown flags is refused, its payload skipped", async () => {
  const client = await RawClient.open(path);
  for (const length of [1, 28, 5000, MIB]) {
    client.send(writeRequest(0, Buffer.alloc(length, 0x25), { flags: 1 << 7 }));
    assert.is((await client.simple()).error, ERR.invalid);
    await stillThere(client);
  }
});

test("FUA is fine with every command", async () => {
  const client = await RawClient.open(path);
  const flags = FLAG.fua;
  for (const type of [CMD.read, CMD.trim, CMD.cache, CMD.writeZeroes]) {
    client.send(request({ type, flags, length: 512, cookie: COOKIE }));
    const { error } = await client.simple();
    assert.is(error, 0, `command ${type}`);
    if (type === CMD.read) await client.take(512);
  }
  assert.is(await client.errorOf({ type: CMD.flush, flags }), 0);
  assert.is(await client.errorOf({ type: CMD.write, flags, length: 512 }, Buffer.alloc(512)), 0);
  const noHole = FLAG.fua | FLAG.noHole;
  assert.is(await client.errorOf({ type: CMD.writeZeroes, flags: noHole, length: 512 }), 0);
  await stillThere(client);
});

test("what reaches past the end is refused, also past 2^53 and 2^64", async () => {
  const client = await RawClient.open(path);
  const offsets = [SIZE - 99, SIZE, 2 ** 32, 2 ** 53, 2n ** 63n, 2n ** 64n - 50n, 2n ** 64n - 1n];
  for (const offset of offsets) {
    for (const type of [CMD.read, CMD.trim, CMD.cache, CMD.blockStatus]) {
      const error = await client.errorOf({ type, offset, length: 100 });
      assert.is(error, ERR.invalid, `command ${type} at ${offset}`);
    }
    for (const type of [CMD.write, CMD.writeZeroes]) {
      const payload = Buffer.alloc(type === CMD.write ? 100 : 0);
      const error = await client.errorOf({ type, offset, length: 100 }, payload);
      assert.is(error, ERR.noSpace, `command ${type} at ${offset}`);
    }
  }
  const zeros = { type: CMD.writeZeroes, offset: 1, length: 0xffffffff };
  assert.is(await client.errorOf(zeros), ERR.noSpace);
  assert.is(await client.errorOf({ ...zeros, type: CMD.trim }), ERR.invalid);
  assert.is(await client.errorOf({ type: CMD.cache, offset: 1, length: 0xffffffff }), ERR.invalid);
  await stillThere(client);
});

test("reads and writes of 32 MiB are taken, of a byte more refused", async () => {
  const client = await RawClient.open(path);
  const most = Buffer.alloc(PAYLOAD_BYTES_MAX);
  for (let at = 0; at < most.length; at += MIB) most.set(random.bytes(MIB), at);
  assert.is(await client.errorOf({ type: CMD.write, offset: 3, length: most.length }, most), 0);
  client.send(request({ type: CMD.read, offset: 3, length: most.length }));
  assert.is((await client.simple()).error, 0);
  assert.ok((await client.take(most.length)).equals(most));
  for (const length of [PAYLOAD_BYTES_MAX + 1, 0x80000000, 0xffffffff]) {
    assert.is(await client.errorOf({ type: CMD.read, length }), ERR.invalid);
  }
  for (const length of [PAYLOAD_BYTES_MAX + 1, 64 * MIB]) {
    client.send(request({ type: CMD.write, length }));
    for (let left = length; left > 0; left -= most.length) client.send(most.subarray(0, left));
    assert.is((await client.simple()).error, ERR.invalid);
    await stillThere(client);
  }
});

test("FLUSH takes no range", async () => {
  const client = await RawClient.open(path);
  assert.is(await client.errorOf({ type: CMD.flush, length: 1 }), ERR.invalid);
  assert.is(await client.errorOf({ type: CMD.flush, offset: 2n ** 63n }), ERR.invalid);
  assert.is(await client.errorOf({ type: CMD.flush }), 0);
});

test("a read-only export refuses to write, and skips the payload", async () => {
  const client = await RawClient.open(path, "@fixed");
  for (const type of WRITING) {
    for (const length of [0, 1, 5000, 3 * MIB]) {
      const payload = Buffer.alloc(type === CMD.write ? length : 0, 0x25);
      assert.is(await client.errorOf({ type, length }, payload), ERR.perm, `command ${type}`);
    }
  }
  client.send(request({ type: CMD.read, offset: 7, length: 3, cookie: 3n }));
  await client.expect(simpleReply(3n, 0, Buffer.alloc(3)), "reads go on");
  assert.is(await client.errorOf({ type: CMD.flush }), 0);
});

test("a read-only server has no other exports", async () => {
  const reading = await serve({ nbd: { readOnly: true } });
  const client = await RawClient.open(reading.path);
  assert.is(await client.errorOf({ type: CMD.write, length: 9 }, Buffer.alloc(9)), ERR.perm);
  assert.is(await client.errorOf({ type: CMD.flush }), 0);
  await reading.close();
});

test("zeros: with holes, without, and fast or not at all", async () => {
  const client = await RawClient.open(path);
  const [length, offset] = [3 * 4096, 20 * MIB + 1000];
  for (const flags of [0, FLAG.noHole, FLAG.fastZero, FLAG.fua | FLAG.noHole]) {
    client.send(writeRequest(offset - 500, Buffer.alloc(length + 1000, 7)));
    assert.is((await client.simple()).error, 0);
    assert.is(await client.errorOf({ type: CMD.writeZeroes, flags, offset, length }), 0);
    client.send(request({ type: CMD.read, offset: offset - 500, length: length + 1000 }));
    const parts = [Buffer.alloc(500, 7), Buffer.alloc(length), Buffer.alloc(500, 7)];
    await client.expect(simpleReply(0n, 0, Buffer.concat(parts)), `zeros with flags ${flags}`);
  }
  const slow = { type: CMD.writeZeroes, offset: 1, length: 100 };
  assert.is(await client.errorOf({ ...slow, flags: FLAG.fastZero }), ERR.notSupported);
  const flags = FLAG.fastZero | FLAG.noHole;
  assert.is(await client.errorOf({ ...slow, length: MIB, flags }), ERR.notSupported);
});

test("what is no request ends the connection, and no other one", async () => {
  const other = await RawClient.open(path);
  for (const at of [0, 1, 2, 3]) {
    const client = await RawClient.open(path);
    const bytes = request({ type: CMD.flush });
    bytes[at] ^= 0x10;
    client.send(bytes);
    await client.ended();
  }
  await stillThere(other);
});

test.run();
