/** Errors: every failure that a caller sees is a `MultisnapError` with one of eleven codes. */

/**
 * - `Invalid`: the caller's arguments; nothing was done.
 * - `NotFound`: no such snapshot, store or file.
 * - `Exists`: the name or the store is already there.
 * - `Busy`: another writer has it.
 * - `NoSpace`: the store or its device is full; every snapshot is intact.
 * - `ReadOnly`: the view, the volume or the device does not take writes (now).
 * - `Corrupt`: on-disk bytes are not what was written; says what is lost.
 * - `Io`: the device failed.
 * - `Closed`: used after `close`.
 * - `Unsupported`: a format feature or a platform that this build does not know.
 * - `Internal`: an invariant did not hold; the volume is poisoned and its store untouched.
 */
export type ErrorCode = (typeof ERROR_CODES)[number];

const ERROR_CODES = [
  "Invalid",
  "NotFound",
  "Exists",
  "Busy",
  "NoSpace",
  "ReadOnly",
  "Corrupt",
  "Io",
  "Closed",
  "Unsupported",
  "Internal",
] as const;

/** Of what came from elsewhere. */
export function isErrorCode(code: unknown): code is ErrorCode {
  return (ERROR_CODES as readonly unknown[]).includes(code);
}

/** Says what was asked, what was found and what to do. */
export class MultisnapError extends Error {
  readonly code: ErrorCode;
  /** Whether the same call can succeed later without a change by the caller. */
  readonly retryable: boolean;

  constructor(
    code: ErrorCode,
    message: string,
    options?: { cause?: unknown; retryable?: boolean },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.name = "MultisnapError";
    this.code = code;
    this.retryable = options?.retryable ?? code === "Busy";
  }
}

/** Whether something failed for want of room. */
export function isFull(error: unknown): boolean {
  return error instanceof MultisnapError && error.code === "NoSpace";
}
