/**
 * The frame of the control protocol and its limits; PROTOCOL.md draws them. Offsets are chained,
 * each from the one before.
 */

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

export const TYPE_HELLO = 1;
export const TYPE_WELCOME = 2;
export const TYPE_REQUEST = 3;
export const TYPE_CANCEL = 4;
export const TYPE_PART = 5;
export const TYPE_PROGRESS = 6;
export const TYPE_ANSWER = 7;
export const TYPE_FAILURE = 8;

/** Of hello, welcome, and a failure before the welcome: these stay as they are in every version. */
export const VERSION_NONE = 0;
/** Of a failure that is about the connection, not about a request. */
export const REQUEST_NONE = 0;

export const HEAD_BYTES_MAX = 64 * 1024;
/** Small, so that a piece of a large transfer is on its way while the next one is worked on. */
export const PAYLOAD_BYTES_MAX = 256 * 1024;
/**
 * Of the rows of a part, in UTF-16 units of JSON: three bytes each at worst. A single row may be
 * longer, and still fits.
 */
export const PART_LENGTH_MAX = 16 * 1024;
/** Of a message in a failure or a row, in UTF-16 units: six bytes each at worst. */
export const MESSAGE_LENGTH_MAX = 4096;
/** Requests of one connection that have no answer yet. */
export const REQUESTS_MAX = 16;
export const CONNECTIONS_MAX = 256;
/** Views that one connection keeps from being deleted to make room. */
export const HOLDS_MAX = 256;
/** What all clients together have under way. */
export const BUDGET_BYTES = 32 * 2 ** 20;
/** How often the server looks whether a client that it waits for has moved; and how often not. */
export const STALL_MS = 3_000;
export const STALLS_MAX = 2;
/** A server that says nothing for so long is stopped, or busy with something else. */
export const GREETING_MS_MAX = 30_000;
