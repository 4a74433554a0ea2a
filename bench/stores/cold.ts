/** Files that the kernel has to fetch from the disk again, as if it had never seen them. */
import { spawnSync } from "node:child_process";

/**
 * Writes everything out and drops what is cached of `file`. False where the system's `dd` cannot
 * do that (GNU's can).
 */
export function makeCold(file: string): boolean {
  // All of the file system: what a removed file leaves to do must not fall into a measure.
  spawnSync("sync", ["-f", file]);
  return spawnSync("dd", [`if=${file}`, "iflag=nocache", "count=0", "status=none"]).status === 0;
}
