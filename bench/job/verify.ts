/**
 * Holds the volume against what was noted outside it: every view byte for byte, and one file system
 * by e2fsck.
 */
import { spawnSync } from "node:child_process";
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import type { View } from "../../src/index.ts";
import { systemProgram } from "./image.ts";
import { JobError } from "./job-error.ts";
import { type Digests, digestOf, SEGMENT_BYTES } from "./shadow.ts";

/** Compares all of a view; throws `JobError` with the first range that differs. */
export async function verifyView(
  view: View,
  expected: Digests,
  signal: AbortSignal,
): Promise<void> {
  const buffer = Buffer.alloc(SEGMENT_BYTES);
  for (const [index, digest] of expected.entries()) {
    const offset = index * SEGMENT_BYTES;
    const segment = buffer.subarray(0, Math.min(SEGMENT_BYTES, view.size - offset));
    await view.read(offset, segment);
    if (digestOf(segment).equals(digest)) continue;
    const name = view.name === null ? "the origin" : `snapshot ${view.name}`;
    throw new JobError(
      `${name} is not what it was: its bytes ${offset} to ${offset + segment.length} ` +
        "have another SHA-256 " +
        `than was taken when it was made`,
    );
  }
  await setImmediate();
  signal.throwIfAborted();
}

/** Writes a view to a raw image; zeros stay holes. */
export async function exportView(view: View, target: string): Promise<void> {
  const zeros = Buffer.alloc(SEGMENT_BYTES);
  const buffer = Buffer.alloc(SEGMENT_BYTES);
  const file = openSync(target, "w");
  try {
    ftruncateSync(file, view.size);
    for (let offset = 0; offset < view.size; offset += SEGMENT_BYTES) {
      const segment = buffer.subarray(0, Math.min(SEGMENT_BYTES, view.size - offset));
      await view.read(offset, segment);
      if (segment.equals(zeros.subarray(0, segment.length))) continue;
      writeSync(file, segment, 0, segment.length, offset);
    }
  } finally {
    closeSync(file);
  }
}

/** Runs e2fsck on a raw image without changing it: its last line, or why it did not run. */
export function checkFileSystem(image: string, isExt: boolean): string {
  if (!isExt) return "e2fsck skipped: the image is not an ext file system";
  const e2fsck = systemProgram("e2fsck");
  if (e2fsck === null) return "e2fsck skipped: it is missing (install e2fsprogs)";
  const run = spawnSync(e2fsck, ["-fn", image], { encoding: "utf8" });
  if (run.status !== 0) {
    throw new JobError(
      `e2fsck -fn ${image} found damage (exit ${run.status}):\n${run.stdout}${run.stderr}`,
    );
  }
  return `e2fsck -fn: clean, ${run.stdout
    .trim()
    .split("\n")
    .at(-1)
    ?.replace(/^.*?: /, "")}`;
}
