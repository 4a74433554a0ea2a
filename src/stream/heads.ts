/** What a stream says of itself and of each of its snapshots: the payloads, taken apart. */
import { MultisnapError } from "../errors.ts";
import {
  decodeIdentity,
  encodeIdentity,
  IDENTITY_BYTES,
  type SnapshotIdentity,
} from "../volume/identity/identity.ts";
import * as l from "./layout.ts";
import { setU64, u64 } from "./records.ts";

/** Of all of the stream. */
export interface StreamHead {
  compression: number;
  /** The last snapshot. */
  target: SnapshotIdentity;
  /** What the first one follows on; null: nothing. */
  from: SnapshotIdentity | null;
  /** Snapshots that follow. */
  count: number;
  /** It goes on where another one broke off. */
  isResumed: boolean;
}

export interface SnapshotHead {
  identity: SnapshotIdentity;
  base: SnapshotIdentity | null;
  /** Bytes. */
  size: number;
  /** Milliseconds since 1970. */
  created: number;
  /** Bytes of a chunk where it comes from. */
  chunk: number;
  name: string;
  baseName: string;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function encodeStream(head: StreamHead): Uint8Array {
  const bytes = new Uint8Array(l.STREAM_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(l.MAGIC), l.STREAM_MAGIC);
  view.setUint32(l.STREAM_VERSION, l.VERSION, true);
  view.setUint32(l.STREAM_COMPRESSION, head.compression, true);
  bytes.set(encodeIdentity(head.target), l.STREAM_TARGET);
  if (head.from) bytes.set(encodeIdentity(head.from), l.STREAM_FROM);
  view.setUint32(l.STREAM_COUNT, head.count, true);
  view.setUint32(l.STREAM_FLAGS, head.isResumed ? l.STREAM_RESUMED : 0, true);
  return bytes;
}

/** Errors: `Invalid` (not one), `Unsupported` (a newer version). */
export function decodeStream(bytes: Uint8Array): StreamHead {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const magic = String.fromCharCode(...bytes.subarray(0, l.MAGIC.length));
  if (bytes.length < l.STREAM_BYTES || magic !== l.MAGIC) {
    throw new MultisnapError("Invalid", "this is no stream of snapshots: `send` makes one");
  }
  const version = view.getUint32(l.STREAM_VERSION, true);
  if (version !== l.VERSION) {
    const found = `the stream has format version ${version}, this program knows ${l.VERSION}`;
    throw new MultisnapError("Unsupported", `${found}: use a newer one`);
  }
  return {
    compression: view.getUint32(l.STREAM_COMPRESSION, true),
    target: identityAt(bytes, l.STREAM_TARGET),
    from: orNothing(bytes, l.STREAM_FROM),
    count: view.getUint32(l.STREAM_COUNT, true),
    isResumed: (view.getUint32(l.STREAM_FLAGS, true) & l.STREAM_RESUMED) !== 0,
  };
}

export function encodeSnapshot(head: SnapshotHead): Uint8Array {
  const [name, baseName] = [head.name, head.baseName].map((text) => new TextEncoder().encode(text));
  const bytes = new Uint8Array(l.SNAPSHOT_NAMES + name!.length + baseName!.length);
  const view = new DataView(bytes.buffer);
  bytes.set(encodeIdentity(head.identity), l.SNAPSHOT_IDENTITY);
  if (head.base) bytes.set(encodeIdentity(head.base), l.SNAPSHOT_BASE);
  setU64(view, l.SNAPSHOT_SIZE, head.size);
  view.setFloat64(l.SNAPSHOT_CREATED, head.created, true);
  view.setUint32(l.SNAPSHOT_CHUNK, head.chunk, true);
  view.setUint32(l.SNAPSHOT_FLAGS, head.base ? l.SNAPSHOT_HAS_BASE : 0, true);
  view.setUint16(l.SNAPSHOT_NAME_BYTES, name!.length, true);
  view.setUint16(l.SNAPSHOT_BASE_NAME_BYTES, baseName!.length, true);
  bytes.set(name!, l.SNAPSHOT_NAMES);
  bytes.set(baseName!, l.SNAPSHOT_NAMES + name!.length);
  return bytes;
}

/** `Corrupt` for what nobody sends. */
export function decodeSnapshot(bytes: Uint8Array): SnapshotHead {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < l.SNAPSHOT_NAMES) throw wrong("its head is too short");
  const nameBytes = view.getUint16(l.SNAPSHOT_NAME_BYTES, true);
  const end = l.SNAPSHOT_NAMES + nameBytes;
  if (end + view.getUint16(l.SNAPSHOT_BASE_NAME_BYTES, true) !== bytes.length) {
    throw wrong("its names do not fit");
  }
  const hasBase = (view.getUint32(l.SNAPSHOT_FLAGS, true) & l.SNAPSHOT_HAS_BASE) !== 0;
  const size = u64(view, l.SNAPSHOT_SIZE);
  const created = view.getFloat64(l.SNAPSHOT_CREATED, true);
  if (!Number.isSafeInteger(size) || !(created >= 0 && created <= 8.64e15)) throw wrong("its size");
  return {
    identity: identityAt(bytes, l.SNAPSHOT_IDENTITY),
    base: hasBase ? identityAt(bytes, l.SNAPSHOT_BASE) : null,
    size,
    created,
    chunk: view.getUint32(l.SNAPSHOT_CHUNK, true),
    name: nameOf(bytes.subarray(l.SNAPSHOT_NAMES, end)),
    baseName: nameOf(bytes.subarray(end)),
  };
}

function nameOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw wrong("a name is not UTF-8");
  }
}

function identityAt(bytes: Uint8Array, at: number): SnapshotIdentity {
  return decodeIdentity(bytes.subarray(at, at + IDENTITY_BYTES));
}

function orNothing(bytes: Uint8Array, at: number): SnapshotIdentity | null {
  const identity = bytes.subarray(at, at + IDENTITY_BYTES);
  return identity.every((byte) => byte === 0) ? null : decodeIdentity(identity);
}

function wrong(what: string): MultisnapError {
  return new MultisnapError("Corrupt", `the stream is damaged: a snapshot cannot be: ${what}`);
}
