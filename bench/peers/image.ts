/** Raw images for the peers that serve a file. */
import { randomFillSync } from "node:crypto";
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import type { Scratch } from "../scratch.ts";

const PIECE_BYTES = 1 << 20;

/** Path of a new image without a zero block. */
export function writtenImage(scratch: Scratch, name: string, bytes: number): string {
  const image = scratch.file(name);
  const piece = randomFillSync(new Uint8Array(PIECE_BYTES));
  const file = openSync(image, "w");
  for (let offset = 0; offset < bytes; offset += PIECE_BYTES) writeSync(file, piece);
  // What the system has still to write would disturb those who wait for the disk.
  fsyncSync(file);
  closeSync(file);
  return image;
}
