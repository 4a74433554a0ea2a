/** The control protocol frame by frame: what PROTOCOL.md says, and what clients must not send. */
import fs from "node:fs";
import path from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { OPERATIONS } from "../../src/connect/operations.ts";
import * as layout from "../../src/control/layout.ts";
import {
  ANSWER,
  bytesOf,
  CANCEL,
  FAILURE,
  HELLO,
  PART,
  RawClient,
  REQUEST,
  WELCOME,
} from "./raw.ts";
import { closeAll, connect, serveFile } from "./served.ts";

const page = fs.readFileSync(
  path.join(import.meta.dirname, "..", "..", "src", "control", "PROTOCOL.md"),
  "utf8",
);
const { volume, server, store, close } = await serveFile();
await volume.origin.write(0, Buffer.from("hello"));
const one = await volume.snapshot("one");
const ORIGIN = { id: 1, name: null };

test("PROTOCOL.md says of each constant of layout.ts what it is", () => {
  const rows = page.matchAll(/^\| `([A-Z_]+)` \| (\d+) \|/gm);
  const stated = Object.fromEntries([...rows].map(([, name, value]) => [name, Number(value)]));
  const { VERSIONS, MAGIC, FRAME_BYTES, VERSION_NONE, REQUEST_NONE, REQUEST_MAX, ...constants } =
    layout;
  assert.equal(stated, constants);
  assert.is(FRAME_BYTES, stated.FRAME_PAYLOAD + 4);
  assert.equal([VERSION_NONE, REQUEST_NONE, REQUEST_MAX], [0, 0, 2 ** 32 - 1]);
  assert.ok(page.includes(`{"versions":${JSON.stringify(VERSIONS)}}`));
  assert.ok(
    page.includes(
      Buffer.from(MAGIC)
        .toString("hex")
        .replace(/..(?=.)/g, "$& "),
    ),
  );
});

test("PROTOCOL.md says of each operation what it takes and gives", () => {
  const table = page.slice(page.indexOf("## 4."));
  const rows = [...table.matchAll(/^\| `([a-z]+)` \|/gm)].map(([, name]) => name);
  assert.equal(rows, [...OPERATIONS.keys()]);
});

test("a client written from PROTOCOL.md gets on", async () => {
  const client = await RawClient.connect(server.path);
  client.send(bytesOf(0, HELLO, 0, { versions: [7, 1] }));
  const welcome = await client.next();
  assert.equal([welcome?.version, welcome?.type, welcome?.request], [0, WELCOME, 0]);
  assert.equal(welcome?.head, { version: 1, files: [store] });

  client.request(5, { op: "state" });
  const part = await client.next();
  assert.equal([part?.version, part?.type, part?.request], [1, PART, 5]);
  const { id, created, size } = one;
  const marks = { note: null, tags: [], holds: [] };
  const row = { id, name: "one", parent: 1, created, size, readOnly: false, ...marks };
  assert.equal(part?.head, { rows: [row] });
  const state = await client.next();
  assert.equal([state?.type, state?.request, state?.head.uuid], [ANSWER, 5, volume.uuid]);

  client.request(6, { op: "read", view: ORIGIN, offset: 1, length: 4 });
  client.request(7, { op: "write", view: ORIGIN, offset: 9 }, Buffer.from("there"));
  const answers = [await client.next(), await client.next()];
  const read = answers.find((answer) => answer?.request === 6);
  assert.is(read?.payload.toString(), "ello");
  client.request(6, { op: "read", view: ORIGIN, offset: 9, length: 5 });
  assert.is((await client.next())?.payload.toString(), "there");
  client.destroy();
});

test("a hello without a version in common", async () => {
  for (const versions of [[2], [], ["1"], "1", null, { 0: 1 }, [2 ** 53, -1]]) {
    const client = await RawClient.connect(server.path);
    client.send(bytesOf(0, HELLO, 0, { versions }));
    await ends(client, "Unsupported");
  }
});

/** Broken, each after a good hello. */
const broken: Record<string, Buffer> = {
  "a wrong magic": Buffer.alloc(24, 0x20),
  "a type of 0": bytesOf(1, 0, 1, {}),
  "a type that nobody knows": bytesOf(1, 9, 1, {}),
  "a type that only servers send": bytesOf(1, ANSWER, 1, {}),
  "another version": bytesOf(2, REQUEST, 1, { op: "flush" }),
  "a second hello": bytesOf(0, HELLO, 0, { versions: [1] }),
  "request 0": bytesOf(1, REQUEST, 0, { op: "flush" }),
  "a head that is too long": bytesOf(1, REQUEST, 1, { op: "flush", more: "x".repeat(65536) }),
  "a payload that is too long": bytesOf(1, REQUEST, 1, { op: "flush" }, Buffer.alloc(262145)),
  "a head that is no JSON": bytesOf(1, REQUEST, 1, Buffer.from("{op:1}")),
  "a head that is no object": bytesOf(1, REQUEST, 1, Buffer.from("[1]")),
  "a head that is nothing": bytesOf(1, REQUEST, 1, Buffer.from("null")),
  "a head without an end": bytesOf(1, REQUEST, 1, Buffer.from("[".repeat(60_000))),
  "a head that is no UTF-8": bytesOf(1, REQUEST, 1, Buffer.from('{"op":"\xff"}', "latin1")),
  "no head": bytesOf(1, REQUEST, 1, Buffer.alloc(0)),
};
for (const [what, bytes] of Object.entries(broken)) {
  test(`${what} ends the connection`, async () => {
    const client = await RawClient.greeted(server.path);
    client.send(bytes);
    await ends(client, "Invalid");
    await goesOn();
  });
}

test("a request before the hello, and bytes that are no frame at all", async () => {
  for (const bytes of [
    bytesOf(1, REQUEST, 1, { op: "flush" }),
    Buffer.from("GET / HTTP/1.1\r\n\r\n".repeat(9)),
  ]) {
    const client = await RawClient.connect(server.path);
    client.send(bytes);
    await ends(client, "Invalid");
  }
  await goesOn();
});

test("a number that is under way", async () => {
  const client = await RawClient.greeted(server.path);
  const twice = bytesOf(1, REQUEST, 3, { op: "reclaimed" });
  client.send(Buffer.concat([twice, twice]));
  for (let frame = await client.next(); frame; frame = await client.next()) {
    if (frame.request === 0) assert.is(frame.head.code, "Invalid");
  }
  await goesOn();
});

test("unknown operations and wrong arguments fail alone", async () => {
  const client = await RawClient.greeted(server.path);
  let request = 0;
  for (const [code, head, payload] of [
    ["Unsupported", {}],
    ["Unsupported", { op: "format" }],
    ["Unsupported", { op: "constructor" }],
    ["Unsupported", { op: { toString: 1 } }],
    ["Invalid", { op: "read" }],
    ["Invalid", { op: "read", view: 1, offset: 0, length: 1 }],
    ["Invalid", { op: "read", view: { id: "1" }, offset: 0, length: 1 }],
    ["Invalid", { op: "read", view: { id: 2, name: 7 }, offset: 0, length: 1 }],
    ["Invalid", { op: "read", view: ORIGIN, offset: -1, length: 1 }],
    ["Invalid", { op: "read", view: ORIGIN, offset: 0.5, length: 1 }],
    ["Invalid", { op: "read", view: ORIGIN, offset: 0, length: 262145 }],
    ["Invalid", { op: "read", view: ORIGIN, offset: 2 ** 23, length: 1 }],
    ["Invalid", { op: "write", view: ORIGIN, offset: 2 ** 23 - 1 }, Buffer.alloc(2)],
    ["Invalid", { op: "trim", view: ORIGIN, offset: 0, length: "all" }],
    ["Invalid", { op: "snapshot", of: ORIGIN, name: "two" }],
    ["Invalid", { op: "snapshot", of: ORIGIN, name: ["two"], readOnly: false }],
    ["Invalid", { op: "snapshot", of: ORIGIN, name: "a@b", readOnly: false }],
    ["NotFound", { op: "snapshot", of: { id: 99, name: "one" }, name: "two", readOnly: false }],
    ["Exists", { op: "snapshot", of: ORIGIN, name: "one", readOnly: false }],
    ["Invalid", { op: "delete" }, Buffer.alloc(3)],
    ["NotFound", { op: "delete" }, Buffer.from([2, 0, 0, 0, 99, 0, 0, 0])],
    ["NotFound", { op: "delete" }, Buffer.from([1, 0, 0, 0])],
    ["Invalid", { op: "rename", view: ORIGIN, name: "x" }],
    ["Invalid", { op: "diff", from: ORIGIN, to: ORIGIN, offset: 0, length: 2 ** 24 }],
  ] as const) {
    request++;
    client.request(request, head, payload);
    const answer = await client.next();
    const what = JSON.stringify(head);
    assert.equal(
      [answer?.type, answer?.request, answer?.head.code],
      [FAILURE, request, code],
      what,
    );
  }
  client.send(bytesOf(1, CANCEL, 12345, {}));
  client.request(++request, { op: "flush" });
  assert.is((await client.next())?.type, ANSWER);
  client.destroy();
  await goesOn();
});

test("a client that goes in the middle of a frame", async () => {
  const whole = bytesOf(
    1,
    REQUEST,
    1,
    { op: "write", view: ORIGIN, offset: 0 },
    Buffer.alloc(9000),
  );
  for (const length of [1, 23, 24, 25, 100, 5000, whole.length - 1]) {
    const client = await RawClient.greeted(server.path);
    client.send(whole.subarray(0, length));
    client.socket.end();
    assert.is((await client.next())?.request ?? 0, 0);
    client.destroy();
  }
  await goesOn();
});

/** The connection ends, and says why. */
async function ends(client: RawClient, code: string): Promise<void> {
  const last = await client.next();
  assert.equal([last?.type, last?.request, last?.head.code], [FAILURE, 0, code]);
  assert.is(await client.next(), null);
}

/** Another client finds everything as it was. */
async function goesOn(): Promise<void> {
  const remote = await connect(store);
  assert.equal(
    remote.snapshots.map(({ name }) => name),
    ["one"],
  );
  const bytes = Buffer.alloc(5);
  await remote.get("one").read(0, bytes);
  assert.is(bytes.toString(), "hello");
  await remote.close();
}

test("the server and its volume close", close);

test.after(closeAll);
test.run();
