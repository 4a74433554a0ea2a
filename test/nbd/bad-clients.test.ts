/**
 * Clients that are many, slow, deaf or greedy. Beside each kind, a well-behaved client does a
 * thousand verified requests, and the server's memory stays within its bound.
 */
import fs from "node:fs";
import path from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fileDevice } from "../../src/devices/file.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import { CMD, FLAG, infoData, MIB, OPT, option, request, u32 } from "./messages.ts";
import { RawClient } from "./raw-client.ts";
import { folder, freshSocket } from "./served.ts";
import { ServerProcess } from "./server-process.ts";
import { WellBehaved } from "./well-behaved.ts";

const SIZE = 64 * MIB;
const REQUESTS = 1000;
const MANY = 1000;
/** In flight altogether, and what each connection has of its own. */
const SHARED_BYTES_MAX = 64 * MIB;
const OWN_BYTES = 256 * 1024;
/** Idle buffers, and what the collector has not come to yet. */
const SLACK_BYTES = 128 * MIB;

interface Scene {
  server: ServerProcess;
  /** Opens that many connections that have chosen the origin. */
  open(count: number, contexts?: string[]): Promise<RawClient[]>;
  /** A thousand requests of somebody else, all verified. */
  work(): Promise<void>;
}

let plays = 0;

/** Plays with a server of its own; `connections` is how many the play makes. */
async function play(connections: number, body: (scene: Scene) => Promise<void>): Promise<void> {
  const store = path.join(folder, `disk-${plays++}.msnap`);
  const volume = await openVolume({ store: await fileDevice(store), create: { size: SIZE } });
  await volume.snapshot("kept");
  // Every other chunk has data: as many runs as can be.
  for (let at = 0; at < SIZE; at += 8192) await volume.origin.write(at, new Uint8Array(4096));
  await volume.close();
  const server = await ServerProcess.start(store, freshSocket());
  try {
    await playWith(server, connections, body);
    await server.stop();
  } finally {
    server.kill();
    fs.rmSync(store);
  }
}

async function playWith(
  server: ServerProcess,
  connections: number,
  body: (scene: Scene) => Promise<void>,
): Promise<void> {
  const good = await WellBehaved.start(server.path, "@kept", SIZE);
  await good.verify();
  const before = server.memory().most;
  const open = (count: number, contexts: string[] = []) =>
    Promise.all(
      Array.from({ length: count }, () =>
        RawClient.open(server.path, "", { structured: contexts.length > 0, contexts }),
      ),
    );
  await body({ server, open, work: () => good.work(REQUESTS) });
  const grown = server.memory().most - before;
  const bound = SHARED_BYTES_MAX + connections * OWN_BYTES + SLACK_BYTES;
  assert.ok(grown <= bound, `${Math.round(grown / MIB)} MiB more, not ${Math.round(bound / MIB)}`);
  good.close();
  RawClient.closeAll();
  let live = await server.live();
  for (let waited = 0; live.connections > 0 && waited < 500; waited++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    live = await server.live();
  }
  assert.equal([live.connections, live.queueDepth, live.bytesInFlight], [0, 0, 0]);
}

test.after.each(() => RawClient.closeAll());

test(`${MANY} connections that say nothing`, () =>
  play(MANY, async ({ server, work }) => {
    for (let i = 0; i < MANY; i++) await RawClient.connect(server.path);
    await work();
  }));

test(`${MANY} handshakes that stop halfway`, () =>
  play(MANY, async ({ server, work }) => {
    const whole = Buffer.concat([u32(3), option(OPT.go, infoData("@kept", [1, 2, 3]))]);
    for (let i = 0; i < MANY; i++) {
      const client = await RawClient.connect(server.path);
      client.send(whole.subarray(0, i % whole.length));
    }
    await work();
  }));

test(`${MANY} handshakes with an option of 64 KiB, less a byte`, () =>
  play(MANY, async ({ server, work }) => {
    const most = option(OPT.info, Buffer.alloc(65535), 65536);
    for (let i = 0; i < MANY; i++) {
      const client = await RawClient.connect(server.path);
      client.send(u32(3), most);
    }
    await work();
  }));

test(`${MANY} connections that have an export open`, () =>
  play(MANY, async ({ open, work }) => {
    for (let i = 0; i < MANY; i += 100) await open(100);
    await work();
  }));

test(`${MANY} connections that vanish in the midst of a request`, () =>
  play(300, async ({ open, work }) => {
    for (let i = 0; i < MANY; i += 100) {
      for (const client of await open(100)) {
        client.send(request({ type: CMD.read, length: MIB }));
        client.send(request({ type: CMD.write, length: MIB }), Buffer.alloc(70_000));
        client.close();
      }
    }
    await work();
  }));

test("more connections than the server takes: who shakes hands for long gives way", () =>
  play(3000, async ({ server, open, work }) => {
    for (let i = 0; i < 3000; i++) {
      const client = await RawClient.connect(server.path);
      if (i % 2 === 0) client.send(u32(3));
    }
    await work();
    const [other] = await open(1);
    assert.is(await other?.errorOf({ type: CMD.flush }), 0);
  }));

/** Sends requests, and reads no reply. */
function deaf(client: RawClient, requests: Buffer[]): void {
  client.socket.pause();
  client.send(...requests);
}

const repeat = (count: number, make: (i: number) => Buffer) =>
  Array.from({ length: count }, (_, i) => make(i));

for (const length of [1, 4096, MIB, 32 * MIB]) {
  test(`clients that read nothing of what they ask for, ${length} bytes each`, () =>
    play(8, async ({ open, work }) => {
      const type = CMD.read;
      const reads = repeat(20_000, (i) => request({ type, cookie: BigInt(i), length }));
      for (const client of await open(8)) deaf(client, reads);
      await work();
    }));
}

test("clients that read nothing, and ask byte by byte", () =>
  play(4, async ({ open, work }) => {
    const clients = await open(4);
    for (const client of clients) client.socket.pause();
    for (let i = 0; i < 8000; i++) {
      for (const client of clients) client.send(request({ type: CMD.read, length: 1 }));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await work();
  }));

test("clients that read nothing of block status", () =>
  play(2, async ({ open, work }) => {
    const contexts = ["base:allocation", "multisnap:diff:kept"];
    const asks = repeat(4000, () => request({ type: CMD.blockStatus, length: SIZE }));
    for (const client of await open(2, contexts)) deaf(client, asks);
    await work();
  }));

for (const [name, type, flags, count] of [
  ["CACHE", CMD.cache, 0, 300],
  ["WRITE_ZEROES", CMD.writeZeroes, FLAG.noHole, 40],
  ["TRIM", CMD.trim, 0, 300],
] as const) {
  test(`clients that ask for much with little: ${name}`, () =>
    play(2, async ({ open, work }) => {
      const asks = repeat(count, () => request({ type, flags, offset: 1, length: 8 * MIB }));
      for (const client of await open(2)) deaf(client, asks);
      await work();
    }));
}

test("a write of 32 MiB that comes byte by byte", () =>
  play(4, async ({ open, work, server }) => {
    const slow = await open(3);
    for (const client of slow) client.send(request({ type: CMD.write, length: 32 * MIB }));
    const drip = setInterval(() => {
      for (const client of slow) if (client.socket.writable) client.send(Buffer.from([1]));
    }, 1000);
    await work();
    // Who needs what they hold gets it: they are ended.
    const [other] = await open(1);
    const payload = Buffer.alloc(32 * MIB, 5);
    const fields = { type: CMD.write, length: payload.length };
    assert.is(await other?.errorOf(fields, payload), 0);
    clearInterval(drip);
    assert.ok((await server.live()).connectionsFailed > 0);
  }));

test.run();
