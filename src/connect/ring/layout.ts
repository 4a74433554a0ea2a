/**
 * The memory that a client and its host share: two rings and the pages of payloads. Requests go
 * down one ring, ends come up the other. One side writes each counter:
 *
 *     counter       written by    says
 *     SUBMITTED     client        requests put into the ring so far
 *     BEGUN         host          requests taken out of it
 *     ENDED         host          ends put into the other ring
 *     HOST_SLEEPS   both          1: the host wants a message (the client sets it back)
 *     CLIENT_SLEEPS both          1: the client wants a message; 2: it waits on ENDED
 *     STATE         host          odd while USAGE changes
 *
 * Counters wrap at 2^32; a place in a ring is a counter's low bits. The rings have as many places
 * as there are requests under way at most, so neither can be full.
 */

/** A power of two. */
export const REQUESTS = 256;
export const PAGE_BYTES = 4096;
/** 4 MiB of payloads. */
export const PAGES = 1024;

/** Counters, in 4-byte words; each on a cache line of its own. */
export const SUBMITTED = 0;
export const BEGUN = 16;
export const ENDED = 32;
export const HOST_SLEEPS = 48;
export const CLIENT_SLEEPS = 64;
export const STATE = 80;
const COUNTERS_BYTES = 96 * 4;

export const AWAKE = 0;
export const WANTS_MESSAGE = 1;
export const WAITS = 2;

/** `Usage` as numbers, after the last change that has ended. */
export const USAGE_BYTES_AT = COUNTERS_BYTES;
export const USAGE_NUMBERS = 16;

/** Requests: eight numbers of 8 bytes each. */
export const REQUESTS_BYTES_AT = USAGE_BYTES_AT + USAGE_NUMBERS * 8;
export const REQUEST_NUMBERS = 8;
export const REQUEST_OP = 0;
export const REQUEST_TAG = 1;
export const REQUEST_VIEW = 2;
export const REQUEST_OFFSET = 3;
export const REQUEST_LENGTH = 4;
export const REQUEST_PAGE = 5;

/** Ends: four words each. */
export const ENDS_BYTES_AT = REQUESTS_BYTES_AT + REQUESTS * REQUEST_NUMBERS * 8;
export const END_WORDS = 4;
export const END_TAG = 0;
/** 0: done; otherwise the bytes of what went wrong, JSON at the begin of the request's pages. */
export const END_FAILURE = 1;

export const PAGES_BYTES_AT =
  Math.ceil((ENDS_BYTES_AT + REQUESTS * END_WORDS * 4) / PAGE_BYTES) * PAGE_BYTES;
export const MEMORY_BYTES = PAGES_BYTES_AT + PAGES * PAGE_BYTES;

export const OP_READ = 1;
export const OP_WRITE = 2;
export const OP_TRIM = 3;
export const OP_ZERO = 4;
export const OP_FLUSH = 5;

/** The parts of the memory, as both sides see them. */
export interface Shared {
  words: Int32Array;
  usage: Float64Array;
  requests: Float64Array;
  ends: Int32Array;
  pages: Uint8Array;
}

export function partsOf(memory: SharedArrayBuffer): Shared {
  return {
    words: new Int32Array(memory, 0, COUNTERS_BYTES / 4),
    usage: new Float64Array(memory, USAGE_BYTES_AT, USAGE_NUMBERS),
    requests: new Float64Array(memory, REQUESTS_BYTES_AT, REQUESTS * REQUEST_NUMBERS),
    ends: new Int32Array(memory, ENDS_BYTES_AT, REQUESTS * END_WORDS),
    pages: new Uint8Array(memory, PAGES_BYTES_AT, PAGES * PAGE_BYTES),
  };
}

/**
 * Bytes of a payload. Those of one page are kept: a view on shared memory costs as much to make as
 * all else that is done with it here.
 */
export class Payloads {
  readonly #pages: Uint8Array;
  readonly #single: Uint8Array[] = [];

  constructor({ pages }: Shared) {
    this.#pages = pages;
  }

  at(page: number, length: number): Uint8Array {
    if (length !== PAGE_BYTES) {
      return this.#pages.subarray(page * PAGE_BYTES, page * PAGE_BYTES + length);
    }
    this.#single[page] ??= this.#pages.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
    return this.#single[page];
  }
}

/** Pages that a request of so many bytes takes: one at least, for what may go wrong. */
export function pagesOf(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / PAGE_BYTES));
}
