/**
 * Zstandard, where the platform has it: Node from 22.15 on, Bun, Deno. (The libraries in wasm that
 * there are take half a second for a megabyte, or ask for a Node that has it anyway.)
 */
export interface Zstd {
  zstdCompressSync(bytes: Uint8Array): Uint8Array;
  zstdDecompressSync(bytes: Uint8Array, options: { maxOutputLength: number }): Uint8Array;
}

interface Platform {
  process?: { getBuiltinModule?: (name: string) => unknown };
}

/** Null where there is none. */
export function platformZstd(): Zstd | null {
  const { process } = globalThis as Platform;
  const zlib = process?.getBuiltinModule?.("node:zlib") as Partial<Zstd> | undefined;
  return zlib?.zstdCompressSync && zlib.zstdDecompressSync ? (zlib as Zstd) : null;
}
