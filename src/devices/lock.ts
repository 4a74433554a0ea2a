/**
 * One writer or many readers of a file, across processes and runtimes: flock(2) everywhere. The
 * lock belongs to an open file, so it ends with the descriptor: at `close`, or with a process that
 * is killed.
 *
 * Node and Bun have no call for it. BSD systems take the lock while opening; elsewhere the `flock`
 * program takes it on a descriptor that it inherits, which locks the same open file as ours. Deno
 * has a call, for files that it opened itself: a second open file then holds the lock, and no right
 * to run programs is needed.
 */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { MultisnapError } from "../errors.ts";

/** What is used of Deno's own files. */
interface DenoFile {
  tryLockSync(exclusive: boolean): boolean;
  statSync(): { dev: number; ino: number | null };
  close(): void;
}

const deno = (
  globalThis as {
    Deno?: { openSync(path: string, options: { read: boolean; write: boolean }): DenoFile };
  }
).Deno;

/** Flags of open(2) on BSD and macOS. */
const O_SHLOCK = 0x10;
const O_EXLOCK = 0x20;
const O_NONBLOCK_BSD = 0x4;

const locksWhileOpening =
  !deno && (process.platform === "darwin" || process.platform === "freebsd");

/**
 * Flags for open(2) that take the lock with it, where the platform has them; an open that fails so
 * is EAGAIN.
 */
export function lockFlags(shared: boolean): number {
  return locksWhileOpening ? (shared ? O_SHLOCK : O_EXLOCK) | O_NONBLOCK_BSD : 0;
}

/** What keeps a lock besides the file itself: to be closed after it. */
export interface Keeper {
  close(): void;
}

/**
 * `Busy` at once when another open file has a lock that forbids this one. Answers what keeps the
 * lock, where that is not `file` itself.
 */
export function lockFile(file: number, path: string, shared: boolean): Keeper | null {
  if (locksWhileOpening) return null;
  if (deno)
    return lockBeside(deno.openSync(path, { read: true, write: !shared }), file, path, shared);
  const result = spawnSync("flock", ["-n", shared ? "-s" : "-x", "3"], {
    stdio: ["ignore", "ignore", "pipe", file],
    encoding: "utf8",
  });
  if (result.error !== undefined) throw noLockProgram(path, result.error);
  if (result.status === 0) return null;
  // A refusal says nothing and ends with 1; anything else is a failure of the program or the file
  // system.
  if (result.status === 1 && result.stderr === "") throw busy(path);
  const reason = result.stderr.trim() || `it ended with ${result.signal ?? result.status}`;
  throw new MultisnapError("Io", `${path}: flock could not lock it: ${reason}`);
}

/** The second open file must be of the same file: a name can be given to another meanwhile. */
function lockBeside(keeper: DenoFile, file: number, path: string, shared: boolean): Keeper {
  try {
    if (!keeper.tryLockSync(!shared)) throw busy(path);
    const { dev, ino } = fs.fstatSync(file);
    const locked = keeper.statSync();
    if (locked.dev !== dev || locked.ino !== ino) throw busy(path);
    return keeper;
  } catch (error) {
    keeper.close();
    throw error;
  }
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
