/** Ranges that a command checks before it moves the first byte. */
import { MultisnapError } from "../errors.ts";
import type { View } from "../volume/types.ts";

/** `Invalid` unless `length` bytes at `offset` lie in the view. */
export function checkRange(view: View, offset: number, length: number): void {
  if (offset + length <= view.size) return;
  const name = view.name ?? "the origin";
  throw new MultisnapError(
    "Invalid",
    `${length} bytes at offset ${offset} end behind ${name}, which has ${view.size} bytes`,
  );
}
