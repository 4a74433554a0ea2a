/** Which volumes can receive a stream, and which are at it: one at a time each. */
import { MultisnapError } from "../errors.ts";
import type { Volume } from "../volume/types.ts";
import { DiskVolume } from "../volume/volume.ts";

const busy = new WeakSet<Volume>();

/** Answers what ends it. `Busy` while another one comes in. */
export function begin(volume: Volume): () => void {
  mustBeIdle(volume);
  busy.add(volume);
  return () => busy.delete(volume);
}

/** `Busy` while a stream comes in. */
export function mustBeIdle(volume: Volume): void {
  if (!busy.has(volume)) return;
  throw new MultisnapError("Busy", "the store is receiving a stream already: wait for that");
}

export function diskOf(volume: Volume): DiskVolume {
  if (volume instanceof DiskVolume) return volume;
  throw new MultisnapError("Unsupported", "this volume receives no streams");
}
