/** `diff`, `send`, `receive` as users run them: in pipes that break, on served stores, too. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { testsWith } from "../needs.ts";
import {
  failed,
  finished,
  folder,
  fresh,
  json,
  pattern,
  program,
  refused,
  runWith,
  start,
  succeed,
  succeedWith,
  wrongUsage,
} from "./program.ts";

const SIZE = 4 * 2 ** 20;

async function read(store: string, name?: string): Promise<Buffer> {
  const view = name === undefined ? store : `${store}@${name}`;
  return succeed("read", view, "--offset", "0", "--length", `${SIZE}`);
}

async function newStore(kind = "range"): Promise<string> {
  const store = fresh("disk.msnap");
  await succeed("create", store, "--size", `${SIZE}`, "--kind", kind, "--quiet");
  return store;
}

/** A store with the snapshots one, two and three. */
async function withHistory(): Promise<string> {
  const store = await newStore();
  for (const [index, name] of ["one", "two", "three"].entries()) {
    const bytes = pattern(100_000, index + 1);
    await succeedWith(bytes, "write", store, "--offset", `${index * 50_000}`, "--quiet");
    await succeed("snapshot", store, name, "--quiet");
  }
  return store;
}

const made = withHistory();

test("diff prints what changed, and with --content what differs", async () => {
  const store = await newStore();
  await succeedWith(pattern(20_000, 1), "write", store, "--offset", "0");
  await succeed("snapshot", store, "before");
  await succeedWith(pattern(4096, 1), "write", store, "--offset", "0");
  await succeedWith(pattern(10, 9), "write", store, "--offset", "9000");
  const text = await succeed("diff", store, "@before", "origin");
  assert.is(text.toString(), "0 4096\n8192 4096\n");
  const { ranges } = await json("diff", store, "@before", "origin", "--content");
  assert.equal(ranges, [{ offset: 8192, length: 4096 }]);
  assert.equal(await json("diff", store, "@before", "@before"), { ranges: [] });
  await refused("NotFound", "diff", store, "@nobody", "origin");
  await wrongUsage("diff", store, "before", "origin");
  await wrongUsage("diff", store, "@before");
});

test("a chain, an increment, and what receive says", async () => {
  const store = await made;
  const [copy, other] = [await newStore("bitmap"), await newStore()];
  const all = await succeed("send", `${store}@two`, "--all", "--compress", "gzip");
  const said = await succeedWith(all, "receive", copy);
  assert.match(
    said.toString(),
    /^received @one, @two into .*; the origin is what the last one is\n$/,
  );
  const step = await succeed("send", `${store}@three`, "--from", "@two");
  assert.ok(step.length < 120_000);
  const { stdout } = await runWith(step, "receive", copy, "--json");
  const received = JSON.parse(stdout.toString());
  assert.equal(Object.keys(received), ["snapshots", "follows"]);
  assert.equal(Object.keys(received.snapshots[0]), ["id", "name", "identity"]);
  for (const name of ["one", "two", "three"]) {
    assert.ok((await read(copy, name)).equals(await read(store, name)));
  }
  assert.ok((await read(copy)).equals(await read(store, "three")));
  failed(await runWith(step, "receive", other), 1, ["NotFound"], "wrong base");
  failed(await runWith(step, "receive", copy), 1, ["Exists"], "twice");
  const one = await succeed("send", `${store}@one`);
  await succeedWith(one, "receive", other, "--as", "first", "--quiet");
  assert.ok((await read(other, "first")).equals(await read(store, "one")));
  for (const each of [copy, other]) await succeed("check", each, "--quiet");
});

test("an increment makes no store where there is none that it could follow on", async () => {
  const step = await succeed("send", `${await made}@three`, "--from", "@two");
  const nowhere = fresh("nowhere.msnap");
  const { code, stderr } = await runWith(step, "receive", nowhere, "--create");
  assert.is(code, 1);
  assert.match(stderr, /^multisnap: NotFound: .*receive that first\n$/);
  assert.not.ok(fs.existsSync(nowhere));
});

testsWith("script")("a stream is refused to a terminal", async () => {
  const store = await made;
  const line = `${process.execPath} ${program} send ${store}@one`;
  const { status, stdout } = spawnSync("script", ["-qec", line, "/dev/null"], { encoding: "utf8" });
  assert.is(status, 2);
  assert.match(stdout, /^multisnap: Invalid: .*terminal/);
});

test("wrong usage", async () => {
  const store = await made;
  await wrongUsage("send", store);
  await wrongUsage("send", `${store}@one`, "--json");
  await wrongUsage("send", `${store}@one`, "--resume", "x");
  await wrongUsage("send", `${store}@one`, "--compress", "rar");
  await wrongUsage("receive", store, "--token", "--forget");
  await refused("Invalid", "send", store, "--resume", "x");
  await refused("NotFound", "send", `${store}@nobody`);
  await refused("NotFound", "send", `${store}@two`, "--from", "nobody");
});

test("a stream that ends too soon prints a token, with which it goes on", async () => {
  const [store, copy] = [await made, await newStore()];
  const before = await read(copy);
  const all = await succeed("send", `${store}@three`, "--all");
  const cut = await runWith(all.subarray(0, all.length - 5000), "receive", copy);
  failed(cut, 1, ["Corrupt"], "cut");
  const token = /token (msr1-\S+)\n/.exec(cut.stderr)![1]!;
  assert.equal(await json("list", copy), { snapshots: [] });
  assert.ok((await read(copy)).equals(before));
  assert.is((await succeed("receive", copy, "--token")).toString(), `${token}\n`);
  const status = (await succeed("status", copy)).toString();
  assert.match(status, /^snapshots +0\nhalf received +2 snapshots, and /m);
  const rest = await succeed("send", store, "--resume", token);
  assert.ok(rest.length < all.length / 2);
  failed(await runWith(rest, "receive", copy), 1, ["Invalid"], "without --resume");
  await succeedWith(rest, "receive", copy, "--resume", "--quiet");
  for (const name of ["one", "two", "three"]) {
    assert.ok((await read(copy, name)).equals(await read(store, name)));
  }
  assert.equal(await json("receive", copy, "--token"), { half: null });
});

test("--no-keep and --forget leave nothing", async () => {
  const [store, copy] = [await made, await newStore()];
  const all = await succeed("send", `${store}@one`);
  const cut = all.subarray(0, all.length - 100);
  failed(await runWith(cut, "receive", copy, "--no-keep"), 1, ["Corrupt"], "--no-keep");
  assert.equal(await json("receive", copy, "--token"), { half: null });
  failed(await runWith(cut, "receive", copy), 1, ["Corrupt"], "kept");
  assert.ok(((await json("receive", copy, "--token")) as { half: object }).half);
  await succeed("receive", copy, "--forget");
  assert.equal(await json("receive", copy, "--token"), { half: null });
});

test("a receiver that is killed, and a reader that goes away", async () => {
  const [store, copy] = [await made, await newStore()];
  const all = await succeed("send", `${store}@three`, "--all");
  const child = start("receive", copy);
  // Killed before it has taken all of it.
  child.stdin!.on("error", () => {});
  child.stdin!.write(all.subarray(0, all.length - 1000));
  await new Promise((resolve) => setTimeout(resolve, 1500));
  child.kill("SIGKILL");
  await finished(child);
  assert.equal(await json("list", copy), { snapshots: [] });
  await succeed("check", copy, "--quiet");
  await succeedWith(all, "receive", copy, "--quiet");
  assert.ok((await read(copy, "three")).equals(await read(store, "three")));
  const sending = start("send", `${store}@three`);
  sending.stdout!.destroy();
  const { code, stderr } = await finished(sending);
  assert.is(code, 1);
  assert.match(stderr, /^multisnap: Io: standard output/);
});

test("from one served store to another, in a pipe", async () => {
  const [store, copy] = [await newStore(), await newStore()];
  await succeedWith(pattern(300_000, 4), "write", store, "--offset", "0", "--quiet");
  await succeed("snapshot", store, "one", "--quiet");
  const servers = [await serve(store), await serve(copy)];
  const { code } = await shell(
    `node ${program} send ${store}@one | node ${program} receive ${copy} --quiet`,
  );
  assert.is(code, 0);
  await succeedWith(pattern(1000, 5), "write", store, "--offset", "5000", "--quiet");
  await succeed("snapshot", store, "two", "--quiet");
  const pipe = `node ${program} send ${store}@two --from one | head -c 3000`;
  const broken = await shell(`${pipe} | node ${program} receive ${copy}`);
  assert.is(broken.code, 1);
  assert.match(broken.stderr, /Corrupt: the stream is not whole/);
  const step = await succeed("send", `${store}@two`, "--from", "one");
  await succeedWith(step, "receive", copy, "--quiet");
  assert.ok((await read(copy, "two")).equals(await read(store, "two")));
  const differences = await json("diff", copy, "@one", "@two", "--content");
  assert.equal(differences, { ranges: [{ offset: 4096, length: 4096 }] });
  const ends = servers.map(finished);
  for (const server of servers) server.kill("SIGTERM");
  for (const { code } of await Promise.all(ends)) assert.is(code, 0);
});

async function serve(store: string): Promise<ChildProcess> {
  const server = start("serve", store, "--socket", `${store}.sock`);
  await new Promise<void>((resolve) => server.stdout!.once("data", () => resolve()));
  return server;
}

function shell(line: string) {
  return finished(spawn("sh", ["-c", line], { cwd: folder }));
}

test.run();
