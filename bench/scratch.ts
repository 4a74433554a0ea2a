/**
 * The folders that a benchmark works in: on a tmpfs where there is one, or on a disk where that is
 * the point; gone at the end, whatever the end is.
 */
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";

const TMPFS_MAGIC = 0x01021994;

export interface Scratch {
  folder: string;
  tmpfs: boolean;
  freeBytes: () => number;
  /** Path of a file in it. */
  file: (name: string) => string;
  remove: () => void;
}

function isTmpfs(folder: string): boolean {
  try {
    return statfsSync(folder).type === TMPFS_MAGIC;
  } catch {
    return false;
  }
}

export function openScratch(): Scratch {
  return isTmpfs("/dev/shm") ? scratchIn("/dev/shm", true) : scratchIn(os.tmpdir(), false);
}

/** Null where there is only memory for temporary files. */
export function openDiskScratch(): Scratch | null {
  const folders = [os.tmpdir(), "/var/tmp"];
  const onDisk = folders.find((folder) => existsSync(folder) && !isTmpfs(folder));
  return onDisk === undefined ? null : scratchIn(onDisk, false);
}

function scratchIn(parent: string, tmpfs: boolean): Scratch {
  const folder = mkdtempSync(path.join(parent, "multisnap-bench-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.on("exit", remove);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));
  return {
    folder,
    tmpfs,
    freeBytes: () => {
      const about = statfsSync(folder);
      return about.bavail * about.bsize;
    },
    file: (name) => path.join(folder, name),
    remove,
  };
}

/**
 * Makes the kernel find `bytes` of memory once. A virtual machine's first touch of a page costs
 * many times a later one, and would be counted against whoever came first.
 */
export function touchMemory(scratch: Scratch, bytes: number): void {
  const piece = Buffer.alloc(4 << 20, 1);
  const name = scratch.file("touch");
  const file = openSync(name, "w");
  const limit = Math.min(bytes, scratch.freeBytes() / 2);
  for (let offset = 0; offset < limit; offset += piece.length)
    writeSync(file, piece, 0, piece.length, offset);
  closeSync(file);
  unlinkSync(name);
}
