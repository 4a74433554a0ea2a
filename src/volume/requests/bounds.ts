/** Which bytes a request may name. */
import { MultisnapError } from "../../errors.ts";

/** `Invalid` for what are not bytes of a disk of `size` bytes. */
export function checkInside(offset: number, length: number, size: number): void {
  const good =
    Number.isSafeInteger(offset) &&
    Number.isSafeInteger(length) &&
    offset >= 0 &&
    length >= 0 &&
    offset + length <= size;
  if (good) return;
  throw new MultisnapError(
    "Invalid",
    `${length} bytes at offset ${offset} do not lie in a disk of ${size} bytes`,
  );
}

/** `Invalid` for what is no buffer, whatever its type says. */
export function checkBuffer(buffer: Uint8Array): void {
  if (buffer instanceof Uint8Array) return;
  throw new MultisnapError("Invalid", `a Uint8Array is needed, not ${typeof buffer}`);
}
