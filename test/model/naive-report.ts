/** What the naive volume says: pages that differ, and what it refuses. */
import { MultisnapError } from "../../src/errors.ts";
import type { ByteRange, View } from "../../src/volume/types.ts";
import { type Model, PAGE } from "./model.ts";

export function* changedPages(model: Model, from: View, to: View): Generator<ByteRange> {
  const [before, after] = [model.pages(from.id), model.pages(to.id)];
  const indices = [...new Set([...before.keys(), ...after.keys()])].sort((a, b) => a - b);
  let range: ByteRange = { offset: 0, length: 0 };
  for (const index of indices) {
    if (before.get(index) === after.get(index)) continue;
    const offset = index * PAGE;
    const end = Math.max(from.size, to.size);
    const length = Math.min(PAGE, end - offset);
    if (range.offset + range.length === offset) range.length += length;
    else {
      if (range.length > 0) yield range;
      range = { offset, length };
    }
  }
  if (range.length > 0) yield range;
}

export function fail(
  code:
    | "Busy"
    | "Exists"
    | "NotFound"
    | "Invalid"
    | "ReadOnly"
    | "Closed"
    | "Unsupported"
    | "NoSpace",
  what: string,
): never {
  throw new MultisnapError(code, `the naive volume: ${what}`);
}
