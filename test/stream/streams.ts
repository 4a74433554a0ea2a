/** Streams as bytes, and what a volume holds, for tests of send and receive. */
import { createHash } from "node:crypto";
import { type SendOptions, sendStream } from "../../src/index.ts";
import type { View, Volume } from "../../src/volume/types.ts";
import { bytesOf } from "../diff/random-volume.ts";
import type { Random } from "../model/prng.ts";

export async function collect(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const part of parts) all.push(part);
  return new Uint8Array(Buffer.concat(all));
}

export function sent(
  volume: Volume,
  snapshot: View | string | null,
  options: SendOptions = {},
): Promise<Uint8Array> {
  return collect(sendStream(volume, snapshot, options));
}

/** In parts of any length, as a pipe gives them. */
export async function* inParts(bytes: Uint8Array, random?: Random): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    const length = random ? random.pick([1, 7, 100, 5000, 65536, 2 ** 20]) : bytes.length;
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

/** All views by name (the origin's is ""), with a digest of what each holds. */
export async function contents(volume: Volume): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const view of [volume.origin, ...volume.snapshots]) {
    const digest = createHash("sha1").update(await bytesOf(view));
    found[view.name ?? ""] = `${view.size} ${digest.digest("hex")}`;
  }
  return found;
}
