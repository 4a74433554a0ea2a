/**
 * One writer or many readers of a file, across processes. The lock belongs to the open file, so it
 * ends with the descriptor: at `close`, or with a process that is killed.
 *
 * Node has no call for it. BSD systems take the lock while opening; elsewhere the `flock` program
 * takes it on a descriptor that it inherits, which locks the same open file as ours.
 */
import { spawnSync } from "node:child_process";
import { MultisnapError } from "../errors.ts";

/** Flags of open(2) on BSD and macOS. */
const O_SHLOCK = 0x10;
const O_EXLOCK = 0x20;
const O_NONBLOCK_BSD = 0x4;

const locksWhileOpening = process.platform === "darwin" || process.platform === "freebsd";

/**
 * Flags for open(2) that take the lock with it, where the platform has them; an open that fails so
 * is EAGAIN.
 */
export function lockFlags(shared: boolean): number {
  return locksWhileOpening ? (shared ? O_SHLOCK : O_EXLOCK) | O_NONBLOCK_BSD : 0;
}

/** `Busy` at once when another open file has a lock that forbids this one. */
export function lockFile(file: number, path: string, shared: boolean): void {
  if (locksWhileOpening) return;
  const result = spawnSync("flock", ["-n", shared ? "-s" : "-x", "3"], {
    stdio: ["ignore", "ignore", "pipe", file],
    encoding: "utf8",
  });
  if (result.error !== undefined) throw noLockProgram(path, result.error);
  if (result.status === 0) return;
  // A refusal says nothing and ends with 1; anything else is a failure of the program or the file
  // system.
  if (result.status === 1 && result.stderr === "") throw busy(path);
  const reason = result.stderr.trim() || `it ended with ${result.signal ?? result.status}`;
  throw new MultisnapError("Io", `${path}: flock could not lock it: ${reason}`);
}

export function busy(path: string): MultisnapError {
  return new MultisnapError(
    "Busy",
    `${path}: another process or device has it open; try again later`,
  );
}

function noLockProgram(path: string, cause: Error & { code?: string }): MultisnapError {
  if (cause.code !== "ENOENT") {
    return new MultisnapError("Io", `${path}: could not run flock: ${cause.message}`, { cause });
  }
  return new MultisnapError(
    "Unsupported",
    `${path}: no flock program to lock it with; install util-linux, or pass lock: false ` +
      "where nothing else can open it",
    { cause },
  );
}
