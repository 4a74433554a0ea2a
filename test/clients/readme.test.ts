/** The README's examples run as they stand, and do what they say. */
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fresh, json, succeed } from "../cli/program.ts";
import { testsWith } from "../needs.ts";
import { attempt } from "./programs.ts";

const project = path.join(path.dirname(fileURLToPath(import.meta.url)), "..", "..");
const readmeTest = testsWith("bash", "nbdinfo", "qemu-io");

/** The `sh` block of a section. */
function example(title: string): string {
  const readme = fs.readFileSync(path.join(project, "README.md"), "utf8");
  const section = readme.split(/^## /m).find((text) => text.startsWith(`${title}\n`)) ?? "";
  const block = /^```sh\n(.*?)^```$/ms.exec(section)?.[1];
  assert.ok(block, `README.md has a section "${title}" with a block of sh`);
  return block as string;
}

/** A folder with a program `multisnap` in it, as if it were installed. */
function installed(): string {
  const folder = fresh("bin");
  fs.mkdirSync(folder);
  const program = path.join(project, "bin", "multisnap.js");
  const lines = ["#!/bin/sh", `exec '${process.execPath}' '${program}' "$@"`, ""];
  fs.writeFileSync(path.join(folder, "multisnap"), lines.join("\n"), { mode: 0o755 });
  return folder;
}

readmeTest("Serve it", async () => {
  const folder = fresh("example");
  fs.mkdirSync(folder);
  const script = example("Serve it");
  const whole = `cd '${folder}'\nPATH='${installed()}':$PATH\n${script}`;
  const { code, stdout, stderr } = await attempt("bash", ["-euo", "pipefail", "-c", whole]);
  const printed = stdout.toString();
  assert.is(code, 0, printed + stderr);
  assert.not.match(printed, /verification failed/);
  // What has changed since the snapshot: the 64 KiB that were written after it.
  assert.match(printed, /^ +65536 +65536 +1\b/m);
  for (const promised of ["requests", "queue depth", "latency"]) {
    assert.match(printed, promised);
  }
  assert.equal(fs.readdirSync(folder).sort(), ["ready", "vm.msnap"], "no socket is left");

  const store = path.join(folder, "vm.msnap");
  assert.is((await json("check", store)).clean, true);
  const { snapshots } = (await json("list", store)) as { snapshots: { name: string }[] };
  assert.ok(snapshots.some(({ name }) => name === "before"));
  assert.ok(snapshots.length > 1, "and one that --every took");
  const at = ["--offset", "64K", "--length", "64K"];
  assert.ok((await succeed("read", store, ...at)).every((byte) => byte === 0x22));
  assert.ok((await succeed("read", `${store}@before`, ...at)).every((byte) => byte === 0x11));
});

/** A second machine is a folder here: `ssh backup COMMAND` runs it there. */
function machines(bin: string, backup: string): void {
  fs.mkdirSync(backup);
  const lines = ["#!/bin/sh", "shift", `cd '${backup}' && exec "$@"`, ""];
  fs.writeFileSync(path.join(bin, "ssh"), lines.join("\n"), { mode: 0o755 });
}

testsWith("bash", "grep")("The life of snapshots", async () => {
  const [folder, backup, bin] = [fresh("example"), fresh("backup"), installed()];
  fs.mkdirSync(folder);
  machines(bin, backup);
  const whole = `cd '${folder}'\nPATH='${bin}':$PATH\n${example("The life of snapshots")}`;
  const { code, stdout, stderr } = await attempt("bash", ["-euo", "pipefail", "-c", whole]);
  const printed = stdout.toString();
  assert.is(code, 0, printed + stderr);
  assert.match(printed, /^1048576 4096$/m);
  assert.match(printed, /would free \d+ bytes/);
  assert.match(printed, /sent @replica-\S+ whole/);
  const copy = path.join(backup, "copy.msnap");
  const replica = path.join(backup, "replica.msnap");
  for (const store of [copy, replica]) assert.is((await json("check", store)).clean, true);
  const names = async (store: string) =>
    ((await json("list", store)) as { snapshots: { name: string }[] }).snapshots.map((s) => s.name);
  assert.equal(await names(copy), ["good", "better"]);
  assert.is((await names(replica)).length, 1);
});

testsWith("bash", "cmp")("Four kinds of stores", async () => {
  const folder = fresh("example");
  fs.mkdirSync(folder);
  const [first, ...rest] = example("Four kinds of stores").split("\n");
  const lines = [first, "cp disk.raw before.raw", ...rest, "cmp disk.raw before.raw"];
  const whole = `cd '${folder}'\nPATH='${installed()}':$PATH\n${lines.join("\n")}`;
  const { code, stdout, stderr } = await attempt("bash", ["-euo", "pipefail", "-c", whole]);
  assert.is(code, 0, stdout.toString() + stderr);
  const promised = /--dm +# ([\d/ ]+), as/.exec(lines.join("\n"))?.[1];
  assert.ok(stdout.toString().includes(`\n${promised}\n`), "the status that it says");
});

testsWith("bash", "dd")("What survives what", async () => {
  const folder = fresh("example");
  fs.mkdirSync(folder);
  const whole = `cd '${folder}'\nPATH='${installed()}':$PATH\n${example("What survives what")}`;
  const { code, stdout, stderr } = await attempt("bash", ["-euo", "pipefail", "-c", whole]);
  assert.is(code, 0, stdout.toString() + stderr);
  assert.ok(stdout.toString().endsWith("important"), stdout.toString());
});

test.run();
