/**
 * What both sides of a remote volume hold each other to, whatever lies between them. The control
 * protocol has these numbers on its page (PROTOCOL.md).
 */

export const TYPE_HELLO = 1;
export const TYPE_WELCOME = 2;
export const TYPE_REQUEST = 3;
export const TYPE_CANCEL = 4;
export const TYPE_PART = 5;
export const TYPE_PROGRESS = 6;
export const TYPE_ANSWER = 7;
export const TYPE_FAILURE = 8;

/** Of a message that is about the connection, not about a request. */
export const REQUEST_NONE = 0;

/** Small, so that a piece of a large transfer is on its way while the next one is worked on. */
export const PAYLOAD_BYTES_MAX = 256 * 1024;
/**
 * Of the rows of a part, in UTF-16 units of JSON: three bytes each at worst. A single row may be
 * longer, and still fits.
 */
export const PART_LENGTH_MAX = 16 * 1024;
/** Of a message in a failure or a row, in UTF-16 units: six bytes each at worst. */
export const MESSAGE_LENGTH_MAX = 4096;
/** Views that one connection keeps from being deleted to make room. */
export const HOLDS_MAX = 256;

/** Of ports only: a client says that it has taken a part. */
export const TYPE_TAKEN = 9;
/** Of ports only, both ways: there is something in the rings that both share. */
export const TYPE_RING = 10;
/** Of ports only: another client has made, deleted or renamed a snapshot. */
export const TYPE_CHANGED = 11;
/** Parts that may be on their way to a client that has not said so yet. */
export const PARTS_MAX = 4;
/** Versions of what goes over ports, best first. */
export const PORT_VERSIONS: readonly number[] = [1];
/** Requests of a client that have no answer yet, over a port. */
export const PORT_REQUESTS_MAX = 256;
/** Payloads that a client has under way, over a port. */
export const PORT_BUDGET_BYTES = 8 * 2 ** 20;
/** What all clients of a host together have under way beside that. */
export const HOST_BUDGET_BYTES = 32 * 2 ** 20;
/** Clients of a host. */
export const CLIENTS_MAX = 256;
/** Of a session's name, in UTF-16 units. */
export const SESSION_LENGTH_MAX = 64;
