/** COW devices on the command line: stores of the old kinds, `merge`, and converting. */
import { createHash } from "node:crypto";
import fs from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { serve } from "../clients/served.ts";
import { readCow, view as viewOf } from "../cow/format.ts";
import { kernelCows, originHash, snapshotHash } from "../cow/kernel.ts";
import {
  digest,
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
  unchanged,
  wrongUsage,
} from "./program.ts";

const SIZE = 4 * 2 ** 20;

/** A raw image with a pattern. */
function newOrigin(size = SIZE): string {
  const origin = fresh("origin");
  fs.writeFileSync(origin, pattern(size, 1));
  return origin;
}

function hash(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** The kernel's devices as files, with the origin that both are of. */
function kernelFiles(): { origin: string; cows: string[]; status: string[] } {
  const origin = fresh("kernel-origin");
  const found = kernelCows();
  fs.writeFileSync(origin, found[0]!.origin);
  const cows = found.map(({ cow, chunkSectors }) => {
    const file = fresh(`chunk${chunkSectors}.cow`);
    fs.writeFileSync(file, cow);
    return file;
  });
  return { origin, cows, status: found.map(({ status }) => status) };
}

async function names(store: string, ...options: string[]): Promise<string[]> {
  const { snapshots } = (await json("list", store, ...options)) as {
    snapshots: { name: string }[];
  };
  return snapshots.map(({ name }) => name);
}

test("persistent: every command, with --origin each time", async () => {
  const origin = newOrigin();
  const cow = fresh("p.cow");
  await wrongUsage("create", cow, "--kind", "persistent", "--size", "4M");
  assert.not(fs.existsSync(cow));
  const made = await json(
    "create",
    cow,
    "--kind",
    "persistent",
    "--origin",
    origin,
    "--chunk",
    "8K",
  );
  assert.is(made.kind, "persistent");
  assert.is(made.chunk, 8192);
  const at = ["--origin", origin];
  for (const args of [
    ["status"],
    ["list"],
    ["check"],
    ["read", "--offset", "0", "--length", "1"],
  ]) {
    const [command, ...options] = args as [string, ...string[]];
    const result = await run(command, cow, ...options);
    failed(result, command === "check" ? 2 : 1, ["Invalid"], command);
    assert.match(result.stderr, /give --origin FILE/);
  }
  await succeedWith(pattern(10_000, 2), "write", cow, "--offset", "5000", ...at, "--quiet");
  const old = await succeed("read", `${cow}@cow`, "--offset", "5000", "--length", "10000", ...at);
  assert.ok(old.equals(pattern(SIZE, 1).subarray(5000, 15000)));
  await succeedWith(pattern(7, 3), "write", `${cow}@cow`, "--offset", "1M", ...at, "--quiet");
  assert.equal(await names(cow, ...at), ["cow"]);
  const text = (await succeed("list", cow, ...at)).toString();
  assert.match(text, /cow +2 +unknown +4 MiB/);
  const dm = (await succeed("status", cow, "--dm", ...at)).toString();
  const { allocated, metadata } = readCow(fs.readFileSync(cow));
  assert.match(dm, new RegExp(`^${allocated}/\\d+ ${metadata}\n$`));
  assert.is((await json("check", cow, ...at)).clean, true);
  await refused("Unsupported", "snapshot", cow, "more", ...at);
  await refused("Unsupported", "delete", cow, "cow", ...at);
  await refused("Unsupported", "rename", cow, "cow", "other", ...at);
  await refused("Unsupported", "message", cow, "create", ...at);
  const bytes = fs.readFileSync(origin);
  const image = fresh("image");
  await succeed("export", `${cow}@cow`, image, ...at, "--quiet");
  const expected = pattern(SIZE, 1);
  pattern(7, 3).copy(expected, 2 ** 20);
  assert.ok(fs.readFileSync(image).equals(expected));
  assert.ok(Buffer.from(viewOf(bytes, fs.readFileSync(cow))).equals(expected));
});

test("a kernel's devices: status, content, and several on one origin", async () => {
  const { origin, cows, status } = kernelFiles();
  const before = digest(origin);
  for (const [index, cow] of cows.entries()) {
    await unchanged(cow, async () => {
      const dm = await succeed("status", cow, "--dm", "--origin", origin);
      assert.is(dm.toString(), `${status[index]}\n`);
      const bytes = await succeed("export", `${cow}@cow`, "-", "--origin", origin);
      assert.is(hash(bytes), snapshotHash);
    });
  }
  const both = ["--origin", origin, "--with", cows[1]!];
  assert.equal(await names(cows[0]!, ...both), ["cow", "cow2"]);
  assert.is(digest(origin), before);
  assert.is(before, originHash);
  await succeedWith(pattern(100_000, 4), "write", cows[0]!, "--offset", "0", ...both, "--quiet");
  for (const name of ["cow", "cow2"]) {
    const bytes = await succeed("export", `${cows[0]}@${name}`, "-", ...both);
    assert.is(hash(bytes), snapshotHash, name);
  }
});

test("merge: the origin is what the snapshot was; served and not", async () => {
  for (const isServed of [false, true]) {
    const { origin, cows } = kernelFiles();
    const [cow] = cows as [string, string];
    const at = ["--origin", origin];
    if (isServed) {
      await using served = await serve(cow, ...at);
      assert.equal(await json("merge", cow), { merged: cow });
      assert.equal(await names(cow), []);
      await refused("Unsupported", "snapshot", cow, "new");
      await served.stop();
    } else {
      assert.equal(await json("merge", cow, ...at), { merged: cow });
    }
    assert.is(digest(origin), snapshotHash);
    assert.is(readCow(fs.readFileSync(cow)).exceptions.length, 0);
    assert.is((await succeed("status", cow, "--dm", ...at)).toString(), "32/16384 32\n");
  }
});

test("merge: Ctrl-C leaves the snapshot as it is, and the next one ends it", async () => {
  const origin = newOrigin(64 * 2 ** 20);
  const cow = fresh("big.cow");
  const at = ["--origin", origin];
  await succeed("create", cow, "--kind", "persistent", ...at, "--quiet");
  const bytes = pattern(64 * 2 ** 20, 7);
  await succeedWith(bytes, "write", `${cow}@cow`, "--offset", "0", ...at, "--quiet");
  const { mtimeMs } = fs.statSync(origin);
  const child = start("merge", cow, ...at);
  const end = finished(child);
  while (child.exitCode === null && fs.statSync(origin).mtimeMs === mtimeMs) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  child.kill("SIGINT");
  const result = await end;
  // Unless it was faster.
  if (result.code !== 0) {
    failed(result, 1, ["Closed"], "merge");
    assert.equal(await names(cow, ...at), ["cow"]);
    assert.ok((await succeed("export", `${cow}@cow`, "-", ...at)).equals(bytes));
    await succeed("merge", cow, ...at, "--quiet");
  }
  assert.ok(fs.readFileSync(origin).equals(bytes));
});

test("merge of what cannot be", async () => {
  const store = fresh("range.msnap");
  await succeed("create", store, "--size", "1M", "--quiet");
  await unchanged(store, () => refused("Unsupported", "merge", store));
  await refused("NotFound", "merge", fresh("none"), "--origin", newOrigin());
});

test("transient: a snapshot for as long as the server runs", async () => {
  const origin = newOrigin();
  const store = fresh("t.cow");
  await wrongUsage("create", store, "--kind", "transient", "--size", "1M");
  const made = (await succeed("create", store, "--kind", "transient")).toString();
  assert.match(made, /nothing is kept on it; serve .* --kind transient --origin FILE/);
  assert.is(fs.statSync(store).size, 0);
  await refused("Invalid", "status", store);
  await wrongUsage("serve", store, "--kind", "transient");
  await wrongUsage("serve", store, "--kind", "range", "--origin", origin);
  await wrongUsage("serve", store, "--chunk", "4K", "--origin", origin);
  const options = ["--kind", "transient", "--origin", origin, "--chunk", "16K"];
  for (let turn = 1; turn <= 2; turn++) {
    const now = fs.readFileSync(origin);
    await using served = await serve(store, ...options);
    assert.is((await json("status", store)).chunk, 16384);
    await succeedWith(pattern(100_000, turn), "write", store, "--offset", "9999", "--quiet");
    assert.ok((await succeed("export", `${store}@cow`, "-")).equals(now));
    assert.match((await succeed("status", store, "--dm")).toString(), /^\d+\/\d+ 0\n$/);
    await served.stop();
    assert.is(fs.statSync(store).size, 0);
  }
  await refused("Exists", "create", origin, "--kind", "transient");
});

test("import-cow: the kernel's devices into a new store, then into the same", async () => {
  const { origin, cows } = kernelFiles();
  const store = fresh("all.msnap");
  const args = ["import-cow", origin, ...cows, "--into", store];
  const made = (await json(...args, "--chunk", "8K")) as { snapshots: object[]; created: boolean };
  assert.is(made.created, true);
  assert.is(made.snapshots.length, 2);
  const [one, two] = (await names(store)) as [string, string];
  assert.match(one, /-chunk16$/);
  assert.match(two, /-chunk32$/);
  const { dataBytes } = (await json("status", store)) as { dataBytes: number };
  for (const name of [one, two]) {
    assert.is(hash(await succeed("export", `${store}@${name}`, "-")), snapshotHash);
  }
  const again = (await json(...args)) as { created: boolean };
  assert.is(again.created, false);
  assert.equal(await names(store), [one, two, `${one}-2`, `${two}-2`]);
  assert.ok(dataBytes > 0);
  assert.is((await json("check", store)).clean, true);
  assert.is(digest(origin), originHash);
});

test("import-cow: what it refuses, it leaves as it was", async () => {
  const { origin, cows } = kernelFiles();
  const [cow] = cows as [string, string];
  const store = fresh("none.msnap");
  const damaged = fresh("damaged.cow");
  const bytes = fs.readFileSync(cow);
  bytes.writeUInt32LE(0, 12);
  fs.writeFileSync(damaged, bytes);
  await wrongUsage("import-cow", origin, cow);
  await wrongUsage("import-cow", origin, "--into", store);
  const before = fs.readdirSync(folder);
  await refused("Corrupt", "import-cow", origin, cow, damaged, "--into", store);
  await refused("Invalid", "import-cow", origin, origin, "--into", store);
  await refused("NotFound", "import-cow", origin, fresh("none"), "--into", store);
  await refused("NotFound", "import-cow", fresh("none"), cow, "--into", store);
  await refused("Invalid", "import-cow", origin, cow, "--into", store, "--chunk", "3K");
  await refused("Invalid", "import-cow", origin, cow, "--into", origin);
  await refused("Invalid", "import-cow", origin, cow, "--into", cow);
  assert.equal(fs.readdirSync(folder), before);
  const inline = fresh("inline.msnap");
  await succeed("create", inline, "--size", "16M", "--quiet");
  await unchanged(inline, () => refused("Invalid", "import-cow", origin, cow, "--into", inline));
  const others = fresh("others.msnap");
  await succeed("create", others, "--origin", newOrigin(16 * 2 ** 20), "--quiet");
  await unchanged(others, () => refused("Invalid", "import-cow", origin, cow, "--into", others));
  assert.is(digest(origin), originHash);
});

test("import-cow: Ctrl-C takes the store that it made away again", async () => {
  const origin = newOrigin(64 * 2 ** 20);
  const cow = fresh("big.cow");
  await succeed("create", cow, "--kind", "persistent", "--origin", origin, "--quiet");
  const at = ["--offset", "0", "--origin", origin, "--quiet"];
  await succeedWith(pattern(64 * 2 ** 20, 2), "write", `${cow}@cow`, ...at);
  const store = fresh("interrupted.msnap");
  const child = start("import-cow", origin, cow, cow, cow, "--into", store);
  const end = finished(child);
  while (!fs.existsSync(store) || fs.statSync(store).size < 2 ** 20) {
    if (child.exitCode !== null) throw new Error("it was faster than its interruption");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  child.kill("SIGINT");
  failed(await end, 1, ["Closed"], "import-cow");
  assert.not(fs.existsSync(store));
});

test("export-cow: a device that shows the snapshot, and goes back in", async () => {
  const origin = newOrigin();
  const store = fresh("store.msnap");
  await succeed("create", store, "--origin", origin, "--quiet");
  await succeed("snapshot", store, "one", "--quiet");
  await succeedWith(pattern(300_000, 2), "write", store, "--offset", "12345", "--quiet");
  await succeedWith(pattern(50, 3), "write", `${store}@one`, "--offset", "3M", "--quiet");
  const snapshot = await succeed("export", `${store}@one`, "-");
  const cow = fresh("one.cow");
  await wrongUsage("export-cow", store, cow);
  await refused("NotFound", "export-cow", `${store}@none`, cow);
  await refused("Invalid", "export-cow", `${store}@one`, cow, "--chunk", "3K");
  await refused("Invalid", "export-cow", `${store}@one`, store, "--force");
  assert.not(fs.existsSync(cow));
  const { exceptions } = (await json("export-cow", `${store}@one`, cow)) as { exceptions: number };
  const bytes = fs.readFileSync(cow);
  assert.is(readCow(bytes).exceptions.length, exceptions);
  assert.ok(Buffer.from(viewOf(fs.readFileSync(origin), bytes)).equals(snapshot));
  await unchanged(cow, () => refused("Exists", "export-cow", `${store}@one`, cow));
  await succeed("export-cow", `${store}@one`, cow, "--force", "--chunk", "16K", "--quiet");
  assert.is(readCow(fs.readFileSync(cow)).chunk, 16384);
  const again = await succeed("export", `${cow}@cow`, "-", "--origin", origin);
  assert.ok(again.equals(snapshot));
  const back = fresh("back.msnap");
  await succeed("import-cow", origin, cow, "--into", back, "--quiet");
  const [name] = await names(back);
  assert.ok((await succeed("export", `${back}@${name}`, "-")).equals(snapshot));
  await using served = await serve(store);
  await refused("Busy", "export-cow", `${store}@one`, fresh("served.cow"));
  await served.stop();
});

test("export-cow: a store without an attached origin", async () => {
  const store = fresh("inline.msnap");
  await succeed("create", store, "--size", "1M", "--quiet");
  await succeed("snapshot", store, "one", "--quiet");
  const cow = fresh("inline.cow");
  await unchanged(store, () => refused("Invalid", "export-cow", `${store}@one`, cow));
  assert.not(fs.existsSync(cow));
});

test.run();
