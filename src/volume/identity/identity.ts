/**
 * Which snapshot it is, wherever it lies: the volume that it was made in, its number there, the
 * time of its making, and how often it changed since somebody was given its content. A copy of a
 * store's file has the same uuid and goes on with the same numbers: the time tells them apart.
 *
 *      +0 uuid of the volume, 16 bytes
 *     +16 id, u32           +20 position, u32     +24 created, f64
 */
import { MultisnapError } from "../../errors.ts";

export const IDENTITY_BYTES = 32;
/**
 * From here on positions hold as long as the volume is open: of a snapshot whose store notes
 * nothing. It is no base, for nobody would know of a write after that.
 */
export const POSITION_LOOSE = 0xffff0000;
export const LOOSE_POSITIONS = 2 ** 16;

export interface SnapshotIdentity {
  /** uuid. */
  volume: string;
  id: number;
  /** Content position: counts up with the first write after each time that it was sent. */
  position: number;
  /** Milliseconds since 1970. */
  created: number;
}

export function isSameIdentity(a: SnapshotIdentity, b: SnapshotIdentity): boolean {
  return isUnchanged(a, b) && !isLoose(a);
}

/** Of one snapshot while its volume is open: nobody has written to it. */
export function isUnchanged(a: SnapshotIdentity, b: SnapshotIdentity): boolean {
  return isSameSnapshot(a, b) && a.position === b.position;
}

export function isLoose({ position }: SnapshotIdentity): boolean {
  return position >= POSITION_LOOSE;
}

/** Whatever was written to it since. */
export function isSameSnapshot(a: SnapshotIdentity, b: SnapshotIdentity): boolean {
  return a.volume === b.volume && a.id === b.id && a.created === b.created;
}

export function encodeIdentity(identity: SnapshotIdentity): Uint8Array {
  const bytes = new Uint8Array(IDENTITY_BYTES);
  const view = new DataView(bytes.buffer);
  const hex = identity.volume.replaceAll("-", "");
  for (let i = 0; i < hex.length / 2; i++)
    bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  view.setUint32(16, identity.id, true);
  view.setUint32(20, identity.position, true);
  view.setFloat64(24, identity.created, true);
  return bytes;
}

export function decodeIdentity(bytes: Uint8Array): SnapshotIdentity {
  const view = new DataView(bytes.buffer, bytes.byteOffset, IDENTITY_BYTES);
  const hex = Array.from(bytes.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0"));
  const parts = [
    hex.slice(0, 4),
    hex.slice(4, 6),
    hex.slice(6, 8),
    hex.slice(8, 10),
    hex.slice(10),
  ];
  return {
    volume: parts.map((part) => part.join("")).join("-"),
    id: view.getUint32(16, true),
    position: view.getUint32(20, true),
    created: view.getFloat64(24, true),
  };
}

/** base64url without padding. */
export function textOf(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** `Invalid` for what is not so many bytes in base64url. */
export function bytesOf(text: string, length: number): Uint8Array {
  if (/^[A-Za-z0-9_-]*$/.test(text) && text.length === Math.ceil((length * 4) / 3)) {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(binary, (character) => character.charCodeAt(0));
  }
  throw new MultisnapError("Invalid", `${JSON.stringify(text)}: not ${length} bytes in base64url`);
}
