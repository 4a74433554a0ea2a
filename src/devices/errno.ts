/** Error codes of Node's system calls (Deno's and Bun's, too) as `MultisnapError`s. */
import { constants } from "node:os";
import { type ErrorCode, MultisnapError } from "../errors.ts";

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: "NoSpace",
  EDQUOT: "NoSpace",
  EFBIG: "NoSpace",
  ENOENT: "NotFound",
  ENOTDIR: "NotFound",
  ENXIO: "NotFound",
  ENODEV: "NotFound",
  EEXIST: "Exists",
  EISDIR: "Invalid",
  ENAMETOOLONG: "Invalid",
  ELOOP: "Invalid",
  ERR_INVALID_ARG_VALUE: "Invalid",
  ERR_INVALID_ARG_TYPE: "Invalid",
  EROFS: "ReadOnly",
  EBUSY: "Busy",
  ETXTBSY: "Busy",
  EAGAIN: "Busy",
};

const MEANINGS: Readonly<Record<string, string>> = {
  ENOSPC: "no space left on its file system",
  EDQUOT: "disk quota exceeded",
  EFBIG: "larger than its file system or a limit of this process allows",
  ENOENT: "no such file",
  ENOTDIR: "a part of the path is not a directory",
  ENXIO: "no such device",
  ENODEV: "no such device",
  EEXIST: "is there already",
  EISDIR: "is a directory",
  ENAMETOOLONG: "the name is too long",
  ELOOP: "too many symbolic links",
  ERR_INVALID_ARG_VALUE: "not a path",
  ERR_INVALID_ARG_TYPE: "not a path",
  EROFS: "its file system is mounted read-only",
  EACCES: "no permission",
  EPERM: "not permitted",
  EIO: "the hardware or its driver failed",
  EBUSY: "in use by the system, for instance mounted",
  ETXTBSY: "a program that runs now",
  EAGAIN: "another process or device has it open; try again later",
};

/** How Deno ends the message of an error whose code it leaves out (EFBIG is one). */
const OS_ERROR = /\(os error (\d+)\)$/;

/** The code of an error of a system call, `""` for anything else. */
export function errorCode(cause: unknown): string {
  if (!(cause instanceof Error)) return "";
  if ("code" in cause && typeof cause.code === "string") return cause.code;
  const number = Number(OS_ERROR.exec(cause.message)?.[1]);
  return Object.entries(constants.errno).find(([, value]) => value === number)?.[0] ?? "";
}

/** While a device is in use: `NoSpace` or `Io`. */
export function deviceError(name: string, doing: string, cause: unknown): MultisnapError {
  const code = CODES[errorCode(cause)] === "NoSpace" ? "NoSpace" : "Io";
  return new MultisnapError(code, `${name}: ${doing}: ${meaning(cause)}`, { cause });
}

/** While a file is found and opened: any code; `Io` for what is not in the table. */
export function openError(path: string, doing: string, cause: unknown): MultisnapError {
  if (cause instanceof MultisnapError) return cause;
  const code = CODES[errorCode(cause)] ?? "Io";
  return new MultisnapError(code, `${path}: ${doing}: ${meaning(cause)}`, { cause });
}

function meaning(cause: unknown): string {
  const code = errorCode(cause);
  const words = MEANINGS[code];
  if (words !== undefined) return `${words} (${code})`;
  return cause instanceof Error ? cause.message : String(cause);
}
