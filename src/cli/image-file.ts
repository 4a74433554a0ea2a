/**
 * Where exports write: standard output, a new sparse file that appears when it is whole, a disk.
 */
import fs from "node:fs";
import type { Device } from "../devices/device.ts";
import { openError } from "../devices/errno.ts";
import { fileDevice } from "../devices/file.ts";
import { persistName } from "../devices/open-file.ts";
import { MultisnapError } from "../errors.ts";
import { writeOut } from "./output.ts";
import { runs } from "./zeros.ts";

export interface ImageFile {
  /** Pieces come in order, without gaps. */
  put(piece: Uint8Array, offset: number): Promise<void>;
}

export function standardOutput(): ImageFile {
  return { put: (piece) => writeOut(piece) };
}

/**
 * Runs `body` on an image of `size` bytes and puts it in the place of `path`, durable; or leaves
 * what was there. A block device is written in place, as there is no other way.
 */
export function replaceFile<T>(
  path: string,
  size: number,
  force: boolean,
  body: (image: ImageFile) => Promise<T>,
): Promise<T> {
  return replaceDevice(path, force, async (device) => {
    if (device.growable) {
      await device.resize(size);
      return body({ put: (piece, offset) => putSparse(device, piece, offset) });
    }
    if (device.size() < size) {
      const message = `${path}: has ${device.size()} bytes, the image ${size}; nothing was written`;
      throw new MultisnapError("NoSpace", message);
    }
    return body({ put: async (piece, at) => device.write(piece, 0, piece.length, at) });
  });
}

/** The same on a device: an empty one that grows, or the block device as it is. */
export async function replaceDevice<T>(
  path: string,
  force: boolean,
  body: (device: Device) => Promise<T>,
): Promise<T> {
  const place = fs.existsSync(path) ? fs.realpathSync(path) : path;
  const found = fs.statSync(place, { throwIfNoEntry: false });
  const isDisk = found !== undefined && !found.isFile();
  const partial = `${place}.${process.pid}.partial`;
  const device = isDisk
    ? await fileDevice(path, { create: false })
    : await fileDevice(partial, { exclusive: true, lock: false });
  try {
    const result = await body(device);
    await device.flush();
    if (isDisk) return result;
    if (!force && fs.existsSync(place)) throw appeared(path);
    rename(partial, place);
    return result;
  } finally {
    await device.close();
    if (!isDisk) fs.rmSync(partial, { force: true });
  }
}

/** The same where another program writes: `body` is given the path of a file to make. */
export async function replaceFileBy(
  path: string,
  force: boolean,
  body: (partial: string) => Promise<void>,
): Promise<void> {
  const place = fs.existsSync(path) ? fs.realpathSync(path) : path;
  if (fs.statSync(place, { throwIfNoEntry: false })?.isFile() === false) {
    throw new MultisnapError("Invalid", `${path}: is no file: an image of this format is one`);
  }
  const partial = `${place}.${process.pid}.partial`;
  try {
    await body(partial);
    const written = fs.openSync(partial, "r+");
    try {
      fs.fsyncSync(written);
    } catch (cause) {
      throw openError(partial, "flushing", cause);
    } finally {
      fs.closeSync(written);
    }
    if (!force && fs.existsSync(place)) throw appeared(path);
    rename(partial, place);
  } finally {
    fs.rmSync(partial, { force: true });
  }
}

/** A new file reads as zeros, so zeros need no writing. */
async function putSparse(device: Device, piece: Uint8Array, offset: number): Promise<void> {
  for (const { start, end, zero } of runs(piece)) {
    if (!zero) await device.write(piece, start, end - start, offset + start);
  }
}

function rename(from: string, to: string): void {
  try {
    fs.renameSync(from, to);
    persistName(to);
  } catch (cause) {
    throw openError(to, "putting the image in its place", cause);
  }
}

function appeared(path: string): MultisnapError {
  return new MultisnapError("Exists", `${path}: appeared meanwhile; --force replaces it`);
}
