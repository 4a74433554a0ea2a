/** What a caller chooses about a remote image, checked. */
import { type Env, systemEnv } from "../../env.ts";
import { MultisnapError } from "../../errors.ts";

/** How it is known that the bytes are still those that were there when the image was opened. */
export type HttpPin = "etag" | "last-modified" | false;

export interface HttpDeviceOptions {
  /**
   * `"etag"` (the default): every request is for the version that the server named with a strong
   * ETag. `"last-modified"`: for the one of that second, where there is no strong ETag. `false`:
   * only the size is compared, for images that never change.
   */
  pin?: HttpPin;
  /** Bytes of the image that are kept in memory; the default is 32 MiB, the least 1 MiB. */
  cacheBytes?: number;
  /** Bytes that are asked for before they are read, at most; the default is 2 MiB, 0 is none. */
  readAhead?: number;
  /** Requests in flight, at most; the default is 6. */
  requests?: number;
  /** How often a request that failed is made again; the default is 5. */
  retries?: number;
  /** Milliseconds before that; each further time twice as long, up to 10 s. The default is 100. */
  pause?: number;
  /** Milliseconds without a byte after which a request has failed; the default is 30,000. */
  timeout?: number;
  /** Sent with every request: `{ authorization: "Bearer ..." }`. */
  headers?: Record<string, string>;
  /** Ends the device, and every request that is in flight: `Closed`. */
  signal?: AbortSignal;
  /** Instead of the platform's: for a service binding, for requests that are signed. */
  fetch?: typeof fetch;
  env?: Env;
}

export const BLOCK_BYTES = 65536;
const MIB = 2 ** 20;
/** One request asks for at most 1 MiB: enough for any line, and little to ask for again. */
const RANGE_BLOCKS_MAX = MIB / BLOCK_BYTES;

export interface HttpLimits {
  /** Blocks in memory, with those in flight. */
  blocks: number;
  /** Blocks of one request. */
  rangeBlocks: number;
  aheadBlocks: number;
  requests: number;
  retries: number;
  pause: number;
  timeout: number;
  env: Env;
}

export function checkHttpOptions(options: HttpDeviceOptions): HttpLimits {
  const cacheBytes = within("cacheBytes", options.cacheBytes ?? 32 * MIB, MIB, 2 ** 40);
  const requests = within("requests", options.requests ?? 6, 1, 64);
  const blocks = Math.floor(cacheBytes / BLOCK_BYTES);
  const perRequest = Math.floor(blocks / 2 / requests);
  const ahead = within("readAhead", options.readAhead ?? 2 * MIB, 0, 2 ** 40);
  return {
    blocks: Math.max(blocks, 2 * requests),
    rangeBlocks: Math.min(RANGE_BLOCKS_MAX, Math.max(1, perRequest)),
    aheadBlocks: Math.min(Math.floor(ahead / BLOCK_BYTES), Math.floor(blocks / 4)),
    requests,
    retries: within("retries", options.retries ?? 5, 0, 100),
    pause: within("pause", options.pause ?? 100, 0, 60_000),
    timeout: within("timeout", options.timeout ?? 30_000, 1, 2 ** 31 - 1),
    env: options.env ?? systemEnv,
  };
}

function within(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  const bounds = `a whole number from ${least} to ${most}`;
  throw new MultisnapError("Invalid", `httpDevice: ${name} ${value}: it must be ${bounds}`);
}
