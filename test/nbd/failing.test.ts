/**
 * A served volume whose device fails or is full: the client whose request it was is told, as a disk
 * tells it; the server and everybody else go on.
 */
import fs from "node:fs";
import path from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { connectControl } from "../../src/control/client.ts";
import { serveControl } from "../../src/control/server.ts";
import { serveNbd } from "../../src/nbd/server.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import type { StoreKind } from "../../src/volume/types.ts";
import { errorOf } from "../faults/story.ts";
import { Image, imageDevice } from "../model/image.ts";
import { lateDevice } from "../model/late.ts";
import { Random } from "../model/prng.ts";
import { Failing } from "../model/watched.ts";
import { CAN, CHUNK as CHUNK_TYPE, CMD, ERR, infoData, OPT, REP, request } from "./messages.ts";
import { RawClient } from "./raw-client.ts";
import { folder, freshSocket } from "./served.ts";

const CHUNK = 4096;
const SIZE = 64 * CHUNK;
const data = Buffer.alloc(CHUNK, 7);

interface World {
  kind: StoreKind;
  attached: boolean;
  late: boolean;
}

const worlds: World[] = [false, true].flatMap((late) => [
  { kind: "range", attached: false, late } as const,
  { kind: "range", attached: true, late } as const,
  { kind: "bitmap", attached: true, late } as const,
  { kind: "persistent", attached: true, late } as const,
]);

/** Over NBD and the control socket, on devices of which the store's, or the origin's, fails. */
async function start({ kind, attached, late }: World, role: "store" | "origin", storeSize = 0) {
  const failing = new Failing();
  const random = new Random(2);
  const device = (image: Image, which: string, fixed: boolean) => {
    const one = imageDevice(image, { name: which, fixed });
    const watched = which === role ? failing.device(one) : one;
    return late ? lateDevice(watched, random.fork()) : watched;
  };
  const store = device(new Image(storeSize), "store", storeSize > 0);
  const origin = attached ? { origin: device(new Image(SIZE), "origin", true) } : {};
  const volume = await openVolume({ store, ...origin, create: { kind, size: SIZE } });
  await volume.origin.write(0, new Uint8Array(8 * CHUNK).fill(1));
  if (kind !== "persistent") await volume.snapshot("cow");
  await volume.origin.write(2 * CHUNK, new Uint8Array(CHUNK).fill(2));
  await volume.flush();
  const socket = freshSocket();
  const server = await serveNbd(volume, { socket });
  const place = path.join(folder, `${path.basename(socket)}.msnap`);
  fs.writeFileSync(place, "");
  const control = await serveControl(volume, place);
  const close = async () => {
    RawClient.closeAll();
    await control.close();
    await server.close();
    return errorOf(volume.close());
  };
  return { failing, volume, socket, place, close };
}

/** What a structured reply complains about, or null. */
async function complaint(client: RawClient, fields: Parameters<typeof request>[0], sent = data) {
  const payload = fields.type === CMD.write ? sent : Buffer.alloc(0);
  client.send(request(fields), payload);
  const { type, data: chunk } = await client.chunk();
  if (type !== CHUNK_TYPE.error) return null;
  return { errno: chunk.readUInt32BE(0), text: chunk.subarray(6).toString() };
}

for (const world of worlds) {
  const { kind, attached, late } = world;
  const where = `${kind}, ${attached ? "attached" : "inline"}, ${late ? "late" : "at once"}`;

  test(`a failed read is EIO for its client, who is told of what: ${where}`, async () => {
    const { failing, socket, close } = await start(world, attached ? "origin" : "store");
    const client = await RawClient.open(socket, "", { structured: true });
    const other = await RawClient.open(socket, "@cow");
    failing.fail("read", 1, 1);
    const read = { type: CMD.read, offset: CHUNK, length: 100 };
    const failed = await complaint(client, read);
    assert.is(failed?.errno, ERR.io);
    assert.match(failed?.text ?? "", /^reading bytes 4096\.\.4195 of the origin: .*EIO/);
    assert.is(await complaint(client, read), null, "the next one is answered");
    const write = { type: CMD.write, offset: 5 * CHUNK, length: CHUNK };
    assert.is(await complaint(client, write), null);
    assert.is(await other.errorOf(write, data), 0);
    assert.is(await other.errorOf({ type: CMD.flush }), 0);
    assert.is(await close(), null);
  });

  test(`after a failed flush writes are EIO, reads go on: ${where}`, async () => {
    const { failing, socket, place, volume, close } = await start(world, "store");
    const [client, other] = [await RawClient.open(socket), await RawClient.open(socket, "@cow")];
    const write = { type: CMD.write, offset: 9 * CHUNK, length: CHUNK };
    assert.is(await other.errorOf(write, data), 0);
    failing.fail("flush", 1);
    assert.is(await client.errorOf({ type: CMD.flush }), ERR.io);
    for (const one of [client, other]) {
      assert.is(await one.errorOf(write, data), ERR.io, "write");
      const range = { offset: 0, length: CHUNK };
      assert.is(await one.errorOf({ type: CMD.writeZeroes, ...range }), ERR.io, "zeros");
      assert.is(await one.errorOf({ type: CMD.trim, ...range }), ERR.io, "trim");
      assert.is(await one.errorOf({ type: CMD.flush }), ERR.io, "flush");
    }
    assert.is(failing.failed, 1, "a failed flush is not tried again");
    const named = await RawClient.open(socket, "@cow", { structured: true });
    client.send(request({ type: CMD.read, offset: 2 * CHUNK, length: 1 }));
    assert.is((await client.simple()).error, 0);
    assert.is((await client.take(1))[0], 2, "reads go on");
    const flush = await complaint(named, { type: CMD.flush });
    assert.match(flush?.text ?? "", /no more writes, because: .*EIO.*open it again/);
    await mustBeOfferedReadOnly(socket);
    await mustBeSaid(place);
    assert.match(volume.status().error ?? "", /EIO/);
    assert.is((await close())?.code, "ReadOnly");
  });
}

/** Who comes later sees an export that takes no writes. */
async function mustBeOfferedReadOnly(socket: string): Promise<void> {
  const late = await RawClient.greet(socket);
  const replies = await late.askAll(OPT.go, infoData(""));
  const info = replies.find(({ type, data }) => type === REP.info && data.readUInt16BE() === 0);
  assert.ok(((info?.data.readUInt16BE(10) ?? 0) & CAN.readOnly) !== 0);
  assert.is(
    await late.errorOf({ type: CMD.write, length: CHUNK }, data),
    ERR.perm,
    "it was offered for reading only",
  );
}

/** Over the control socket: the state, and every change that is refused, name the cause. */
async function mustBeSaid(place: string): Promise<void> {
  const remote = await connectControl(place);
  assert.ok(remote);
  assert.match(remote?.status().error ?? "", /EIO/);
  assert.is(remote?.readOnly, true);
  const refused = await errorOf(remote?.snapshot("t") as Promise<unknown>);
  assert.is(refused?.code, "ReadOnly");
  assert.match(refused?.message ?? "", /EIO/);
  await remote?.close();
}

for (const kind of ["range", "bitmap"] as const) {
  test(`a full store is ENOSPC to who writes, and takes deletes: ${kind}`, async () => {
    const world = { kind, attached: false, late: false };
    // What a store needs for itself, its reserve among it, and some chunks.
    const { socket, place, volume, close } = await start(world, "store", 2 ** 21);
    const client = await RawClient.open(socket, "", { structured: true });
    let found: Awaited<ReturnType<typeof complaint>> = null;
    for (let round = 0; found === null && round < 100; round++) {
      const made = await errorOf(volume.snapshot(`s${round}`));
      if (made !== null) assert.is(made.code, "NoSpace");
      for (let i = 0; i < 64 && found === null; i++) {
        found = await complaint(client, { type: CMD.write, offset: i * CHUNK, length: CHUNK });
      }
    }
    assert.is(found?.errno, ERR.noSpace);
    assert.match(found?.text ?? "", /every snapshot is intact/);
    assert.is(await complaint(client, { type: CMD.flush }), null);
    const remote = await connectControl(place);
    await remote?.delete(...remote.snapshots.map(({ name }) => name as string));
    await remote?.reclaimed();
    await remote?.close();
    const write = { type: CMD.write, offset: 0, length: CHUNK };
    assert.is(await complaint(client, write), null, "writing goes on");
    assert.is(await close(), null);
  });
}

test.run();
