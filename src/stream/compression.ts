/**
 * Compression of one record's payload at a time, so that a record is checked and used without the
 * ones before it.
 */
import { platformZstd } from "../devices/zstd.ts";
import { MultisnapError } from "../errors.ts";
import { COMPRESSION_GZIP, COMPRESSION_NONE, COMPRESSION_ZSTD } from "./layout.ts";

export type Compression = "none" | "gzip" | "zstd";

export interface Codec {
  /** As the stream has it. */
  readonly number: number;
  compress(bytes: Uint8Array): Promise<Uint8Array>;
  /** Fills `target`; false where `bytes` are not as many, or no compressed bytes at all. */
  expand(bytes: Uint8Array, target: Uint8Array): Promise<boolean>;
}

const NONE: Codec = {
  number: COMPRESSION_NONE,
  compress: async (bytes) => bytes,
  expand: async () => false,
};

const GZIP: Codec = {
  number: COMPRESSION_GZIP,
  async compress(bytes) {
    const target = new Uint8Array(bytes.length);
    const filled = await through(new CompressionStream("gzip"), bytes, target);
    return filled < 0 ? bytes : target.subarray(0, filled);
  },
  async expand(bytes, target) {
    try {
      return (await through(new DecompressionStream("gzip"), bytes, target)) === target.length;
    } catch {
      return false;
    }
  },
};

/** How many bytes of `target` it filled; -1 where it has more. */
async function through(
  stream: CompressionStream | DecompressionStream,
  bytes: Uint8Array,
  target: Uint8Array,
): Promise<number> {
  const writer = stream.writable.getWriter();
  const written = Promise.all([writer.write(bytes as Uint8Array<ArrayBuffer>), writer.close()]);
  // What is wrong shows on the other side, too.
  written.catch(() => {});
  const reader = stream.readable.getReader();
  let filled = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return filled;
    if (filled + value.length > target.length) {
      await reader.cancel().catch(() => {});
      return -1;
    }
    target.set(value, filled);
    filled += value.length;
  }
}

/** `Unsupported`: no such compression, or not on this platform. */
export function codecOf(name: Compression | number): Codec {
  if (name === "none" || name === COMPRESSION_NONE) return NONE;
  if (name === "gzip" || name === COMPRESSION_GZIP) return GZIP;
  if (name === "zstd" || name === COMPRESSION_ZSTD) return zstd();
  throw new MultisnapError("Unsupported", `compression ${name}: known are none, gzip and zstd`);
}

function zstd(): Codec {
  const platform = platformZstd();
  if (!platform) {
    const why = "zstd is not on this platform (Node has it from 22.15 on)";
    throw new MultisnapError("Unsupported", `${why}: send with gzip`);
  }
  return {
    number: COMPRESSION_ZSTD,
    compress: async (bytes) => platform.zstdCompressSync(bytes),
    async expand(bytes, target) {
      try {
        const options = { maxOutputLength: target.length };
        const expanded = platform.zstdDecompressSync(bytes, options);
        if (expanded.length !== target.length) return false;
        target.set(expanded);
        return true;
      } catch {
        return false;
      }
    },
  };
}
