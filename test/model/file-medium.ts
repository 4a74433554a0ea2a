/** The medium that this platform keeps files on: here Node's (Deno's, Bun's) file system. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileDevice } from "../../src/devices/file.ts";
import type { Medium } from "./media.ts";

/**
 * Files in memory where the system has a place for them: a disk's flushes are not what is tested.
 */
const folders = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** Folders that are there: a test that fails leaves none behind either. */
const made = new Set<string>();
process.on("exit", () => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

/** Files are sparse: as large as a test wants. */
export const fileBytesMax = Number.POSITIVE_INFINITY;

/** Null on a platform without files. */
export const fileMedium: (() => Medium) | null = () => {
  const folder = mkdtempSync(join(folders, "multisnap-test-"));
  made.add(folder);
  return {
    kind: "file",
    open: (how) => fileDevice(join(folder, "image"), how ?? {}),
    discard() {
      made.delete(folder);
      rmSync(folder, { recursive: true });
    },
  };
};
