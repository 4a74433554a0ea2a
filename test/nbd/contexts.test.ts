/** Metadata contexts: which can be had, when, and what block status then says. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CHUNK, CMD, contextData, ERR, FLAG, infoData, OPT, REP, request } from "./messages.ts";
import { RawClient } from "./raw-client.ts";
import { serve } from "./served.ts";

const CHUNK_BYTES = 4096;
const ALLOCATION = "base:allocation";
const CONTEXTS_MAX = 16;
const EXTENTS_MAX = 4096;
/** An attribute of a run of bytes. */
const [DATA, HOLE, SAME, CHANGED] = [0, 3, 0, 1];

const served = await serve();
const { path, volume } = served;
const { origin } = volume;

// Chunks 0 and 1 have data, and 4; since `s` chunk 1 has changed and chunk 8 come.
await origin.write(0, new Uint8Array(2 * CHUNK_BYTES).fill(1));
await origin.write(4 * CHUNK_BYTES, new Uint8Array(CHUNK_BYTES).fill(1));
await volume.snapshot("s");
await origin.write(CHUNK_BYTES, new Uint8Array(CHUNK_BYTES).fill(2));
await origin.write(8 * CHUNK_BYTES, new Uint8Array(CHUNK_BYTES).fill(2));
const DIFF = "multisnap:diff:s";

test.after.each(() => served.quiet());
test.after(() => served.close());

async function greet(): Promise<RawClient> {
  const client = await RawClient.greet(path);
  assert.is(await client.ask(OPT.structuredReply), REP.ack);
  return client;
}

/** Names of the contexts that were answered, by their ids; all has to be well. */
async function contexts(
  client: RawClient,
  code: number,
  name: string,
  queries: string[],
): Promise<[number, string][]> {
  const replies = await client.askAll(code, contextData(name, queries));
  assert.is(replies.pop()?.type, REP.ack);
  return replies.map(({ type, data }) => {
    assert.is(type, REP.metaContext);
    return [data.readUInt32BE(), data.toString("utf8", 4)];
  });
}

const go = (client: RawClient, name = "") => client.askAll(OPT.go, infoData(name));

/** Block status by context id. */
async function status(
  client: RawClient,
  fields: { offset: number; length: number; flags?: number },
): Promise<Map<number, [number, number][]>> {
  client.send(request({ type: CMD.blockStatus, cookie: 9n, ...fields }));
  const found = new Map<number, [number, number][]>();
  for (let isLast = false; !isLast; ) {
    const { type, flags, cookie, data } = await client.chunk();
    assert.is(cookie, 9n);
    assert.is(type, CHUNK.blockStatus, type === CHUNK.error ? data.toString("utf8", 6) : "type");
    const runs: [number, number][] = [];
    for (let at = 4; at < data.length; at += 8) {
      runs.push([data.readUInt32BE(at), data.readUInt32BE(at + 4)]);
    }
    assert.not(found.has(data.readUInt32BE()), "each context once");
    found.set(data.readUInt32BE(), runs);
    isLast = (flags & 1) !== 0;
  }
  return found;
}

/** The error number of a structured reply that is one error. */
async function statusError(client: RawClient): Promise<number> {
  client.send(request({ type: CMD.blockStatus, length: 512 }));
  const { type, flags, data } = await client.chunk();
  assert.equal([type, flags], [CHUNK.error, 1]);
  assert.is(data.readUInt16BE(4), data.length - 6, "the length of the message");
  return data.readUInt32BE();
}

test("contexts before structured replies are invalid", async () => {
  const client = await RawClient.greet(path);
  for (const code of [OPT.setMetaContext, OPT.listMetaContext]) {
    assert.is(await client.ask(code, contextData("", [ALLOCATION])), REP.invalid);
  }
  await go(client);
  assert.is(await client.errorOf({ type: CMD.blockStatus, length: 512 }), ERR.invalid);
  client.close();
});

test("every wrong length is invalid", async () => {
  const client = await greet();
  const whole = contextData("", [ALLOCATION, DIFF]);
  for (const code of [OPT.setMetaContext, OPT.listMetaContext]) {
    for (let length = 0; length < whole.length; length++) {
      assert.is(await client.ask(code, whole.subarray(0, length)), REP.invalid, `cut to ${length}`);
    }
    assert.is(await client.ask(code, Buffer.concat([whole, Buffer.alloc(1)])), REP.invalid);
    for (const at of [0, 3, 4, 7, 8, 11]) {
      const bytes = Buffer.from(whole);
      bytes[at] ^= 0x80;
      assert.is(await client.ask(code, bytes), REP.invalid, `byte ${at}`);
    }
    assert.is(await client.ask(code, contextData("@none", [ALLOCATION])), REP.unknown);
  }
  client.close();
});

test("LIST_META_CONTEXT: all, by namespace, by name", async () => {
  const client = await greet();
  const list = async (...queries: string[]) =>
    (await contexts(client, OPT.listMetaContext, "", queries)).map(([, name]) => name);
  assert.equal(await list(), [ALLOCATION, DIFF]);
  assert.equal(await list("base:"), [ALLOCATION]);
  assert.equal(await list("multisnap:"), [DIFF]);
  assert.equal(await list("multisnap:diff:"), [DIFF]);
  assert.equal(await list(ALLOCATION), [ALLOCATION]);
  assert.equal(await list(DIFF, "base:"), [DIFF, ALLOCATION]);
  assert.equal(await list("multisnap:diff:none", "x", "", "qemu:", "base:alloc"), []);
  client.close();
});

test("SET_META_CONTEXT selects exact names, each once, and ignores others", async () => {
  const client = await greet();
  const queries = ["base:", "x-y:z", DIFF, "multisnap:diff:none", ALLOCATION, DIFF];
  const selected = await contexts(client, OPT.setMetaContext, "", queries);
  assert.equal(selected.map(([, name]) => name).sort(), [ALLOCATION, DIFF]);
  assert.is(new Set(selected.map(([id]) => id)).size, 2, "ids of their own");
  client.close();
});

test("the last selection holds; one that fails selects nothing", async () => {
  const cases: [string, Buffer][] = [
    ["none", contextData("", [])],
    ["unknown ones", contextData("", ["x:y"])],
    ["of no export", contextData("@none", [ALLOCATION])],
    ["malformed", contextData("", [ALLOCATION]).subarray(0, 9)],
  ];
  for (const [what, data] of cases) {
    const client = await greet();
    await contexts(client, OPT.setMetaContext, "", [ALLOCATION]);
    await client.askAll(OPT.setMetaContext, data);
    await go(client);
    assert.is(await statusError(client), ERR.invalid, what);
    client.close();
  }
  const client = await greet();
  await contexts(client, OPT.setMetaContext, "", [ALLOCATION]);
  const [[id]] = (await contexts(client, OPT.setMetaContext, "", [DIFF])) as [[number, string]];
  await go(client);
  assert.equal([...(await status(client, { offset: 0, length: 4096 })).keys()], [id]);
  client.close();
});

test("a selection is bound to its export's name", async () => {
  for (const [selected, opened] of [
    ["", "@s"],
    ["@s", ""],
  ] as const) {
    const client = await greet();
    await contexts(client, OPT.setMetaContext, selected, [ALLOCATION]);
    await client.askAll(OPT.info, infoData(selected));
    await go(client, opened);
    assert.is(await statusError(client), ERR.invalid, `${selected} and ${opened}`);
    client.close();
  }
});

test(`${CONTEXTS_MAX} contexts are fine, more are too big`, async () => {
  const names = Array.from({ length: CONTEXTS_MAX }, (_, i) => `many-${i}`);
  for (const name of names) await volume.snapshot(name);
  const queries = names.map((name) => `multisnap:diff:${name}`);
  const client = await greet();
  assert.is((await contexts(client, OPT.setMetaContext, "", queries)).length, CONTEXTS_MAX);
  const more = contextData("", [ALLOCATION, ...queries]);
  assert.is(await client.ask(OPT.setMetaContext, more), REP.tooBig);
  await contexts(client, OPT.setMetaContext, "", queries);
  await go(client);
  assert.is((await status(client, { offset: 0, length: 4096 })).size, CONTEXTS_MAX);
  client.close();
  await volume.delete(...names);
});

test("block status says what is there and what has changed", async () => {
  const client = await greet();
  const selected = await contexts(client, OPT.setMetaContext, "", [ALLOCATION, DIFF]);
  const [allocation, diff] = [ALLOCATION, DIFF].map(
    (name) => selected.find(([, found]) => found === name)?.[0] as number,
  ) as [number, number];
  await go(client);
  const length = 10 * CHUNK_BYTES;
  const all = await status(client, { offset: 0, length });
  const inChunks = (id: number) => all.get(id)?.map(([bytes, state]) => [bytes / 4096, state]);
  assert.equal(inChunks(allocation), [
    [2, DATA],
    [2, HOLE],
    [1, DATA],
    [3, HOLE],
    [1, DATA],
    [1, HOLE],
  ]);
  assert.equal(inChunks(diff), [
    [1, SAME],
    [1, CHANGED],
    [6, SAME],
    [1, CHANGED],
    [1, SAME],
  ]);
  const one = await status(client, { offset: 0, length, flags: FLAG.reqOne });
  assert.equal(one.get(allocation), [[2 * CHUNK_BYTES, DATA]]);
  assert.equal(one.get(diff), [[CHUNK_BYTES, SAME]]);
  const part = await status(client, { offset: CHUNK_BYTES - 1, length: 2, flags: FLAG.reqOne });
  assert.equal(part.get(allocation), [[2, DATA]]);
  assert.equal(part.get(diff), [[1, SAME]]);
  client.close();
});

test(`more than ${EXTENTS_MAX} runs are told in parts, for the client to join`, async () => {
  const chunks = 3 * EXTENTS_MAX;
  for (let i = 100; i < chunks; i += 2) await origin.write(i * CHUNK_BYTES, new Uint8Array(8));
  const client = await RawClient.open(path, "", { structured: true, contexts: [ALLOCATION] });
  const end = chunks * CHUNK_BYTES;
  const seen: number[] = [];
  let [at, asked] = [100 * CHUNK_BYTES, 0];
  for (; at < end; asked++) {
    const [runs] = (await status(client, { offset: at, length: end - at })).values();
    assert.ok(runs && runs.length > 0 && runs.length <= EXTENTS_MAX);
    for (const [bytes, state] of runs) {
      assert.is(state, seen.length % 2 === 0 ? DATA : HOLE);
      assert.is(bytes, CHUNK_BYTES);
      seen.push(state);
      at += bytes;
    }
  }
  assert.ok(asked > 1);
  assert.is(seen.length, chunks - 100);
  client.close();
});

test("block status of a large range lets others in between", async () => {
  const large = await serve({ size: 2 ** 30 });
  await large.volume.snapshot("s");
  const client = await RawClient.open(large.path, "", { structured: true, contexts: [DIFF] });
  let turns = 0;
  const count = () => {
    turns++;
    counting = setImmediate(count);
  };
  let counting = setImmediate(count);
  const [runs] = (await status(client, { offset: 0, length: 2 ** 30 })).values();
  clearImmediate(counting);
  assert.equal(runs, [[2 ** 30, SAME]]);
  assert.ok(turns >= 10, `${turns} turns of the event loop`);
  await large.close();
});

test("a snapshot that is compared with, and deleted, is an error", async () => {
  await volume.snapshot("short");
  const client = await RawClient.open(path, "", {
    structured: true,
    contexts: [ALLOCATION, "multisnap:diff:short"],
  });
  await volume.delete("short");
  assert.is(await statusError(client), ERR.shutdown);
  client.send(request({ type: CMD.flush }));
  assert.is((await client.chunk()).type, CHUNK.none, "the connection goes on");
  client.close();
});

test.run();
