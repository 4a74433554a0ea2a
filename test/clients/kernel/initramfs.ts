/** The guest's file system: programs of this machine with their libraries, modules, what to do. */
import fs from "node:fs";
import path from "node:path";
import { ask, attempt } from "../programs.ts";
import type { Kernel } from "./kernel.ts";

export const GUEST_PROGRAMS = ["busybox", "dmsetup"];

const DIRECTORY = 0o040755;
const EXECUTABLE = 0o100755;
const FOLDERS = ["dev", "proc", "sys"];

/** An archive for `-initrd`, with `task` as its `/task.sh`. */
export async function makeInitramfs({ modules }: Kernel, task: string): Promise<Buffer> {
  const files = new Map<string, Buffer>();
  for (const program of GUEST_PROGRAMS) await addProgram(files, program);
  for (const { name, bytes } of modules) files.set(`modules/${name}`, bytes);
  files.set("modules/order", Buffer.from(modules.map(({ name }) => name).join("\n")));
  files.set("init", fs.readFileSync(path.join(import.meta.dirname, "init.sh")));
  files.set("task.sh", Buffer.from(task));
  return archive(files);
}

async function addProgram(files: Map<string, Buffer>, program: string): Promise<void> {
  const found = await ask("sh", ["-c", 'command -v "$1"', "sh", program]);
  const file = found.trim();
  files.set(`bin/${program}`, fs.readFileSync(file));
  // Of a static program it says, with an exit code, that there is nothing to say.
  const { stdout } = await attempt("ldd", [file]);
  for (const [library] of stdout.toString().matchAll(/\/\S+/g)) {
    files.set(library.slice(1), fs.readFileSync(library));
  }
}

/** As `cpio --format newc` makes it. */
function archive(files: Map<string, Buffer>): Buffer {
  const folders = new Set(FOLDERS);
  for (const file of files.keys()) {
    for (let at = file.indexOf("/"); at >= 0; at = file.indexOf("/", at + 1)) {
      folders.add(file.slice(0, at));
    }
  }
  const parts = [...folders].sort().map((folder) => entry(folder, DIRECTORY, Buffer.alloc(0)));
  for (const [file, bytes] of files) parts.push(entry(file, EXECUTABLE, bytes));
  parts.push(entry("TRAILER!!!", 0, Buffer.alloc(0)));
  return Buffer.concat(parts);
}

let entries = 0;

function entry(name: string, mode: number, bytes: Buffer): Buffer {
  const [inode, owner, group, links, time, device] = [++entries, 0, 0, 1, 0, 0];
  const numbers = [inode, mode, owner, group, links, time, bytes.length];
  // Device of the file and of the device file, major and minor; length of the name; checksum.
  numbers.push(device, device, device, device, name.length + 1, 0);
  const head = numbers.map((number) => number.toString(16).padStart(8, "0")).join("");
  return Buffer.concat([padded(Buffer.from(`070701${head}${name}\0`)), padded(bytes)]);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
