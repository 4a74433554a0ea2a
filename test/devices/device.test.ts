/**
 * Every device that needs nothing but Node, under the one conformance suite; then what only files
 * have.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fileDevice } from "../../src/devices/file.ts";
import { memoryDevice } from "../../src/devices/memory.ts";
import { here, scriptArguments } from "../runtimes/script.ts";
import { deviceConformance, fails, pattern, readOnlyConformance } from "./conformance.ts";

const nothing = () => {};
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "multisnap-device-"));
process.on("exit", () => fs.rmSync(folder, { recursive: true, force: true }));
let files = 0;
const fresh = () => path.join(folder, `file-${files++}`);

deviceConformance("memory", async () => ({ device: memoryDevice(), size: 0, remove: nothing }));
deviceConformance("memory of given size", async () => {
  return { device: memoryDevice({ size: 300_032 }), size: 300_032, remove: nothing };
});
deviceConformance("file", async () => {
  const file = fresh();
  return { device: await fileDevice(file), size: 0, remove: () => fs.rmSync(file) };
});
const content = pattern(100_000, 9);
readOnlyConformance("file for reading", content, async () => {
  const file = fresh();
  fs.writeFileSync(file, content);
  const device = await fileDevice(file, { readOnly: true });
  return { device, size: content.length, remove: () => fs.rmSync(file) };
});

test("memory costs what was written, however large the device", () => {
  const before = process.memoryUsage().arrayBuffers;
  const device = memoryDevice({ size: 2 ** 40 });
  for (let i = 0; i < 16; i++) device.write(pattern(4096, i), 0, 4096, i * 2 ** 36);
  assert.ok(process.memoryUsage().arrayBuffers - before < 4 * 2 ** 20);
});

test("files stay sparse", async () => {
  const file = fresh();
  const device = await fileDevice(file);
  await device.write(pattern(4096, 1), 0, 4096, 2 ** 40);
  await device.flush();
  await device.close();
  const stat = fs.statSync(file);
  assert.is(stat.size, 2 ** 40 + 4096);
  assert.ok(stat.blocks * 512 < 2 ** 20, `${stat.blocks * 512} bytes in use`);
});

test("what was flushed and closed is there again", async () => {
  const file = fresh();
  const device = await fileDevice(file);
  await device.write(content, 0, content.length, 12345);
  await device.flush();
  await device.close();
  const bytes = fs.readFileSync(file);
  assert.ok(bytes.subarray(12345).equals(content));
  assert.is(bytes.length, 12345 + content.length);
});

test("paths that cannot be opened say why", async () => {
  await fails("NotFound", () => fileDevice(fresh(), { create: false }));
  await fails("NotFound", () => fileDevice(fresh(), { readOnly: true }));
  await fails("NotFound", () => fileDevice(path.join(fresh(), "in", "nowhere")));
  await fails("Invalid", () => fileDevice(folder));
  await fails("Invalid", () => fileDevice("/dev/null"));
  await fails("Invalid", () => fileDevice("a\0b"));
  await fails("Invalid", () => fileDevice(path.join(folder, "x".repeat(300))));
  const pipe = fresh();
  spawnSync("mkfifo", [pipe]);
  await fails("Invalid", () => fileDevice(pipe));
});

test("exclusive makes a new file or none", async () => {
  const file = fresh();
  const device = await fileDevice(file, { exclusive: true });
  await fails("Exists", () => fileDevice(file, { exclusive: true }));
  await device.close();
  assert.is(fs.statSync(file).size, 0);
});

test("a full file system is NoSpace", async () => {
  // A limit on the length of files stands for a full disk: the same path through write, without
  // root.
  const script = `
    import { fileDevice } from "./src/devices/file.ts";
    const device = await fileDevice(${JSON.stringify(fresh())});
    try {
      for (let i = 0; i < 64; i++) await device.write(new Uint8Array(65536), 0, 65536, i * 65536);
    } catch (error) {
      console.log(error.code + " " + device.size());
    }`;
  const command = 'ulimit -f 1000; trap "" XFSZ; exec "$@"';
  const args = ["-c", command, "bash", process.execPath, ...scriptArguments(script)];
  const child = spawnSync("bash", args, { encoding: "utf8" });
  const [code, size] = child.stdout.trim().split(" ");
  assert.is(code, "NoSpace", child.stderr);
  assert.ok([512_000, 1_024_000].includes(Number(size)), `cut at ${size}`);
});

test("a second writer is Busy, in the same process too", async () => {
  const file = fresh();
  const first = await fileDevice(file);
  await fails("Busy", () => fileDevice(file));
  await fails("Busy", () => fileDevice(file, { readOnly: true }));
  const unlocked = await fileDevice(file, { lock: false });
  await unlocked.close();
  await first.close();
  const next = await fileDevice(file);
  await next.close();
});

test("many readers, no writer beside them", async () => {
  const file = fresh();
  fs.writeFileSync(file, content);
  const first = await fileDevice(file, { readOnly: true });
  const second = await fileDevice(file, { readOnly: true });
  await fails("Busy", () => fileDevice(file));
  await first.close();
  await fails("Busy", () => fileDevice(file));
  await second.close();
  const writer = await fileDevice(file);
  await writer.close();
});

test("another process's lock is Busy, and ends with kill -9", async () => {
  const file = fresh();
  const script = `
    import { fileDevice } from "./src/devices/file.ts";
    await fileDevice(${JSON.stringify(file)});
    console.log("locked");
    setInterval(() => {}, 1000);`;
  const owner = spawn(process.execPath, scriptArguments(script), {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    await once(owner.stdout, "data");
    const before = performance.now();
    await fails("Busy", () => fileDevice(file));
    assert.ok(performance.now() - before < 1000, "Busy comes at once");
  } finally {
    owner.kill("SIGKILL");
    await once(owner, "exit");
  }
  const device = await fileDevice(file);
  await device.close();
});

/** Deno needs no program for a lock. */
const testProgram: typeof test | typeof test.skip = here === "deno" ? test.skip : test;

testProgram("without the flock program: Unsupported, and lock: false works", async () => {
  const file = fresh();
  const searched = process.env.PATH;
  process.env.PATH = folder;
  try {
    await fails("Unsupported", () => fileDevice(file, { exclusive: true }));
    assert.not(fs.existsSync(file));
    const device = await fileDevice(file, { lock: false });
    await device.close();
  } finally {
    process.env.PATH = searched;
  }
});

test.run();
