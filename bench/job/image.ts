/** The disk image that the job works on: a real ext4 file system, or the user's own file. */
import { spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import path from "node:path";
import { copyFiles, joinedFiles, type RealFile } from "./files.ts";
import { JobError } from "./job-error.ts";

const IMAGE_BYTES = 128 << 20;
/** The job keeps a copy of the image in memory, outside the volume, to compare with. */
const IMAGE_BYTES_MAX = 1 << 30;
const SECTOR_BYTES = 512;

/** Offset and value of the superblock magic of ext2, ext3 and ext4. */
const EXT_MAGIC_OFFSET = 1024 + 56;
const EXT_MAGIC = 0xef53;

export interface Image {
  path: string;
  content: Buffer;
  /** Whether e2fsck understands it. */
  isExt: boolean;
  /** What it is, in a few words. */
  about: string;
}

/**
 * Path of a system program, or null. Debian keeps file system tools in folders that not every
 * user's PATH has.
 */
export function systemProgram(name: string): string | null {
  const folders = [...(process.env.PATH ?? "").split(path.delimiter), "/usr/sbin", "/sbin"];
  for (const folder of folders) {
    const program = path.join(folder, name);
    if (statSync(program, { throwIfNoEntry: false })?.isFile()) return program;
  }
  return null;
}

function loaded(file: string, about: string): Image {
  const content = readFileSync(file);
  const isExt = content.length > 2048 && content.readUInt16LE(EXT_MAGIC_OFFSET) === EXT_MAGIC;
  return { path: file, content, isExt, about };
}

/** The user's image; it is only read. */
export function givenImage(file: string): Image {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) throw new JobError(`no such image: ${file}`);
  if (!found.isFile()) throw new JobError(`${file} is not a file; the job takes a raw disk image`);
  if (found.size === 0 || found.size % SECTOR_BYTES !== 0) {
    throw new JobError(
      `${file} has ${found.size} bytes; a disk image is a multiple of ${SECTOR_BYTES}`,
    );
  }
  if (found.size > IMAGE_BYTES_MAX) {
    throw new JobError(
      `${file} has ${found.size} bytes; the job takes images up to ${IMAGE_BYTES_MAX} (1 GiB)`,
    );
  }
  return loaded(file, "your image");
}

function makeExt4(mke2fs: string, file: string, files: readonly RealFile[]): void {
  const tree = `${file}.files`;
  rmSync(tree, { recursive: true, force: true });
  copyFiles(files, tree);
  const args = [
    "-q",
    "-F",
    "-t",
    "ext4",
    "-L",
    "multisnap-job",
    "-d",
    tree,
    file,
    `${IMAGE_BYTES >> 10}k`,
  ];
  const made = spawnSync(mke2fs, args, { encoding: "utf8" });
  rmSync(tree, { recursive: true, force: true });
  if (made.status !== 0) throw new JobError(`mke2fs failed: ${made.stderr || made.error?.message}`);
}

/** File data in the first two thirds, zeros behind. */
function generate(file: string, files: readonly RealFile[]): void {
  const data = joinedFiles(files);
  const handle = openSync(file, "w");
  for (let offset = 0; offset < (IMAGE_BYTES / 3) * 2; offset += data.length) {
    writeSync(handle, data, 0, Math.min(data.length, IMAGE_BYTES - offset), offset);
  }
  writeSync(handle, Buffer.alloc(SECTOR_BYTES), 0, SECTOR_BYTES, IMAGE_BYTES - SECTOR_BYTES);
  closeSync(handle);
}

/** An ext4 file system with `files` in it; without mke2fs, an image with their bytes. */
export function makeImage(folder: string, files: readonly RealFile[]): Image {
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, "disk.img");
  rmSync(file, { force: true });
  const mke2fs = systemProgram("mke2fs");
  if (mke2fs === null) {
    generate(file, files);
    return loaded(file, "generated (mke2fs is missing: install e2fsprogs for a real ext4 image)");
  }
  makeExt4(mke2fs, file, files);
  return loaded(file, `ext4 with ${files.length} files`);
}
