/** What the replicating side asks the other one for: a line before a stream (REPLICA.md). */
import { engineModule } from "../engine/module.ts";
import { MultisnapError } from "../errors.ts";
import { Checksum } from "../stream/checksum.ts";

export const VERSION = 1;
/** Identities that a request names. */
export const HAVE_MAX = 500;

export interface ReplicaRequest {
  do: "ask" | "receive";
  /** uuid of the volume that is replicated. */
  volume: string;
  /** What stands before the time in the names of its snapshots. */
  series: string;
  /** Bytes. */
  size: number;
  chunk: number;
  /** Identities of snapshots that it has, in base64url. */
  have: readonly string[];
  /** Rules, as text. */
  keep: string | null;
  resume: boolean;
  /** Of the snapshot that is sent; null: none is. */
  name: string | null;
}

/** What came, taken apart; without a request all bytes are the stream. */
export interface Incoming {
  request: ReplicaRequest | null;
  stream: AsyncIterable<Uint8Array>;
}

const SIGN = "MSNPREPL ";
const CRC_DIGITS = 8;
const LINE_BYTES_MAX = 2 ** 16;
const NEWLINE = 10;
const SERIES = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export async function encodeRequest(request: ReplicaRequest): Promise<Uint8Array> {
  const text = JSON.stringify({ version: VERSION, ...request });
  return new TextEncoder().encode(`${SIGN}${await crcOf(text)} ${text}\n`);
}

/**
 * Looks at the beginning of `bytes`. Errors: `Corrupt` (a request that is cut off or damaged),
 * `Unsupported` (a newer version), those of `bytes`.
 */
export async function takeRequest(bytes: AsyncIterable<Uint8Array>): Promise<Incoming> {
  const parts = bytes[Symbol.asyncIterator]();
  let begun: Uint8Array = new Uint8Array(0);
  for (;;) {
    const end = endOf(begun);
    if (end >= 0) {
      const request = end === 0 ? null : await decodeRequest(begun.subarray(0, end - 1));
      return { request, stream: withBegin(begun.subarray(end), parts) };
    }
    const { done, value } = await parts.next();
    if (done && startsAsRequest(begun) && begun.length > 0) throw damaged("it is cut off");
    if (done) return { request: null, stream: withBegin(begun, parts) };
    // Parts are the giver's again when the next one is asked for.
    begun = joined(begun, value);
  }
}

/** Bytes of the request with its newline; 0: there is none; -1: nobody knows yet. */
function endOf(bytes: Uint8Array): number {
  if (!startsAsRequest(bytes)) return 0;
  const newline = bytes.subarray(0, LINE_BYTES_MAX).indexOf(NEWLINE);
  if (newline >= 0) return newline + 1;
  if (bytes.length >= LINE_BYTES_MAX) throw damaged("it is too long");
  return -1;
}

function startsAsRequest(bytes: Uint8Array): boolean {
  const length = Math.min(bytes.length, SIGN.length);
  for (let i = 0; i < length; i++) if (bytes[i] !== SIGN.charCodeAt(i)) return false;
  return true;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

async function* withBegin(
  begin: Uint8Array,
  parts: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    if (begin.length > 0) yield begin;
    for (;;) {
      const { done, value } = await parts.next();
      if (done) return;
      yield value;
    }
  } finally {
    await parts.return?.();
  }
}

async function decodeRequest(line: Uint8Array): Promise<ReplicaRequest> {
  const text = new TextDecoder().decode(line.subarray(SIGN.length + CRC_DIGITS + 1));
  const crc = new TextDecoder().decode(line.subarray(SIGN.length, SIGN.length + CRC_DIGITS));
  // Rules to delete by are in it.
  if (crc !== (await crcOf(text))) throw damaged("its checksum is wrong");
  const found = JSON.parse(text) as Record<string, unknown>;
  if (found.version !== VERSION) {
    const message = `replication has version ${found.version} there, here it is ${VERSION}`;
    throw new MultisnapError("Unsupported", `${message}: use the same program on both sides`);
  }
  const { do: what, volume, series, size, chunk, have, keep, resume, name } = found;
  if (
    (what === "ask" || what === "receive") &&
    typeof volume === "string" &&
    isSeries(series) &&
    typeof size === "number" &&
    typeof chunk === "number" &&
    Array.isArray(have) &&
    have.length <= HAVE_MAX &&
    have.every((one): one is string => typeof one === "string") &&
    (keep === null || typeof keep === "string") &&
    typeof resume === "boolean" &&
    (name === null || typeof name === "string")
  ) {
    return { do: what, volume, series, size, chunk, have, keep, resume, name };
  }
  throw damaged("a part of it is missing");
}

/** Letters, digits, `.`, `_` and `-`, 64 at most. */
export function isSeries(series: unknown): series is string {
  return typeof series === "string" && SERIES.test(series);
}

async function crcOf(text: string): Promise<string> {
  const crc = new Checksum(await engineModule()).crc(new TextEncoder().encode(text));
  return crc.toString(16).padStart(CRC_DIGITS, "0");
}

function damaged(why: string): MultisnapError {
  return new MultisnapError("Corrupt", `the request to replicate is not whole: ${why}`);
}
