/** `export --format qcow2`: through qemu-img, which has to be there, and without a raw copy. */
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isThere, programFolders, testsWith } from "../needs.ts";
import {
  command,
  commandArguments,
  failed,
  finished,
  fresh,
  pattern,
  refused,
  start,
  succeed,
  succeedWith,
  wrongUsage,
} from "./program.ts";

const qemuTest = testsWith("qemu-img");
const SIZE = 8 * 2 ** 20;

async function newStore(): Promise<string> {
  const store = fresh("disk.msnap");
  await succeed("create", store, "--size", `${SIZE}`, "--quiet");
  await succeedWith(pattern(300_000, 1), "write", store, "--offset", "1M", "--quiet");
  await succeed("snapshot", store, "a name", "--quiet");
  await succeedWith(pattern(300_000, 2), "write", store, "--offset", "2M", "--quiet");
  return store;
}

async function raw(image: string): Promise<Buffer> {
  const target = fresh("raw");
  const args = ["convert", "-f", "qcow2", "-O", "raw", image, target];
  const { code, stderr } = await finished(spawn("qemu-img", args));
  assert.is(code, 0, stderr);
  return fs.readFileSync(target);
}

async function read(view: string): Promise<Buffer> {
  return succeed("read", view, "--offset", "0", "--length", `${SIZE}`);
}

qemuTest("a snapshot and the origin; an existing file only with --force", async () => {
  const store = await newStore();
  const [one, two] = [fresh("one.qcow2"), fresh("two.qcow2")];
  await succeed("export", `${store}@a name`, one, "--format", "qcow2", "--quiet");
  await succeed("export", store, two, "--format", "qcow2", "--quiet");
  assert.ok((await raw(one)).equals(await read(`${store}@a name`)));
  assert.ok((await raw(two)).equals(await read(store)));
  assert.ok(fs.statSync(one).size < 2 ** 20, "zeros take no room");
  await refused("Exists", "export", store, one, "--format", "qcow2");
  await succeed("export", store, one, "--format", "qcow2", "--force", "--quiet");
  assert.ok((await raw(one)).equals(await read(store)));
  const nowhere = path.join(fresh("no-folder"), "image");
  await refused("Io", "export", store, nowhere, "--format", "qcow2");
  await wrongUsage("export", store, "-", "--format", "qcow2");
  await wrongUsage("export", store, fresh(), "--format", "vmdk");
});

qemuTest("of a store that is served", async () => {
  const store = await newStore();
  const server = start("serve", store, "--socket", `${store}.sock`);
  await new Promise<void>((resolve) => server.stdout!.once("data", () => resolve()));
  const image = fresh("served.qcow2");
  await succeed("export", `${store}@a name`, image, "--format", "qcow2", "--quiet");
  server.kill("SIGTERM");
  await finished(server);
  assert.ok((await raw(image)).equals(await read(`${store}@a name`)));
});

testsWith("flock")("without qemu-img it says what is missing, and leaves nothing", async () => {
  const store = await newStore();
  const folder = fresh("bin");
  fs.mkdirSync(folder);
  const flock = programFolders.map((at) => path.join(at, "flock")).find((at) => fs.existsSync(at));
  fs.symlinkSync(flock!, path.join(folder, "flock"));
  assert.ok(isThere("flock"));
  const image = fresh("none.qcow2");
  const args = [...commandArguments, "export", store, image, "--format", "qcow2"];
  const child = spawn(command, args, { env: { ...process.env, PATH: folder } });
  failed(await finished(child), 1, ["Unsupported"], "no qemu-img");
  const beside = fs.readdirSync(path.dirname(image));
  assert.equal(
    beside.filter((name) => name.includes("none.qcow2")),
    [],
  );
});

test.run();
