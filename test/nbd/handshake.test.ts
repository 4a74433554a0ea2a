/** The handshake, byte for byte: every option, well-formed and not. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  CAN,
  CMD,
  FIXED,
  INFO,
  infoData,
  MIB,
  NO_ZEROES,
  OPT,
  option,
  REP,
  request,
  simpleReply,
  u16,
  u32,
  u64,
} from "./messages.ts";
import { RawClient } from "./raw-client.ts";
import { serve } from "./served.ts";

const SIZE = 48 * MIB + 512;
const NAME_BYTES_MAX = 4096;
const OPTION_BYTES_MAX = 64 * 1024;
const WRITABLE =
  CAN.hasFlags |
  CAN.flush |
  CAN.fua |
  CAN.trim |
  CAN.writeZeroes |
  CAN.multiConn |
  CAN.cache |
  CAN.fastZero;
const READ_ONLY = CAN.hasFlags | CAN.readOnly | CAN.flush | CAN.fua | CAN.multiConn | CAN.cache;

const served = await serve({ size: SIZE, chunk: 65536 });
const { path, volume } = served;
await volume.snapshot("writable");
await volume.snapshot("fixed", { readOnly: true });

test.after.each(() => served.quiet());
test.after(() => served.close());

function greet(flags?: number): Promise<RawClient> {
  return RawClient.greet(path, flags);
}

/** The conversation goes on, and nothing else is in it. */
async function stillThere(client: RawClient): Promise<void> {
  assert.is(await client.ask(OPT.abort), REP.ack);
  await client.ended();
}

test("the greeting", async () => {
  const client = await RawClient.connect(path);
  const bytes = Buffer.concat([Buffer.from("NBDMAGICIHAVEOPT"), u16(FIXED | NO_ZEROES)]);
  await client.expect(bytes, "greeting");
  client.close();
});

test("client flags that are not known end the connection, others do not", async () => {
  for (const flags of [4, 0x80000000, 0xffffffff, FIXED | 8]) await (await greet(flags)).ended();
  for (const flags of [0, FIXED, NO_ZEROES, 3]) await stillThere(await greet(flags));
});

test("what is no option ends the connection", async () => {
  for (let i = 0; i < 8; i++) {
    const client = await greet();
    const bytes = option(OPT.list);
    bytes[i] ^= 1;
    client.send(bytes);
    await client.ended();
  }
});

test("unknown options are answered, with and without data", async () => {
  const client = await greet();
  for (const code of [0, OPT.peekExports, OPT.extendedHeaders, 12, 0x7fffffff, 0xffffffff]) {
    for (const length of [0, 1, 1000, OPTION_BYTES_MAX]) {
      assert.is(await client.ask(code, Buffer.alloc(length, 1)), REP.unsupported, `option ${code}`);
    }
  }
  await stillThere(client);
});

test("options with data that should have none are invalid", async () => {
  const client = await greet();
  for (const code of [OPT.list, OPT.structuredReply]) {
    for (const length of [1, 4, 1000]) {
      assert.is(await client.ask(code, Buffer.alloc(length)), REP.invalid, `option ${code}`);
    }
  }
  assert.is(await client.ask(OPT.startTls), REP.unsupported, "no certificate");
  await stillThere(client);
});

test("INFO and GO of every wrong length are invalid", async () => {
  const client = await greet();
  const whole = infoData("", [INFO.name, INFO.blockSize]);
  for (const code of [OPT.info, OPT.go]) {
    for (let length = 0; length < whole.length; length++) {
      const type = await client.ask(code, whole.subarray(0, length));
      assert.is(type, REP.invalid, `option ${code} cut to ${length}`);
    }
    const longer = Buffer.concat([whole, Buffer.alloc(1)]);
    assert.is(await client.ask(code, longer), REP.invalid);
    for (const [at, value] of [
      [3, 1],
      [3, 9],
      [0, 255],
      [5, 1],
      [5, 3],
      [4, 255],
    ] as const) {
      const bytes = Buffer.from(whole);
      bytes[at] = value;
      assert.is(await client.ask(code, bytes), REP.invalid, `byte ${at} is ${value}`);
    }
  }
  await stillThere(client);
});

test("data of more than 64 KiB is too big, and is skipped", async () => {
  const client = await greet();
  for (const code of [OPT.list, OPT.info, OPT.go, OPT.setMetaContext, OPT.abort, 77]) {
    for (const length of [OPTION_BYTES_MAX + 1, 3 * MIB]) {
      assert.is(await client.ask(code, Buffer.alloc(length, "IHAVEOPT")), REP.tooBig);
    }
  }
  await stillThere(client);
});

test("data that never comes whole ends with the client", async () => {
  for (const length of [1, 65536, 65537, 0xffffffff]) {
    const client = await greet();
    client.send(option(OPT.info, Buffer.alloc(length > 1 ? 1000 : 0), length));
    client.socket.end();
    await client.ended();
  }
});

function exportNameReply(flags: number, zeros: number): Buffer {
  return Buffer.concat([u64(SIZE), u16(flags), Buffer.alloc(zeros)]);
}

test("EXPORT_NAME, with and without NO_ZEROES", async () => {
  for (const [name, flags] of [
    ["", WRITABLE],
    ["origin", WRITABLE],
    ["@fixed", READ_ONLY],
  ] as const) {
    for (const zeros of [0, 124]) {
      const client = await greet(zeros === 0 ? 3 : FIXED);
      client.send(option(OPT.exportName, Buffer.from(name)), request({ type: CMD.flush }));
      await client.expect(exportNameReply(flags, zeros), `${name}, ${zeros} zeros`);
      await client.expect(simpleReply(0n), "the reply comes right behind");
      client.close();
    }
  }
});

test("EXPORT_NAME after STRUCTURED_REPLY has DF and structured replies", async () => {
  const client = await greet();
  assert.is(await client.ask(OPT.structuredReply), REP.ack);
  client.send(option(OPT.exportName), request({ type: CMD.flush, cookie: 5n }));
  await client.expect(exportNameReply(WRITABLE | CAN.df, 0), "flags");
  const { type, flags, cookie } = await client.chunk();
  assert.equal([type, flags, cookie], [0, 1, 5n]);
  client.close();
});

test("EXPORT_NAME of what is not there, or too long, ends the connection", async () => {
  const long = [NAME_BYTES_MAX + 1, OPTION_BYTES_MAX, OPTION_BYTES_MAX + 1].map((length) =>
    "n".repeat(length),
  );
  for (const name of ["@", "@none", "writable", "Origin", "@writable\0", "@@writable", ...long]) {
    const client = await greet();
    client.send(option(OPT.exportName, Buffer.from(name)));
    await client.ended(name.slice(0, 20));
  }
});

test("INFO, then GO of another", async () => {
  const client = await greet();
  for (let i = 0; i < 3; i++) {
    assert.is(await client.ask(OPT.info, infoData("@none")), REP.unknown);
    assert.is(await client.ask(OPT.go, infoData("@none")), REP.unknown);
    const replies = await client.askAll(OPT.info, infoData("@fixed"));
    assert.is(replies.at(-1)?.type, REP.ack);
  }
  await client.askAll(OPT.go, infoData("@writable"));
  assert.is(await client.errorOf({ type: CMD.writeZeroes, length: 10 }), 0);
  client.close();
});

test("every piece of information, byte for byte", async () => {
  const client = await greet();
  const all = [INFO.blockSize, INFO.name, 77, INFO.description, INFO.export, INFO.name, 65535];
  for (const [name, flags] of [
    ["", WRITABLE],
    ["@writable", WRITABLE],
    ["@fixed", READ_ONLY],
  ] as const) {
    const replies = await client.askAll(OPT.info, infoData(name, all));
    assert.is(replies.pop()?.type, REP.ack);
    assert.ok(replies.every(({ type }) => type === REP.info));
    const of = (kind: number) => {
      const found = replies.filter(({ data }) => data.readUInt16BE() === kind);
      assert.is(found.length, 1, `information ${kind} comes once`);
      return found[0]?.data.subarray(2).toString("hex") ?? "";
    };
    assert.is(of(INFO.export), Buffer.concat([u64(SIZE), u16(flags)]).toString("hex"));
    assert.is(of(INFO.name), Buffer.from(name).toString("hex"));
    const sizes = Buffer.concat([u32(1), u32(65536), u32(32 * MIB)]);
    assert.is(of(INFO.blockSize), sizes.toString("hex"));
    assert.ok(Buffer.from(of(INFO.description), "hex").length > 0);
    assert.is(replies.length, 4);
  }
  const few = await client.askAll(OPT.info, infoData(""));
  const kinds = few.slice(0, -1).map(({ data }) => data.readUInt16BE());
  assert.ok(kinds.includes(INFO.export), "what nobody asked for but all need");
  await stillThere(client);
});

test("names as long as they may be, and longer", async () => {
  const client = await greet();
  assert.is(await client.ask(OPT.info, infoData("n".repeat(NAME_BYTES_MAX))), REP.unknown);
  for (const length of [NAME_BYTES_MAX + 1, 60_000]) {
    const type = await client.ask(OPT.info, infoData("n".repeat(length)));
    assert.ok(type === REP.invalid || type === REP.tooBig, `a name of ${length}`);
  }
  const longest = `@${"ü".repeat(127)}x`;
  await volume.snapshot(longest.slice(1));
  const replies = await client.askAll(OPT.info, infoData(longest, [INFO.name]));
  assert.is(replies.at(-1)?.type, REP.ack);
  await volume.delete(longest.slice(1));
  assert.is(await client.ask(OPT.info, infoData(longest)), REP.unknown, "deleted since");
  const broken = Buffer.from([0x40, 0xc3, 0x28, 0xff]);
  assert.is(await client.ask(OPT.info, infoData(broken)), REP.unknown, "no UTF-8");
  await stillThere(client);
});

async function list(client: RawClient): Promise<string[]> {
  const replies = await client.askAll(OPT.list);
  assert.is(replies.pop()?.type, REP.ack);
  return replies.map(({ type, data }) => {
    assert.is(type, REP.server);
    assert.is(data.readUInt32BE(), data.length - 4);
    return data.toString("utf8", 4);
  });
}

test("LIST with 1,000 snapshots, as they are at the moment", async () => {
  const client = await greet();
  const before = ["", "origin", "@writable", "@fixed"];
  assert.equal(await list(client), before);
  const names = Array.from({ length: 1000 }, (_, i) => `s ${i} ü`);
  for (const name of names) await volume.snapshot(name);
  assert.equal(await list(client), [...before, ...names.map((name) => `@${name}`)]);
  await volume.rename("s 0 ü", "zero");
  await volume.delete(...names.slice(1));
  assert.equal(await list(client), [...before, "@zero"]);
  await volume.delete("zero");
  assert.equal(await list(client), before);
  await stillThere(client);
});

test("ABORT ends, also with data", async () => {
  for (const length of [0, 100]) {
    const client = await greet();
    assert.is(await client.ask(OPT.abort, Buffer.alloc(length)), REP.ack);
    await client.ended();
  }
});

test("a handshake that comes byte by byte", async () => {
  const client = await RawClient.connect(path);
  const bytes = Buffer.concat([
    u32(3),
    option(OPT.structuredReply),
    option(OPT.list),
    option(OPT.go, infoData("origin")),
    request({ type: CMD.flush }),
  ]);
  for (const byte of bytes) {
    client.send(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await client.take(18);
  const types: number[] = [];
  while (types.filter((type) => type === REP.ack).length < 3) {
    types.push((await client.optionReply()).type);
  }
  assert.is((await client.chunk()).type, 0);
  client.close();
});

test("a handshake and requests in one packet, and nothing after", async () => {
  const client = await RawClient.connect(path);
  const flushes = Array.from({ length: 1000 }, (_, i) =>
    request({ type: CMD.flush, cookie: BigInt(i) }),
  );
  client.send(u32(3), option(OPT.go, infoData("")), ...flushes);
  client.socket.end();
  await client.take(18);
  while ((await client.optionReply()).type !== REP.ack);
  const cookies = new Set<bigint>();
  for (let i = 0; i < flushes.length; i++) cookies.add((await client.simple()).cookie);
  assert.is(cookies.size, flushes.length);
  await client.ended();
});

test.run();
