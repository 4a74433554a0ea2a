/**
 * What the disk must contain, kept without the volume: the origin's bytes in memory, and for each
 * snapshot the SHA-256 of every MiB, taken from those bytes when the snapshot was made.
 */
import { createHash } from "node:crypto";

export const SEGMENT_BYTES = 1 << 20;

/** SHA-256 of each segment of a view, in order. */
export type Digests = readonly Buffer[];

export function digestOf(segment: Uint8Array): Buffer {
  return createHash("sha256").update(segment).digest();
}

export class Shadow {
  readonly bytes: Buffer;
  readonly #digests: Buffer[];
  readonly #stale: Set<number>;

  constructor(content: Buffer) {
    this.bytes = content;
    this.#digests = [];
    this.#stale = new Set(Array(Math.ceil(content.length / SEGMENT_BYTES)).keys());
  }

  write(offset: number, data: Uint8Array): void {
    this.bytes.set(data, offset);
    for (const segment of segmentsOf(offset, data.length)) this.#stale.add(segment);
  }

  segment(index: number): Buffer {
    return this.bytes.subarray(index * SEGMENT_BYTES, (index + 1) * SEGMENT_BYTES);
  }

  /** Of the content now. */
  digests(): Digests {
    for (const index of this.#stale) this.#digests[index] = digestOf(this.segment(index));
    this.#stale.clear();
    return [...this.#digests];
  }

  /** Of the content now with `data` at `offset`: a snapshot made just now and then written. */
  digestsWith(offset: number, data: Uint8Array): Digests {
    const digests = [...this.digests()];
    for (const index of segmentsOf(offset, data.length)) {
      const start = index * SEGMENT_BYTES;
      const segment = Buffer.from(this.segment(index));
      const from = Math.max(offset, start);
      const to = Math.min(offset + data.length, start + segment.length);
      segment.set(data.subarray(from - offset, to - offset), from - start);
      digests[index] = digestOf(segment);
    }
    return digests;
  }
}

function* segmentsOf(offset: number, length: number): Generator<number> {
  const last = Math.floor((offset + length - 1) / SEGMENT_BYTES);
  for (let index = Math.floor(offset / SEGMENT_BYTES); index <= last; index++) yield index;
}
