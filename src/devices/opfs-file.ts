/** Finds, makes, opens and removes files of a browser's origin private file system (OPFS). */
import { MultisnapError } from "../errors.ts";
import { exceptionName, openError } from "./opfs-error.ts";

const BUSY_PAUSE_MS = 20;

export interface OpenOpfsOptions {
  create: boolean;
  exclusive: boolean;
  readOnly: boolean;
  waitMs: number;
}

export interface OpenedOpfs {
  path: string;
  handle: FileSystemSyncAccessHandle;
}

/** A later version of the standard than the types know. */
type Opener = (options?: {
  mode: "readwrite" | "read-only" | "readwrite-unsafe";
}) => Promise<FileSystemSyncAccessHandle>;

/** Leaves nothing open when it fails. */
export async function openOpfs(
  given: string | FileSystemFileHandle,
  options: OpenOpfsOptions,
): Promise<OpenedOpfs> {
  const path = typeof given === "string" ? given : given?.name;
  refuseElsewhere(String(path));
  try {
    const file = typeof given === "string" ? await findFile(given, options) : given;
    if (typeof file?.createSyncAccessHandle !== "function") {
      throw new MultisnapError("Invalid", `${path}: neither a path nor a handle of a file`);
    }
    return { path: String(path), handle: await openHandle(file, options) };
  } catch (cause) {
    throw openError(String(path), "opening", cause);
  }
}

/**
 * Removes a file; directories stay. Also in a page.
 *
 * Errors: `NotFound`, `Busy` (it is open), `Invalid` (a path), `Unsupported`, `Io`.
 */
export async function removeOpfs(path: string): Promise<void> {
  const names = namesOf(path);
  try {
    const folder = await findFolder(names.slice(0, -1), false);
    await folder.removeEntry(names.at(-1)!);
  } catch (cause) {
    throw openError(path, "removing", cause);
  }
}

/** Only there do files have synchronous calls. */
function refuseElsewhere(path: string): void {
  const { FileSystemFileHandle: kind } = globalThis;
  if (kind !== undefined && "createSyncAccessHandle" in kind.prototype) return;
  const why = "OPFS files are opened in a dedicated worker of a page";
  throw new MultisnapError(
    "Unsupported",
    `${path}: ${why}; elsewhere in a page use connectVolume, which has such a worker`,
  );
}

async function findFile(
  path: string,
  { create, exclusive }: OpenOpfsOptions,
): Promise<FileSystemFileHandle> {
  const names = namesOf(path);
  const folder = await findFolder(names.slice(0, -1), create);
  const name = names.at(-1)!;
  if (!exclusive) return folder.getFileHandle(name, { create });
  if (await holds(folder, name)) throw new MultisnapError("Exists", `${path}: is there already`);
  return folder.getFileHandle(name, { create: true });
}

async function holds(folder: FileSystemDirectoryHandle, name: string): Promise<boolean> {
  try {
    await folder.getFileHandle(name);
    return true;
  } catch (cause) {
    if (exceptionName(cause) === "NotFoundError") return false;
    throw cause;
  }
}

async function findFolder(
  names: readonly string[],
  create: boolean,
): Promise<FileSystemDirectoryHandle> {
  const storage = globalThis.navigator?.storage;
  if (!storage?.getDirectory) {
    const why = "this platform has no origin private file system";
    throw new MultisnapError("Unsupported", `${why}, or this page is not served securely`);
  }
  let folder = await storage.getDirectory();
  for (const name of names) folder = await folder.getDirectoryHandle(name, { create });
  return folder;
}

/** `/a/b.msnap` and `a/b.msnap` are the same. */
function namesOf(path: string): string[] {
  const names = path.replace(/^\//, "").split("/");
  const wrong = names.some((name) => name === "" || name === "." || name === "..");
  if (!wrong && !path.includes("\0")) return names;
  throw new MultisnapError("Invalid", `${JSON.stringify(path)}: not a path of a file`);
}

async function openHandle(
  file: FileSystemFileHandle,
  { readOnly, waitMs }: OpenOpfsOptions,
): Promise<FileSystemSyncAccessHandle> {
  const open: Opener = file.createSyncAccessHandle.bind(file);
  for (let waited = 0; ; waited += BUSY_PAUSE_MS) {
    try {
      // Chromium lets many readers in this way; elsewhere it changes nothing.
      return await open(readOnly ? { mode: "read-only" } : undefined);
    } catch (cause) {
      const busy = exceptionName(cause) === "NoModificationAllowedError";
      if (!busy || waited >= waitMs) throw cause;
    }
    await new Promise((resolve) => setTimeout(resolve, BUSY_PAUSE_MS));
  }
}
