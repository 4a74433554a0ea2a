/**
 * The frame of the control protocol and its limits; PROTOCOL.md draws them. Offsets are chained,
 * each from the one before.
 */
export {
  HOLDS_MAX,
  MESSAGE_LENGTH_MAX,
  PART_LENGTH_MAX,
  PAYLOAD_BYTES_MAX,
  REQUEST_NONE,
  TYPE_ANSWER,
  TYPE_CANCEL,
  TYPE_FAILURE,
  TYPE_HELLO,
  TYPE_PART,
  TYPE_PROGRESS,
  TYPE_REQUEST,
  TYPE_WELCOME,
} from "../connect/limits.ts";

/** Versions of the protocol that this program speaks, best first. */
export const VERSIONS: readonly number[] = [1];

/** The bytes `4d 53 4e 41 50 43 54 4c`, "MSNAPCTL". */
export const MAGIC = new Uint8Array([0x4d, 0x53, 0x4e, 0x41, 0x50, 0x43, 0x54, 0x4c]);

export const FRAME_MAGIC = 0;
export const FRAME_VERSION = FRAME_MAGIC + 8;
export const FRAME_TYPE = FRAME_VERSION + 2;
export const FRAME_REQUEST = FRAME_TYPE + 2;
export const FRAME_HEAD = FRAME_REQUEST + 4;
export const FRAME_PAYLOAD = FRAME_HEAD + 4;
export const FRAME_BYTES = FRAME_PAYLOAD + 4;

/** Of hello, welcome, and a failure before the welcome: these stay as they are in every version. */
export const VERSION_NONE = 0;
export const REQUEST_MAX = 0xffffffff;

export const HEAD_BYTES_MAX = 64 * 1024;
/** Requests of one connection that have no answer yet. */
export const REQUESTS_MAX = 16;
export const CONNECTIONS_MAX = 256;
/** What all clients together have under way. */
export const BUDGET_BYTES = 32 * 2 ** 20;
/** How often the server looks whether a client that it waits for has moved; and how often not. */
export const STALL_MS = 3_000;
export const STALLS_MAX = 2;
/** A server that says nothing for so long is stopped, or busy with something else. */
export const GREETING_MS_MAX = 30_000;
