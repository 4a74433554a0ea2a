/** COW devices that a Linux kernel wrote, with their origins and what the kernel said of them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

const folder = join(import.meta.dirname, "kernel");

interface Expected {
  expected_origin_sha256: string;
  expected_snapshot_sha256: string;
  variants: Record<string, { status: string; header: number[] }>;
}

export interface KernelCow {
  /** Sectors. */
  chunkSectors: number;
  cow: Uint8Array;
  origin: Uint8Array;
  /** `allocated/total metadata`, in sectors. */
  status: string;
  /** The four words of the header. */
  header: number[];
}

const expected = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as Expected;

/** Of the origin and of the snapshot, for every chunk size. */
export const originHash = expected.expected_origin_sha256;
export const snapshotHash = expected.expected_snapshot_sha256;

/** The devices, each as new. */
export function kernelCows(): KernelCow[] {
  return Object.entries(expected.variants).map(([chunkSectors, { status, header }]) => ({
    chunkSectors: Number(chunkSectors),
    cow: unpack(`cow-chunk${chunkSectors}`),
    origin: unpack(`origin-chunk${chunkSectors}`),
    status: status.replace(/^\d+ \d+ snapshot /, ""),
    header,
  }));
}

function unpack(name: string): Uint8Array {
  return new Uint8Array(gunzipSync(readFileSync(join(folder, `${name}.raw.gz`))));
}
