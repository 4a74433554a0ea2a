/**
 * What every device checks before it touches a byte (I10), so that the adapters hold nothing but
 * their platform.
 */
import { MultisnapError } from "../errors.ts";

/** Throws `Invalid` unless `length` bytes fit in `memory` from `start`, at a possible `offset`. */
export function checkTransfer(
  name: string,
  memory: Uint8Array,
  start: number,
  length: number,
  offset: number,
): void {
  const inMemory = start >= 0 && length >= 0 && start + length <= memory.length;
  const onDevice = offset >= 0 && Number.isSafeInteger(offset + length);
  const whole = Number.isInteger(start) && Number.isInteger(length) && Number.isInteger(offset);
  if (inMemory && onDevice && whole) return;
  throw new MultisnapError(
    "Invalid",
    `${name}: ${length} bytes at offset ${offset} do not fit ${memory.length} bytes of memory ` +
      `from ${start}; all of them must be whole and not negative`,
  );
}

/** Throws `Invalid` unless `bytes` is a possible size. */
export function checkSize(name: string, bytes: number): void {
  if (Number.isSafeInteger(bytes) && bytes >= 0) return;
  throw new MultisnapError("Invalid", `${name}: ${bytes} is not a size in bytes`);
}

/** What a device of given size answers to `resize`: nothing where it has that size already. */
export function refuseResize(name: string, size: number, bytes: number): void {
  if (bytes === size) return;
  if (bytes > size) throw pastTheEnd(name, size, bytes);
  throw new MultisnapError(
    "Unsupported",
    `${name}: has a given size of ${size} bytes, asked ${bytes}`,
  );
}

/** A transfer or a resize that ends at `end`, on a device of given size. */
export function pastTheEnd(name: string, size: number, end: number): MultisnapError {
  return new MultisnapError("NoSpace", `${name}: ends at ${size} bytes and cannot grow to ${end}`);
}

export function isReadOnly(name: string): MultisnapError {
  return new MultisnapError("ReadOnly", `${name}: was opened for reading only`);
}

export function isClosed(name: string): MultisnapError {
  return new MultisnapError("Closed", `${name}: the device is closed`);
}
