/** What becomes of a change of a device when the power is cut: it arrives, or some sectors do. */
import type { Image } from "../model/image.ts";
import type { Random } from "../model/prng.ts";

export const SECTOR = 512;

export type Change =
  | { device: number; kind: "write"; offset: number; bytes: Uint8Array }
  | { device: number; kind: "resize"; size: number };

/** How much is tried of what a power cut may leave. */
export interface Effort {
  /** All subsets are made when at most so many writes are pending. */
  allUpTo: number;
  /** Random subsets otherwise. */
  samples: number;
  /** Further ones in which a write is torn. */
  torn: number;
}

export function apply(images: Image[], change: Change): void {
  const image = images[change.device] as Image;
  if (change.kind === "write") image.write(change.bytes, 0, change.bytes.length, change.offset);
  else image.resize(change.size);
}

/** Some sectors of a write arrive: a start, an end, or any of them. */
export function tear(images: Image[], change: Change, random: Random): void {
  if (change.kind !== "write") {
    apply(images, change);
    return;
  }
  const { offset, bytes } = change;
  const image = images[change.device] as Image;
  const how = random.pick(["start", "end", "any"]);
  const end = offset + bytes.length;
  const middle = offset + random.below(bytes.length);
  for (let at = offset; at < end; ) {
    const next = Math.min(end, at - (at % SECTOR) + SECTOR);
    const arrives =
      how === "any" ? random.chance(0.5) : how === "start" ? at < middle : at >= middle;
    if (arrives) image.write(bytes, at - offset, next - at, at);
    at = next;
  }
}
