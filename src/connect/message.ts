/** What goes between a remote volume and its host: messages, and errors in them. */
import { isErrorCode, MultisnapError } from "../errors.ts";
import { MESSAGE_LENGTH_MAX } from "./limits.ts";

/** Of names and numbers only: it goes as JSON as well as as a structured clone. */
export type Head = Record<string, unknown>;

export interface Message {
  type: number;
  /** Number of the request that it belongs to. */
  request: number;
  head: Head;
  payload: Uint8Array;
}

export const NOTHING: Uint8Array = new Uint8Array(0);

/** What a failure says of an error. Anything but ours is `Internal`. */
export function failureHead(error: unknown): Head {
  const known = error instanceof MultisnapError;
  const cause = known && error.cause !== undefined ? { cause: textOf(error.cause) } : {};
  return {
    code: known ? error.code : "Internal",
    message: textOf(error),
    retryable: known ? error.retryable : false,
    ...cause,
  };
}

function textOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.slice(0, MESSAGE_LENGTH_MAX);
}

/** The error that the other side met, as if it had been met here. */
export function failureOf({ code, message, retryable, cause }: Head): MultisnapError {
  return new MultisnapError(isErrorCode(code) ? code : "Internal", String(message), {
    retryable: retryable === true,
    ...(typeof cause === "string" && { cause: new Error(cause) }),
  });
}
