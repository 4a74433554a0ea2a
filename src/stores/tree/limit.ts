/** How long a store may become. */
import type { Device } from "../../devices/device.ts";

/** As many as the space map can have groups for. */
const CHUNKS_MAX = 2_097_152 * 32_256;

/** Chunks that the store may have. */
export function limitOf(device: Device, maxSize: number | null, chunk: number): number {
  const bytes = Math.min(maxSize ?? Infinity, device.growable ? Infinity : device.size());
  return Math.min(CHUNKS_MAX, Math.floor(Math.min(bytes, Number.MAX_SAFE_INTEGER) / chunk));
}
