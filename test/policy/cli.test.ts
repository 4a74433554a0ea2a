/** The options of the command line for a full store: remembered, overridden, served, refused. */

import fs from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  failed,
  finished,
  fresh,
  json,
  pattern,
  refused,
  run,
  runWith,
  start,
  succeed,
  succeedWith,
  wrongUsage,
} from "../cli/program.ts";
import { serve } from "../clients/served.ts";

const SIZE = 2 ** 20;

async function snapshots(store: string): Promise<string[]> {
  const { snapshots } = await json("list", store);
  return (snapshots as { name: string }[]).map(({ name }) => name).sort();
}

/** A store that is full but for what tmp-0 and tmp-1 have: each a volume's worth. */
async function fullStore(...options: string[]): Promise<string> {
  const store = fresh("full.msnap");
  await succeed("create", store, "--size", "1M", "--max-size", "5M", "--quiet", ...options);
  for (const [seed, name] of ["tmp-0", "tmp-1", "keep"].entries()) {
    await succeedWith(pattern(SIZE, seed), "write", store, "--offset", "0", "--quiet");
    await succeed("snapshot", store, name, "--quiet");
  }
  return store;
}

const write = (store: string, ...options: string[]) =>
  runWith(pattern(SIZE, 9), "write", store, "--offset", "0", "--quiet", ...options);

test("create remembers, status shows", async () => {
  const store = fresh("policy.msnap");
  await succeed("create", store, "--size", "1M", "--quiet");
  const plain = await json("status", store);
  assert.equal([plain.victims, plain.preserveOnError, plain.pruned], [null, true, null]);
  assert.match((await succeed("status", store)).toString(), /^when full +the write fails$/m);
  const other = fresh("policy.msnap");
  const policy = ["--victims", "tmp-*=0, auto-*=1", "--no-preserve-on-error"];
  await succeed("create", other, "--size", "1M", "--quiet", ...policy);
  const { victims, preserveOnError } = await json("status", other);
  assert.equal([victims, preserveOnError], ["tmp-*=0, auto-*=1", false]);
  const line = /^when full +prune tmp-\*=0, auto-\*=1; then all snapshots are given up for the/m;
  assert.match((await succeed("status", other)).toString(), line);
});

test("what is no list of victims is wrong usage, everywhere", async () => {
  const store = fresh("policy.msnap");
  await wrongUsage("create", store, "--size", "1M", "--victims", "tmp-*=");
  assert.not.ok(fs.existsSync(store));
  await succeed("create", store, "--size", "1M", "--quiet");
  for (const command of [
    ["write", store, "--offset", "0"],
    ["import", store, "-"],
    ["snapshot", store, "one"],
    ["message", store, "create"],
    ["serve", store, "--socket", fresh("socket")],
  ]) {
    const result = await run(...command, "--victims", "a,@");
    failed(result, 2, ["Invalid"], command.join(" "));
    assert.match(result.stderr, /victims, character 3: /);
    const help = (await succeed(command[0] as string, "--help")).toString();
    assert.match(help, /--victims <patterns>/);
    assert.match(help, /--no-preserve-on-error/);
    assert.match(help, /^ +--preserve-on-error/m);
  }
  assert.equal(await snapshots(store), []);
});

test("stores whose snapshot stays take none", async () => {
  const origin = fresh("origin");
  fs.writeFileSync(origin, pattern(SIZE, 1));
  const cow = fresh("a.cow");
  const persistent = ["create", cow, "--kind", "persistent", "--origin", origin];
  await refused("Invalid", ...persistent, "--victims", "cow");
  await refused("Invalid", ...persistent, "--no-preserve-on-error");
  assert.not.ok(fs.existsSync(cow));
  await wrongUsage("create", cow, "--kind", "transient", "--victims", "cow");
  await succeed(...persistent, "--quiet");
  await refused("Invalid", "write", cow, "--origin", origin, "--offset", "0", "--victims", "cow");
});

test("a write: fails, prunes, or gives all up, as it is told", async () => {
  const store = await fullStore("--victims", "tmp-*");
  failed(await write(store, "--victims", ""), 1, ["NoSpace"], "no victims");
  const none = await write(store, "--victims", "other-*");
  failed(none, 1, ["NoSpace"], "others");
  assert.match(none.stderr, /full.*no victim is left/);
  assert.equal(await snapshots(store), ["keep", "tmp-0", "tmp-1"]);
  assert.is((await write(store)).code, 0);
  assert.equal(await snapshots(store), ["keep", "tmp-1"]);
  await succeed("snapshot", store, "more", "--quiet");
  assert.is((await write(store, "--victims", "keep,tmp-*=-1")).code, 0);
  assert.equal(await snapshots(store), ["keep", "more"]);
  await succeed("snapshot", store, "last", "--quiet");
  failed(await write(store), 1, ["NoSpace"], "no victim left");
  assert.is((await write(store, "--no-preserve-on-error")).code, 0);
  assert.equal(await snapshots(store), []);
  assert.is((await json("check", store)).clean, true);
});

test("what is remembered can be overridden: --preserve-on-error", async () => {
  const store = await fullStore("--no-preserve-on-error");
  failed(await write(store, "--preserve-on-error"), 1, ["NoSpace"], "kept");
  assert.equal(await snapshots(store), ["keep", "tmp-0", "tmp-1"]);
  assert.is((await write(store)).code, 0);
  assert.equal(await snapshots(store), []);
});

test("serve: its policy is that of all commands; it says at the end what went", async () => {
  const store = await fullStore();
  await using served = await serve(store, "--victims", "tmp-*");
  await refused("Invalid", "write", store, "--offset", "0", "--victims", "keep");
  await refused("Invalid", "snapshot", store, "x", "--preserve-on-error");
  assert.is((await write(store)).code, 0);
  const { victims, pruned } = await json("status", store);
  assert.is(victims, "tmp-*");
  assert.is((pruned as { snapshots: number }).snapshots, 1);
  const line = /^pruned +1 snapshot was deleted to make room \(tmp-0\): .*full/m;
  assert.match((await succeed("status", store)).toString(), line);
  const { code, stderr, stdout } = await served.signal("SIGTERM");
  assert.match(stderr, /^multisnap: 1 snapshot was deleted to make room \(tmp-0\): [^\n]*\n$/);
  assert.is(stdout.toString(), `${served.ready}\n`);
  assert.is(code, 0);
});

test("a long command keeps the snapshot that it works on", async () => {
  const store = await fullStore();
  await using served = await serve(store, "--victims", "tmp-*");
  const child = start("write", `${store}@tmp-0`, "--offset", "0", "--quiet");
  const end = finished(child);
  // Until its first piece has been written it may not have come.
  child.stdin?.write(pattern(SIZE, 4));
  for (let tries = 0; ; tries++) {
    const { counters } = await json("status", store);
    if ((counters as { writes: number }).writes > 0) break;
    if (tries > 100) throw new Error("it writes nothing");
  }
  await write(store);
  await succeed("snapshot", store, "more", "--quiet").catch(() => {});
  await write(store);
  assert.ok((await snapshots(store)).includes("tmp-0"));
  child.stdin?.end();
  assert.is((await end).code, 0);
  await served.signal("SIGTERM");
});

test.run();
