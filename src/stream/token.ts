/**
 * Where a stream broke off, as text: what the sender needs to go on from there, and what the
 * receiver keeps of it (in the name of a hidden view).
 */
import { MultisnapError } from "../errors.ts";
import {
  bytesOf,
  decodeIdentity,
  encodeIdentity,
  IDENTITY_BYTES,
  type SnapshotIdentity,
  textOf,
} from "../volume/identity/identity.ts";
import { setU64, u64 } from "./records.ts";

export interface BreakPoint {
  /** The last snapshot of the stream. */
  target: SnapshotIdentity;
  /** What the stream follows on. */
  from: SnapshotIdentity | null;
  /** The snapshot that is half there. */
  current: SnapshotIdentity;
  /** What that stands on. */
  base: SnapshotIdentity | null;
  /** Bytes of it that are there: all before. */
  offset: number;
}

const OFFSET = 4 * IDENTITY_BYTES;
const BYTES = OFFSET + 8;
const PREFIX = "msr1-";

export function tokenOf(point: BreakPoint): string {
  return PREFIX + breakText(point);
}

/** `Invalid` for what is no token. */
export function parseToken(token: string): BreakPoint {
  if (token.startsWith(PREFIX)) return parseBreak(token.slice(PREFIX.length));
  throw new MultisnapError("Invalid", "this is no token: a receive that breaks off prints one");
}

export function breakText({ target, from, current, base, offset }: BreakPoint): string {
  const bytes = new Uint8Array(BYTES);
  for (const [index, identity] of [target, from, current, base].entries()) {
    if (identity) bytes.set(encodeIdentity(identity), index * IDENTITY_BYTES);
  }
  setU64(new DataView(bytes.buffer), OFFSET, offset);
  return textOf(bytes);
}

export function parseBreak(text: string): BreakPoint {
  const bytes = bytesOf(text, BYTES);
  const [target, from, current, base] = [0, 1, 2, 3].map((index) => {
    const part = bytes.subarray(index * IDENTITY_BYTES, (index + 1) * IDENTITY_BYTES);
    return part.every((byte) => byte === 0) ? null : decodeIdentity(part);
  });
  const offset = u64(new DataView(bytes.buffer), OFFSET);
  if (target && current && Number.isSafeInteger(offset)) {
    return { target, from: from ?? null, current, base: base ?? null, offset };
  }
  throw new MultisnapError("Invalid", "this is no token: a receive that breaks off prints one");
}
