/** What browsers throw at files of the origin private file system, as `MultisnapError`s. */
import { type ErrorCode, MultisnapError } from "../errors.ts";

/** By the name of the exception. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  QuotaExceededError: "NoSpace",
  // Firefox, where a file cannot be made longer.
  NS_ERROR_FILE_NO_DEVICE_SPACE: "NoSpace",
  NoModificationAllowedError: "Busy",
  NotFoundError: "NotFound",
  TypeMismatchError: "Invalid",
  TypeError: "Invalid",
  SecurityError: "Unsupported",
  // A file that the user has picked: it has no synchronous calls.
  InvalidStateError: "Unsupported",
};

const MEANINGS: Readonly<Record<string, string>> = {
  QuotaExceededError: "the browser gives this origin no more room",
  NS_ERROR_FILE_NO_DEVICE_SPACE: "the browser gives this origin no more room",
  NoModificationAllowedError: "another tab, worker or device has it open; try again later",
  NotFoundError: "no such file",
  TypeMismatchError: "a part of the path is a file, or the last one a directory",
  TypeError: "not a name that files can have",
  SecurityError: "the browser gives this page no storage",
};

/** The name of an exception, `""` without one. Firefox throws some that are no `Error`s. */
export function exceptionName(cause: unknown): string {
  const name = (cause as { name?: unknown } | null)?.name;
  return typeof name === "string" ? name : "";
}

/** While a device is in use: `NoSpace` or `Io`. */
export function deviceError(name: string, doing: string, cause: unknown): MultisnapError {
  const code = CODES[exceptionName(cause)] === "NoSpace" ? "NoSpace" : "Io";
  return new MultisnapError(code, `${name}: ${doing}: ${meaning(cause)}`, { cause });
}

/** While a file is found, opened or removed: any code; `Io` for what is not in the table. */
export function openError(path: string, doing: string, cause: unknown): MultisnapError {
  if (cause instanceof MultisnapError) return cause;
  const code = CODES[exceptionName(cause)] ?? "Io";
  return new MultisnapError(code, `${path}: ${doing}: ${meaning(cause)}`, { cause });
}

function meaning(cause: unknown): string {
  const name = exceptionName(cause);
  const words = MEANINGS[name];
  if (words !== undefined) return `${words} (${name})`;
  const message = (cause as { message?: unknown } | null)?.message;
  return (typeof message === "string" && message) || name || String(cause);
}
