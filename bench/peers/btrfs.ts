/**
 * A btrfs file system on a loop device over the scratch folder: a file with a reflink clone is its
 * kind of snapshot.
 */
import { spawnSync } from "node:child_process";
import { constants, copyFileSync, mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Scratch } from "../scratch.ts";

/**
 * Holds the file, what is redirected in a turn, and what btrfs has not yet given back of the turn
 * before.
 */
const IMAGE_BYTES = 6 * 2 ** 30;

export interface Btrfs {
  /** The file to write to. */
  file: string;
  /** Makes everything in the file shared with a new clone; the clone of the turn before goes. */
  clone: () => void;
  unmount: () => void;
}

/** Null when the command ended well, else why not, in one line. */
function failure(command: string, args: readonly string[]): string | null {
  const run = spawnSync(command, args, { encoding: "utf8" });
  if (run.error !== undefined) return `${command} is missing`;
  if (run.status === 0) return null;
  return `${command}: ${run.stderr.trim().split("\n")[0] || `exit ${run.status}`}`;
}

/** The mounted file system, or why there is none. */
export function mountBtrfs(scratch: Scratch): Btrfs | string {
  const image = scratch.file("btrfs.img");
  const folder = scratch.file("btrfs");
  writeFileSync(image, "");
  truncateSync(image, IMAGE_BYTES);
  mkdirSync(folder, { recursive: true });
  const why =
    failure("mkfs.btrfs", ["-q", "-f", image]) ?? failure("mount", ["-o", "loop", image, folder]);
  if (why !== null) {
    rmSync(image);
    return why;
  }
  const unmount = () => {
    process.off("exit", unmount);
    failure("umount", [folder]);
    rmSync(image, { force: true });
  };
  // Before the scratch folder goes: a mounted file system would keep its image alive.
  process.prependListener("exit", unmount);
  const file = path.join(folder, "origin");
  const cloned = path.join(folder, "clone");
  const clone = () => {
    rmSync(cloned, { force: true });
    copyFileSync(file, cloned, constants.COPYFILE_FICLONE_FORCE);
    failure("sync", ["-f", folder]);
  };
  return { file, clone, unmount };
}
