/** `replicate` as users run it: folders, commands, served stores, rules. */
import { spawn } from "node:child_process";
import fs from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { commandTarget } from "../../src/cli/replica-command.ts";
import { Random } from "../model/prng.ts";
import {
  command,
  commandArguments,
  failed,
  finished,
  folder,
  fresh,
  json,
  pattern,
  refused,
  run,
  start,
  succeed,
  succeedWith,
  wrongUsage,
} from "./program.ts";
import {
  endServer,
  going,
  held,
  isSent,
  itself,
  list,
  MIB,
  newFolder,
  newStore,
  once,
  read,
  SIZE,
  serve,
  shell,
  slowly,
  until,
} from "./replicated.ts";

test("wrong usage", async () => {
  const store = await newStore();
  await wrongUsage("replicate", store);
  await wrongUsage("replicate", store, "--to", folder, "--", "cat");
  await wrongUsage("replicate", store, "--to", folder, "--every", "5m", "--once");
  await wrongUsage("replicate", store, "--to", folder, "--every", "soon");
  await wrongUsage("replicate", store, "--to", folder, "--keep", "all");
  await refused("Invalid", "replicate", store, "--to", folder, "--once", "--series", "auto");
  await refused("NotFound", "replicate", fresh("nothing"), "--to", folder);
  await refused("NotFound", "replicate", store, "--to", fresh("nowhere"), "--once");
  const beside = store.slice(0, store.lastIndexOf("/"));
  await refused("Invalid", "replicate", store, "--to", beside, "--once");
});

test("into a folder: whole, then increments, and the copy's origin follows", async () => {
  const [store, backup] = [await newStore(), newFolder()];
  const copy = `${backup}/${store.split("/").at(-1)}`;
  await succeedWith(pattern(3 * MIB, 1), "write", store, "--offset", "1M", "--quiet");
  const first = await once(store, "--to", backup);
  assert.is(first.from, null);
  assert.ok(first.bytes > 3 * MIB && first.bytes < 3.1 * MIB);
  await succeedWith(pattern(5000, 2), "write", store, "--offset", "5M", "--quiet");
  const second = await once(store, "--to", backup, "--compress", "gzip");
  assert.is(second.from, first.snapshot);
  assert.ok(second.bytes < 20_000 && second.follows);
  assert.ok((await read(copy)).equals(await read(store)));
  assert.ok((await read(copy, first.snapshot)).equals(await read(store, first.snapshot)));
  assert.equal([await held(store), await held(copy)], [[second.snapshot], [second.snapshot]]);
  for (const each of [store, copy]) {
    await refused("Busy", "delete", each, second.snapshot);
    await succeed("check", each, "--quiet");
  }
});

test("a snapshot that is written to, served or not", async () => {
  const [store, backup] = [await newStore(), newFolder()];
  const copy = `${backup}/${store.split("/").at(-1)}`;
  await succeedWith(pattern(MIB, 1), "write", store, "--offset", "0", "--quiet");
  await succeed("snapshot", store, "fork", "--quiet");
  await succeedWith(pattern(5000, 2), "write", `${store}@fork`, "--offset", "1M", "--quiet");
  const first = await once(`${store}@fork`, "--to", backup);
  const server = await serve(store);
  await succeedWith(pattern(5000, 3), "write", `${store}@fork`, "--offset", "2M", "--quiet");
  const second = await once(`${store}@fork`, "--to", backup);
  assert.is(second.from, first.snapshot);
  assert.ok(second.bytes < 20_000 && second.follows);
  assert.ok((await read(copy)).equals(await read(store, "fork")));
  await refused("Invalid", "replicate", store, "--to", backup, "--once");
  await refused("NotFound", "replicate", `${store}@none`, "--to", backup, "--once");
  await endServer(server);
});

test("through a command, with filters in a pipe, and what it says of failures", async () => {
  const [store, copy] = [await newStore(), fresh("copy.msnap")];
  await succeedWith(pattern(MIB, 1), "write", store, "--offset", "0", "--quiet");
  const receiving = `gzip | cat | gunzip | ${itself} receive ${copy}`;
  const missing = await run("replicate", store, "--once", ...shell(receiving));
  failed(missing, 1, ["NotFound"], "no store there");
  await once(store, ...shell(`${receiving} --create`));
  const second = await once(store, ...shell(receiving));
  assert.ok(second.follows && second.from !== null);
  assert.ok((await read(copy)).equals(await read(store)));
  for (const [line, said] of [
    ["exit 3", /exit code 3 without an answer/],
    ["cat > /dev/null; echo gone >&2; exit 1", /exit code 1: gone/],
    ["echo hello", /without an answer|gave no answer/],
    ["kill -9 $$", /SIGKILL/],
  ] as const) {
    const result = await run("replicate", store, "--once", ...shell(line));
    failed(result, 1, ["Io"], line);
    assert.match(result.stderr, said);
  }
  failed(await run("replicate", store, "--once", "--", "no such program"), 1, ["Io"], "none");
  assert.is((await once(store, ...shell(receiving))).from, second.snapshot);
});

test("both sides served; rules on both; --no-prune", async () => {
  const [store, backup] = [await newStore(), newFolder()];
  const copy = `${backup}/${store.split("/").at(-1)}`;
  await succeed("create", copy, "--size", `${SIZE}`, "--kind", "bitmap", "--quiet");
  const servers = [await serve(store), await serve(copy)];
  await succeed("snapshot", store, "own", "--read-only", "--quiet");
  const side = going(store, "--every", "1s", "--keep", "2x1s", "--to", backup);
  await side.until(isSent, 5);
  await side.stop();
  const names = async (of: string) => (await list(of)).map(({ name }) => name);
  assert.is((await names(store)).length, 3);
  assert.is((await names(store))[0], "own");
  assert.equal(await names(copy), (await names(store)).slice(1));
  const line = shell(`${itself} receive ${copy} --no-prune`);
  await wait(1000);
  const event = await once(store, "--keep", "1x1h", "--keep-here", "2x1s", ...line);
  assert.is(event.deleted.there, 0);
  assert.is(event.deleted.here.length, 1);
  assert.is((await names(copy)).length, 3);
  for (const server of servers) await endServer(server);
  assert.ok((await read(copy)).equals(await read(store)));
});

test("while it sends, other commands work through it", async () => {
  const [store, copy] = [await newStore(), await newStore()];
  await succeedWith(new Random(6).bytes(2 * MIB), "write", store, "--offset", "0", "--quiet");
  const line = shell(`${slowly(40)} | ${itself} receive ${copy}`);
  const child = spawn(command, [...commandArguments, "replicate", store, "--once", ...line]);
  const ended = finished(child);
  await until(
    async () => (await run("status", store)).code === 0 && (await list(store)).length > 0,
  );
  await succeedWith(pattern(100, 1), "write", store, "--offset", "9M", "--quiet");
  await succeed("snapshot", store, "meanwhile", "--quiet");
  const { code, stdout } = await ended;
  assert.is(code, 0);
  assert.match(stdout.toString(), /^sent @replica-\S+ whole: 2\.?\d* MiB in /);
  assert.ok((await read(store, "meanwhile")).subarray(9 * MIB, 9 * MIB + 100).some((byte) => byte));
  await succeed("check", store, "--quiet");
});

test("a program that takes nothing any more is ended; if need be, killed", async () => {
  for (const line of ["sleep 30", "trap '' TERM; sleep 30 & wait; wait"]) {
    const target = commandTarget(["sh", "-c", line], 300);
    async function* bytes() {
      for (;;) yield new Uint8Array(2 ** 16);
    }
    const since = Date.now();
    const ended = target.exchange(bytes(), new AbortController().signal);
    const error = await ended.then(
      () => null,
      (error) => error,
    );
    assert.match(error.message, "took and said nothing for too long, and was ended");
    assert.ok(Date.now() - since < 15_000, line);
  }
});

test("send makes a store over there, too: receive --create", async () => {
  const [store, copy] = [await newStore("--chunk", "64K"), fresh("made.msnap")];
  await succeedWith(pattern(MIB, 3), "write", store, "--offset", "0", "--quiet");
  await succeed("snapshot", store, "one", "--quiet");
  const stream = await succeed("send", `${store}@one`);
  await succeedWith(stream, "receive", copy, "--create", "--quiet");
  assert.ok((await read(copy, "one")).equals(await read(store, "one")));
  const { chunk, size } = await json("status", copy);
  assert.equal([chunk, size], [65536, SIZE]);
  const nothing = fresh("nothing.msnap");
  const none = start("receive", nothing, "--create");
  none.stdin!.end("no stream at all");
  failed(await finished(none), 1, ["Invalid"], "no stream");
  assert.not(fs.existsSync(nothing));
});

test.run();
