/** Finds, opens, locks and measures what a file device stands on. */
import fs from "node:fs";
import nodePath from "node:path";
import { MultisnapError } from "../errors.ts";
import { openError } from "./errno.ts";
import { type Keeper, lockFile, lockFlags } from "./lock.ts";

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR } = fs.constants;
const SECTOR_BYTES = 512;

export interface OpenFileOptions {
  create: boolean;
  exclusive: boolean;
  readOnly: boolean;
  lock: boolean;
}

export interface OpenedFile {
  file: number;
  /** To be closed after the file, where the lock is not its own. */
  keeper: Keeper | null;
  /** A regular file grows, a block device does not. */
  growable: boolean;
  size: number;
}

/** Leaves nothing open when it fails, nor a file that it made with `exclusive`. */
export function openFile(path: string, options: OpenFileOptions): OpenedFile {
  const found = look(path);
  if (found === undefined && !options.create) {
    throw new MultisnapError("NotFound", `${path}: no such file`);
  }
  if (found !== undefined && options.exclusive) {
    throw new MultisnapError("Exists", `${path}: is there already`);
  }
  let file = -1;
  let keeper: Keeper | null = null;
  try {
    file = fs.openSync(path, openFlags(found, options), 0o666);
    if (options.lock) keeper = lockFile(file, path, options.readOnly);
    const stat = fs.fstatSync(file);
    refuseOthers(path, stat);
    if (found === undefined) persistName(path);
    const growable = stat.isFile();
    return { file, keeper, growable, size: growable ? stat.size : blockDeviceSize(file) };
  } catch (cause) {
    const error = openError(path, "opening", cause);
    if (file >= 0) {
      // Busy: another process has found the new file and locked it first; it is theirs now.
      if (options.exclusive && error.code !== "Busy") fs.rmSync(path, { force: true });
      fs.closeSync(file);
    }
    keeper?.close();
    throw error;
  }
}

/** Looks before opening: to open a pipe would wait for its other end. */
function look(path: string): fs.Stats | undefined {
  let found: fs.Stats | undefined;
  try {
    found = fs.statSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    throw openError(path, "opening", cause);
  }
  if (found !== undefined) refuseOthers(path, found);
  return found;
}

function refuseOthers(path: string, stat: fs.Stats): void {
  if (stat.isFile() || stat.isBlockDevice()) return;
  const kind = stat.isDirectory() ? "a directory" : "a pipe, a socket or a character device";
  throw new MultisnapError("Invalid", `${path}: is ${kind}, not a file or a block device`);
}

function openFlags(found: fs.Stats | undefined, options: OpenFileOptions): number {
  let flags = options.readOnly ? O_RDONLY : O_RDWR;
  if (found === undefined) flags |= options.exclusive ? O_CREAT | O_EXCL : O_CREAT;
  // Linux: on a block device, O_EXCL alone is EBUSY while it is mounted or otherwise in use.
  if (found?.isBlockDevice() && options.lock && !options.readOnly) flags |= O_EXCL;
  return options.lock ? flags | lockFlags(options.readOnly) : flags;
}

/** Makes the directory entry of `path` durable: a flush of a new file does not do it everywhere. */
export function persistName(path: string): void {
  const directory = fs.openSync(nodePath.dirname(path), O_RDONLY);
  try {
    fs.fsyncSync(directory);
  } finally {
    fs.closeSync(directory);
  }
}

/**
 * By halving: a read past the end gives no bytes, on every system, where stat says 0. About 60
 * small reads.
 */
function blockDeviceSize(file: number): number {
  const byte = new Uint8Array(1);
  const holds = (sectors: number) =>
    fs.readSync(file, byte, 0, 1, sectors * SECTOR_BYTES - 1) === 1;
  let low = 0;
  let high = 1;
  while (high < 2 ** 43 && holds(high)) {
    low = high;
    high *= 2;
  }
  while (high - low > 1) {
    const middle = low + Math.floor((high - low) / 2);
    if (holds(middle)) low = middle;
    else high = middle;
  }
  return low * SECTOR_BYTES;
}
