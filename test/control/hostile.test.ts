/**
 * Clients that mean harm, or are broken: they cost the others nothing, and the server's memory has
 * a bound. `SEED=7 npx tsx test/control/hostile.test.ts` sends other garbage.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { OPERATIONS } from "../../src/connect/operations.ts";
import { BUDGET_BYTES, PAYLOAD_BYTES_MAX, REQUESTS_MAX } from "../../src/control/layout.ts";
import { Random } from "../model/prng.ts";
import { bytesOf, CANCEL, FAILURE, HELLO, RawClient, REQUEST } from "./raw.ts";
import { closeAll, connect, serveFile } from "./served.ts";

const MALFORMED = 20_000;
const SEED = Number(process.env.SEED ?? 1);
const ORIGIN = { id: 1, name: null };

const { volume, server, store, close } = await serveFile();
const kept = new Random(SEED).bytes(300_000);
await volume.origin.write(1000, kept);
await volume.snapshot("kept", { readOnly: true });

/** A well-behaved client, which finds everything as it should be and gets what it asks for. */
const friend = await connect(store);
let turn = 0;
async function friendlyTurn(): Promise<void> {
  const found = new Uint8Array(4000);
  const at = (turn * 4000) % (kept.length - 4000);
  await friend.get("kept").read(1000 + at, found);
  assert.is(Buffer.compare(found, kept.subarray(at, at + 4000)), 0);
  const name = `turn ${turn++}`;
  await friend.snapshot(name);
  await friend.origin.write(2 ** 22, found);
  await friend.rename(name, `${name}, later`);
  await friend.delete(`${name}, later`);
  assert.equal(
    volume.snapshots.map((view) => view.name),
    ["kept"],
  );
}

test("what it takes to send garbage", friendlyTurn);

/** What no request may have, of every kind that JSON has. */
const WRONG = [
  null,
  true,
  -1,
  0.5,
  1e300,
  2 ** 53,
  "",
  "x".repeat(70),
  [],
  {},
  [[[]]],
  "__proto__",
];
/** Views that are not there, or are no views. */
const VIEWS = [
  ...WRONG,
  { id: 77, name: "kept" },
  { id: 1e9, name: null },
  { id: "1" },
  { id: -1 },
];

/** A request that cannot be done. */
function badRequest(random: Random): [head: object, payload: Uint8Array] {
  const op = random.pick([...OPERATIONS.keys()].filter((op) => needsView(op)));
  const head: Record<string, unknown> = { op };
  for (const key of ["view", "of", "from", "to"]) {
    if (random.chance(0.8)) head[key] = random.pick(VIEWS);
  }
  for (const key of ["offset", "length", "name", "readOnly"]) {
    if (random.chance(0.7)) head[key] = random.pick([...WRONG, random.below(2 ** 24)]);
  }
  if (random.chance(0.1)) head.op = random.pick([...WRONG, "toString", "hasOwnProperty"]);
  return [head, random.bytes(random.below(100))];
}

function needsView(op: string): boolean {
  return ["read", "write", "trim", "zero", "snapshot", "rename", "diff", "extents"].includes(op);
}

/** Bytes that are no frame, or not the whole of one. */
function badBytes(random: Random): Uint8Array {
  const good = bytesOf(1, REQUEST, 1, { op: "read", view: ORIGIN, offset: 0, length: 10 });
  switch (random.below(5)) {
    case 0:
      return random.bytes(random.between(24, 200));
    case 1:
      return good.subarray(0, random.below(good.length));
    case 2: {
      // Magic, version and type; any other byte that is wrong leaves a frame with other numbers.
      const at = random.below(12);
      good[at] = (good[at] as number) ^ random.between(1, 255);
      return good;
    }
    case 3:
      return bytesOf(1, REQUEST, 1, Buffer.from(random.bytes(random.between(1, 300))));
    default:
      good.writeUInt32LE(random.between(65537, 2 ** 32 - 1), random.pick([16, 20]) as number);
      good.writeUInt32LE(2 ** 31, 20);
      return good;
  }
}

/** Sends bad requests `first` to `last`; each one fails, and none of them is our own mistake. */
async function refusals(client: RawClient, random: Random, first: number, last: number) {
  const open = new Map<number, string>();
  for (let request = first; request <= last; request++) {
    const [head, payload] = badRequest(random);
    client.request(request, head, payload);
    open.set(request, JSON.stringify(head));
  }
  while (open.size > 0) {
    const answer = await client.next();
    const what = open.get(answer?.request as number);
    assert.ok(what && open.delete(answer?.request as number), JSON.stringify(answer));
    assert.is(answer?.type, FAILURE, what);
    assert.is.not(answer?.head.code, "Internal", what);
  }
}

test(`${MALFORMED} malformed frames (seed ${SEED})`, async () => {
  const random = new Random(SEED);
  let client = await RawClient.greeted(server.path);
  for (let sent = 1; sent <= MALFORMED; sent++) {
    if (random.chance(0.001)) await friendlyTurn();
    if (random.chance(0.5)) {
      const last = sent + random.below(REQUESTS_MAX);
      await refusals(client, random, sent, last);
      sent = last;
      continue;
    }
    const fresh = random.chance(0.3) ? await RawClient.connect(server.path) : client;
    if (fresh !== client) client.destroy();
    fresh.send(badBytes(random));
    fresh.socket.end();
    for (let frame = await fresh.next(); frame; frame = await fresh.next()) {
      assert.equal([frame.type, frame.request], [FAILURE, 0]);
    }
    client = await RawClient.greeted(server.path);
  }
  client.destroy();
  await friendlyTurn();
});

test("200 silent connections, with and without a hello", async () => {
  const clients: RawClient[] = [];
  for (let i = 0; i < 200; i++) {
    clients.push(await (i % 2 === 0 ? RawClient.connect : RawClient.greeted)(server.path));
  }
  await friendlyTurn();
  assert.ok(clients.every(({ socket }) => !socket.closed));
  for (const client of clients) client.destroy();
  await friendlyTurn();
});

test("halves of frames, more than the budget: small requests go on, large ones wait", async () => {
  const payload = Buffer.alloc(PAYLOAD_BYTES_MAX);
  const half = bytesOf(1, REQUEST, 1, { op: "write" }, payload).subarray(0, 200_000);
  const clients: RawClient[] = [];
  for (let sent = 0; sent < 1.5 * BUDGET_BYTES; sent += PAYLOAD_BYTES_MAX) {
    const client = await RawClient.greeted(server.path);
    client.send(half);
    clients.push(client);
  }
  for (let i = 0; i < 10; i++) await friendlyTurn();
  // Until those are ended that will never send the other half.
  const large = new Uint8Array(kept.length);
  await friend.get("kept").read(1000, large);
  assert.is(Buffer.compare(large, kept), 0);
  for (const client of clients) client.destroy();
  await friendlyTurn();
});

test("1,000 connections: who was silent longest makes room", async () => {
  const clients: RawClient[] = [];
  for (let i = 0; i < 1000; i++) {
    const client = await RawClient.connect(server.path);
    if (i % 2 === 0) client.send(bytesOf(0, HELLO, 0, { versions: [1] }));
    clients.push(client);
    if (i % 100 === 0) await friendlyTurn();
  }
  await friendlyTurn();
  const late = await connect(store);
  assert.ok(late.has("kept"), "there is room for another one");
  await late.close();
  for (const client of clients) client.destroy();
  await friendlyTurn();
});

test("clients that take no answers: the others go on, memory has a bound", async () => {
  const before = memory();
  const clients: RawClient[] = [];
  const read = { op: "read", view: ORIGIN, offset: 0, length: PAYLOAD_BYTES_MAX };
  for (let i = 0; i < 40; i++) {
    const client = await RawClient.greeted(server.path);
    for (let request = 1; request <= 50; request++) client.request(request, read);
    client.request(51, { op: "state" });
    clients.push(client);
  }
  for (let i = 0; i < 10; i++) await friendlyTurn();
  // 40 x 50 answers would be 512 MiB. The budget, and as much again for what is being copied.
  const held = memory() - before;
  assert.ok(held < 2 * BUDGET_BYTES, `${held} bytes are held`);
  // They keep sending, so it is not for silence that they lose their share.
  const busy = setInterval(() => {
    for (const client of clients) client.send(bytesOf(1, CANCEL, 9999, {}));
  }, 200);
  try {
    const large = new Uint8Array(kept.length);
    await friend.get("kept").read(1000, large);
    assert.is(Buffer.compare(large, kept), 0, "their share has come back");
  } finally {
    clearInterval(busy);
  }
  for (const client of clients) client.destroy();
  await friendlyTurn();
});

function memory(): number {
  return process.memoryUsage().arrayBuffers;
}

test("the server closes with connections of all kinds", async () => {
  const clients = [await RawClient.connect(server.path), await RawClient.greeted(server.path)];
  for (const client of clients)
    client.send(bytesOf(1, REQUEST, 1, { op: "flush" }).subarray(0, 30));
  await close();
  for (const client of clients) {
    while (await client.next());
    client.destroy();
  }
  await friend.close();
});

test.after(closeAll);
test.run();
