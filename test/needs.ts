/** What a test needs of the machine: where it is missing, the test is skipped and says so. */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "uvu";

/** Defines a test, or skips it. */
export type Define = (name: string, body: () => void | Promise<void>) => void;

/**
 * The system's own come first: its nbdsh asks PATH for the python3 that libnbd is installed for.
 * File system tools are where not every user's PATH looks.
 */
export const programFolders: readonly string[] = [
  "/usr/bin",
  "/bin",
  ...(process.env.PATH ?? "").split(path.delimiter),
  "/usr/sbin",
  "/sbin",
];

/** Defines tests that need these programs: skipped where one is missing. */
export function testsWith(...programs: string[]): Define {
  const missing = programs.filter((program) => !isThere(program));
  if (missing.length === 0) return test;
  return (name) => test.skip(`${name}: no ${missing.join(" and no ")} here`, () => {});
}

/** Tests that run unless there is a reason why not, which then shows in their names. */
export function testsUnless(reason: string | null): Define {
  if (reason === null) return test;
  return (name) => test.skip(`${name}: ${reason}`, () => {});
}

export function isThere(program: string): boolean {
  return programFolders.some((folder) => fs.existsSync(path.join(folder, program)));
}

/** Why no small file system can be made here, or null. */
export function whyNoMount(): string | null {
  if (process.getuid?.() !== 0) return "only root may mount";
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "multisnap-probe-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "none", folder]).status === 0;
  if (mounted) spawnSync("umount", [folder]);
  fs.rmdirSync(folder);
  return mounted ? null : "mounts are not allowed";
}
