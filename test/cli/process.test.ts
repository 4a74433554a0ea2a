/**
 * The program among other processes: pipes that break, signals, a store that another one has open.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fileDevice, openVolume } from "../../src/index.ts";
import {
  failed,
  finished,
  folder,
  fresh,
  json,
  pattern,
  refused,
  runWith,
  start,
  succeed,
  succeedWith,
} from "./program.ts";

const store = fresh("store.msnap");
await succeed("create", store, "--size", "64M");
await succeedWith(pattern(2 ** 20, 1), "write", store, "--offset", "0");

test("a reader that goes away ends read and export with one line", async () => {
  for (const args of [
    ["read", store, "--offset", "0", "--length", "64M"],
    ["export", store, "-"],
    ["read", store, "--offset", "0", "--length", "64M", "--json"],
  ]) {
    const child = start(...args);
    child.stdout?.once("data", () => child.stdout?.destroy());
    const { code, stderr } = await finished(child);
    assert.match(stderr, /^multisnap: Io: standard output: [^\n]+\n$/);
    assert.is(code, 1);
  }
});

test("a slow reader gets everything, and memory stays bounded", async () => {
  const child = start("read", store, "--offset", "0", "--length", "64M");
  let bytes = 0;
  await sleep(300);
  for await (const part of child.stdout as AsyncIterable<Buffer>) bytes += part.length;
  assert.is(bytes, 64 * 2 ** 20);
});

test("status tells how far a rollback is, and no snapshot that list does not show", async () => {
  const [image, attached] = [fresh("image"), fresh("attached.msnap")];
  fs.writeFileSync(image, pattern(2 ** 25, 1));
  await succeed("create", attached, "--origin", image);
  await succeed("snapshot", attached, "good");
  await succeedWith(pattern(2 ** 25, 2), "write", attached, "--offset", "0");
  const devices = { store: await fileDevice(attached), origin: await fileDevice(image) };
  const volume = await openVolume(devices);
  const rolling = volume.rollback("good").catch(() => {});
  while (!volume.status().rollback) await sleep(0);
  await volume.close();
  await rolling;
  const told = (await succeed("status", attached)).toString();
  assert.match(told, /^snapshots +1\nrollback +to @good: \d+ of 8192 chunks are there\n/m);
});

test("a store that another process has open is Busy", async () => {
  const writer = start("write", store, "--offset", "0");
  const end = finished(writer);
  try {
    await opened(writer);
    await refused("Busy", "snapshot", store, "one");
    await refused("Busy", "status", store);
  } finally {
    writer.stdin?.end(pattern(100, 3));
  }
  assert.is((await end).code, 0);
  const bytes = await succeed("read", store, "--offset", "1M", "--length", "100");
  assert.ok(bytes.equals(pattern(100, 3)));
});

test("kill -9 leaves no lock and no damage", async () => {
  const writer = start("write", store, "--offset", "1M");
  await opened(writer);
  writer.kill("SIGKILL");
  await once(writer, "exit");
  assert.is((await json("check", store)).clean, true);
});

test("Ctrl-C ends import and write, the store is good", async () => {
  for (const args of [
    ["import", store, "-"],
    ["write", store, "--offset", "0"],
  ]) {
    const child = start(...args);
    const end = finished(child);
    await opened(child);
    child.kill("SIGINT");
    failed(await end, 1, ["Closed"], args.join(" "));
    assert.is((await json("check", store)).clean, true);
  }
});

test("Ctrl-C ends restore, and a refused write ends, while standard input stays open", async () => {
  const restoring = start("restore", store);
  const end = finished(restoring);
  await opened(restoring);
  restoring.kill("SIGINT");
  failed(await end, 1, ["Closed"], "restore");

  const writing = start("write", store, "--offset", String(64 * 2 ** 20 - 1));
  const refused = finished(writing);
  await opened(writing);
  failed(await refused, 1, ["Invalid"], "write");
  assert.is((await json("check", store)).clean, true);
});

test("Ctrl-C while exporting leaves nothing", async () => {
  const large = fresh("large.msnap");
  await succeed("create", large, "--size", "1T");
  const before = fs.readdirSync(folder);
  const image = fresh("image");
  const child = start("export", large, image);
  const end = finished(child);
  while (fs.readdirSync(folder).length === before.length) await sleep(10);
  child.kill("SIGTERM");
  failed(await end, 1, ["Closed"], "export");
  assert.equal(fs.readdirSync(folder), before);
});

test("what write said is durable is there, in pieces of any size", async () => {
  for (const length of [0, 1, 4095, 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1, 3_000_000]) {
    const bytes = pattern(length, length);
    const { code, stdout } = await runWith(bytes, "write", store, "--offset", "5", "--json");
    assert.is(code, 0);
    assert.equal(JSON.parse(stdout.toString()), { offset: 5, length });
    const read = await succeed("read", store, "--offset", "5", "--length", String(length));
    assert.ok(read.equals(bytes));
  }
});

/** Feeds a process that reads standard input after opening the store: more than a pipe holds. */
async function opened(child: ChildProcess): Promise<void> {
  child.stdin?.on("error", () => {});
  await new Promise((resolve) => child.stdin?.write(pattern(2 ** 20, 2), resolve));
}

test.run();
