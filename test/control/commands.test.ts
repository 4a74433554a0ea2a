/** Every command on a served store: does what it does on one that nobody has open, and says so. */
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fileDevice } from "../../src/devices/file.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import {
  digest,
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
} from "../cli/program.ts";
import { closeAll, type Served, served } from "./served.ts";

const SIZE = 8 * 2 ** 20;
const image = fresh("image");
fs.writeFileSync(
  image,
  Buffer.concat([pattern(3_000_001, 1), Buffer.alloc(2 ** 20), pattern(9, 2)]),
);

/** Opens an existing store as a server would. */
async function serve(
  store: string,
  under: { origin?: string; base?: string } = {},
): Promise<Served> {
  const { origin, base } = under;
  const volume = await openVolume({
    store: await fileDevice(store, { create: false }),
    origin: origin === undefined ? undefined : await fileDevice(origin, { create: false }),
    base: base === undefined ? undefined : await fileDevice(base, { readOnly: true }),
  });
  const files = [store, origin, base].filter((file) => file !== undefined);
  return served(volume, store, { files, live: () => ({ requests: 7, latency: { p50: 12 } }) });
}

const twins = suite("served and not");

/** What a command does on two stores that are the same, except that one is served. */
async function both(
  [plain, live]: [string, string],
  args: (store: string) => string[],
  input: Uint8Array = Buffer.alloc(0),
): Promise<void> {
  const [here, there] = await Promise.all([
    runWith(input, ...args(plain)),
    runWith(input, ...args(live)),
  ]);
  const same = (text: string) =>
    text
      .replaceAll(live, "STORE")
      .replaceAll(plain, "STORE")
      // Times and random names differ between any two stores.
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
      .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "UUID")
      // Chunks in use for --dm: who closes the store after each command has less in its journal.
      .replace(/^(5 0 \d+) \d+ /, "$1 N ");
  const what = args("STORE").join(" ");
  assert.is(there.code, here.code, what);
  assert.is(same(there.stderr), same(here.stderr), what);
  assert.is(same(there.stdout.toString("latin1")), same(here.stdout.toString("latin1")), what);
}

twins("every command says and does the same", async () => {
  const stores: [string, string] = [fresh("plain.msnap"), fresh("live.msnap")];
  for (const store of stores) await succeed("create", store, "--size", "8M");
  const { close } = await serve(stores[1]);
  const step = (args: (store: string) => string[], input?: Buffer) => both(stores, args, input);
  try {
    await step((store) => ["import", store, image]);
    await step((store) => ["snapshot", store, "first", "--json"]);
    await step((store) => ["snapshot", store, "first"]);
    await step((store) => ["write", store, "--offset", "4095"], pattern(600_000, 3));
    await step((store) => ["snapshot", store, "fork", "--of", "first", "--read-only"]);
    await step((store) => ["write", `${store}@first`, "--offset", "1"], pattern(10_000, 4));
    await step((store) => ["write", `${store}@fork`, "--offset", "1"], pattern(10, 4));
    await step((store) => ["write", store, "--offset", "9M"], pattern(10, 4));
    for (const view of ["", "@first", "@none"]) {
      await step((store) => ["read", store + view, "--offset", "1000000", "--length", "2500000"]);
    }
    await step((store) => ["read", `${store}@fork`, "--offset", "5", "--length", "9", "--json"]);
    await step((store) => ["read", store, "--offset", "8M", "--length", "1"]);
    await step((store) => ["list", store]);
    await step((store) => ["list", store, "--json"]);
    await step((store) => ["check", store, "--json"]);
    await step((store) => ["rename", store, "fork", "branch", "--json"]);
    await step((store) => ["rename", store, "first", "branch"]);
    await step((store) => ["rename", store, "none", "some"]);
    await step((store) => ["rename", store, "branch", "a@b"]);
    await step((store) => ["delete", store, "first", "--dry-run", "--json"]);
    await step((store) => ["delete", store, "first", "none"]);
    await step((store) => ["delete", store, "first", "branch", "--wait"]);
    await step((store) => ["message", store, "create"]);
    await step((store) => ["message", store, "create_subsnap", "4", "--json"]);
    await step((store) => ["message", store, "delete 4"]);
    await step((store) => ["message", store, "delete 4"]);
    await step((store) => ["merge", store]);
    await step((store) => ["list", store, "--quiet"]);
    await step((store) => ["status", store, "--dm"]);
    const [here, there] = await Promise.all(stores.map((store) => json("status", store)));
    assert.equal(Object.keys(there ?? {}), Object.keys(here ?? {}));
    for (const key of ["kind", "size", "chunk", "originMode", "dataBytes", "snapshots", "error"]) {
      assert.is(there?.[key], here?.[key], key);
    }
  } finally {
    await close();
  }
  for (const store of stores) assert.is((await json("check", store)).clean, true);
});

twins("export gives the same image, and is not put onto the volume's own files", async () => {
  const store = fresh("export.msnap");
  await succeed("create", store, "--size", "8M");
  const { close } = await serve(store);
  try {
    await succeed("import", store, image);
    await succeed("snapshot", store, "one");
    await succeedWith(pattern(5000, 5), "write", store, "--offset", "0");
    const copy = fresh("copy");
    await succeed("export", `${store}@one`, copy);
    const whole = Buffer.alloc(SIZE);
    fs.readFileSync(image).copy(whole);
    assert.ok(fs.readFileSync(copy).equals(whole));
    assert.ok((await succeed("export", `${store}@one`, "-")).equals(whole));
    const before = digest(store);
    await refused("Invalid", "export", store, store, "--force");
    await refused("Invalid", "import", store, store);
    assert.is(digest(store), before);
  } finally {
    await close();
  }
});
twins.run();

const paths = suite("served");

paths("--origin and --base: the same file is fine, another one is not", async () => {
  const origin = fresh("origin");
  fs.writeFileSync(origin, pattern(SIZE, 8));
  const store = fresh("attached.msnap");
  await succeed("create", store, "--origin", origin);
  const { close } = await serve(store, { origin });
  try {
    const again = path.join(path.dirname(origin), ".", path.basename(origin));
    await succeed("snapshot", store, "one", "--origin", again);
    const bytes = await succeed("read", store, "--offset", "0", "--length", "10");
    assert.ok(bytes.equals(pattern(SIZE, 8).subarray(0, 10)));
    await refused("Invalid", "snapshot", store, "two", "--origin", image);
    await refused("Invalid", "snapshot", store, "two", "--base", image);
    await refused("Invalid", "export", store, origin, "--force");
    assert.equal(Object.keys((await json("list", store)).snapshots as object).length, 1);
  } finally {
    await close();
  }
});

paths("status shows what the server counts", async () => {
  const store = fresh("status.msnap");
  await succeed("create", store, "--size", "8M");
  assert.is((await json("status", store)).server, null);
  const { close } = await serve(store);
  try {
    await succeedWith(pattern(5000, 5), "write", store, "--offset", "0");
    const status = await json("status", store);
    assert.equal(status.server, { requests: 7, latency: { p50: 12 } });
    assert.is((status.counters as { bytesWritten: number }).bytesWritten, 5000);
    const text = (await succeed("status", store)).toString();
    assert.match(text, /^ {2}requests +7$/m);
    assert.match(text, /^ {2}latency p50 +12$/m);
    assert.match(text, /^ {2}bytes written +4.88 KiB$/m);
    assert.match(text, /^ {2}commits +\d+$/m);
  } finally {
    await close();
  }
});

paths("a store that is open and served by nobody is Busy", async () => {
  const store = fresh("busy.msnap");
  await succeed("create", store, "--size", "8M");
  const device = await fileDevice(store);
  try {
    await refused("Busy", "snapshot", store, "one");
  } finally {
    await device.close();
  }
});

// Elsewhere the lock is taken without a program that a test could stand in for.
const onLinux = process.platform === "linux" ? paths : paths.skip;
onLinux("a server that comes between looking for one and opening the store", async () => {
  const store = fresh("race.msnap");
  await succeed("create", store, "--size", "8M");
  // Called to lock the store: waits until it is served, and then finds it locked.
  const programs = fresh("bin");
  fs.mkdirSync(programs);
  const called = path.join(programs, "called");
  const wait = `until [ -S ${store}.control ]; do sleep 0.02; done`;
  const script = `#!/bin/sh\n: > ${called}\n${wait}\nexit 1\n`;
  fs.writeFileSync(path.join(programs, "flock"), script, { mode: 0o755 });
  const { PATH } = process.env;
  process.env.PATH = `${programs}:${PATH}`;
  const end = finished(start("snapshot", store, "late"));
  process.env.PATH = PATH;
  while (!fs.existsSync(called)) await sleep(10);
  const late = await serve(store);
  try {
    const { code, stderr } = await end;
    assert.is(stderr, "");
    assert.is(code, 0);
    assert.ok(late.volume.has("late"));
  } finally {
    await late.close();
  }
});

paths("what write answered for is durable, without a close", async () => {
  const store = fresh("durable.msnap");
  await succeed("create", store, "--size", "8M");
  const { close } = await serve(store);
  const bytes = pattern(3_000_000, 6);
  await succeedWith(bytes, "write", store, "--offset", "77");
  await succeed("snapshot", store, "one");
  // What a killed server leaves.
  const copy = fresh("copy.msnap");
  fs.copyFileSync(store, copy);
  await close();
  for (const view of [copy, `${copy}@one`]) {
    const found = await succeed("read", view, "--offset", "77", "--length", "3000000");
    assert.ok(found.equals(bytes));
  }
});

paths("Ctrl-C ends what a command has begun, not the server", async () => {
  const store = fresh("interrupt.msnap");
  await succeed("create", store, "--size", "8M");
  const { close, volume } = await serve(store);
  try {
    const child = start("import", store, "-");
    const end = finished(child);
    child.stdin?.on("error", () => {});
    await new Promise((resolve) => child.stdin?.write(pattern(2 ** 21, 2), resolve));
    child.kill("SIGINT");
    const { code, stderr } = await end;
    assert.match(stderr, /^multisnap: Closed: [^\n]+\n$/);
    assert.is(code, 1);
    await volume.origin.write(0, pattern(10, 1));
    assert.is((await run("check", store)).code, 0);
  } finally {
    await close();
  }
});
paths.after(closeAll);
paths.run();
