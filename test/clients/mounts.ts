/**
 * Served disks as files (nbdfuse), and the file systems on them mounted; all of it is undone at the
 * end.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fresh } from "../cli/program.ts";
import { isThere } from "../needs.ts";
import { atEnd } from "./ending.ts";
import { ask, attempt } from "./programs.ts";

const PROGRAMS = ["nbdfuse", "mkfs.ext4", "e2fsck", "mount", "umount", "losetup"];
const POLLS_MAX = 600;
const POLL_MS = 50;

/** By folder: what is behind each, and that it need not be undone at the end. */
const mounted = new Map<string, { fuse?: ChildProcess; loop?: string; forget: () => void }>();

/** Why there can be no mounts here; null where there can. */
export async function whyNoMounts(): Promise<string | null> {
  const missing = PROGRAMS.filter((program) => !isThere(program));
  if (missing.length > 0) return `no ${missing.join(" and no ")} here`;
  if (process.getuid?.() !== 0) return "only root may mount";
  try {
    fs.closeSync(fs.openSync("/dev/fuse", "r+"));
    const image = fresh("probe.img");
    fs.writeFileSync(image, "");
    fs.truncateSync(image, 2 ** 20);
    await ask("mkfs.ext4", ["-q", "-F", image]);
    await unmount(mountFile(image));
    return null;
  } catch (error) {
    return (error as Error).message.split("\n")[0] as string;
  }
}

/** The disk as a file, until `unmount` of the folder that it is in. */
export async function fuse(uri: string, ...options: string[]): Promise<string> {
  const folder = fresh("fuse");
  fs.mkdirSync(folder);
  const file = path.join(folder, "disk");
  const child = spawn("nbdfuse", [...options, file, uri], { stdio: "ignore" });
  const forget = atEnd(() => {
    unmountNow(folder);
    child.kill("SIGKILL");
  });
  mounted.set(folder, { fuse: child, forget });
  for (let polls = 0; !fs.existsSync(file); polls++) {
    if (polls === POLLS_MAX || child.exitCode !== null) throw new Error(`no file of ${uri}`);
    await sleep(POLL_MS);
  }
  return file;
}

/**
 * Mounts the file system in the file; the folder where it is. The loop device can be written where
 * the file can: mount's own `loop,ro` would not let a journal be replayed.
 */
export function mountFile(file: string, ...options: string[]): string {
  const folder = fresh("mount");
  fs.mkdirSync(folder);
  // At one go: who ends this process in between would leave what nobody knows of.
  const loop = run("losetup", "--find", "--show", file).trim();
  try {
    run("mount", "-t", "ext4", "-o", ["defaults", ...options].join(","), loop, folder);
  } catch (error) {
    run("losetup", "--detach", loop);
    throw error;
  }
  const forget = atEnd(() => {
    unmountNow(folder);
    spawnSync("losetup", ["--detach", loop]);
  });
  mounted.set(folder, { loop, forget });
  return folder;
}

/** A file system in memory of that size; the folder where it is. */
export function mountMemory(bytes: number): string {
  const folder = fresh("memory");
  fs.mkdirSync(folder);
  run("mount", "-t", "tmpfs", "-o", `size=${bytes}`, "none", folder);
  mounted.set(folder, { forget: atEnd(() => unmountNow(folder)) });
  return folder;
}

/** The same file at a path of its own, where sockets can stand beside it. */
export function bindFile(file: string): string {
  const place = fresh("bound");
  fs.writeFileSync(place, "");
  run("mount", "--bind", file, place);
  mounted.set(place, { forget: atEnd(() => unmountNow(place)) });
  return place;
}

/** For the end, which waits for nobody: what uses it has been killed, and may take a moment. */
function unmountNow(folder: string): void {
  for (let tries = 0; tries < 20; tries++) {
    if (spawnSync("umount", [folder]).status === 0) return;
    spawnSync("sleep", ["0.1"]);
  }
  spawnSync("umount", ["--lazy", folder]);
}

function run(program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** Everything is on the disk when it answers. */
export async function unmount(folder: string): Promise<void> {
  const mount = mounted.get(folder);
  mounted.delete(folder);
  // The kernel lets a file go a moment after the loop device that was on it.
  for (let polls = 0; (await attempt("umount", [folder])).code !== 0; polls++) {
    if (polls === POLLS_MAX) throw new Error(`${folder} stays busy`);
    await sleep(POLL_MS);
  }
  if (mount?.loop) await ask("losetup", ["--detach", mount.loop]);
  mount?.forget();
  if (mount?.fuse && mount.fuse.exitCode === null) await once(mount.fuse, "exit");
}
