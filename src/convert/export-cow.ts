/**
 * A snapshot as a dm-snapshot COW device for its attached origin: a Linux kernel that is given
 * both shows the same disk, as long as nobody writes to the origin without it.
 *
 * Chunks lie in the order of the origin, behind each other, and so do their exceptions; so the
 * device is as long as it must be: (1 + areas + n) chunks, areas = floor(n / (chunk / 16)) + 1.
 */
import type { Device } from "../devices/device.ts";
import { MultisnapError } from "../errors.ts";
import { ENTRY_BYTES } from "../stores/cow/format.ts";
import { CAPABILITIES } from "../stores/kinds.ts";
import { grouped } from "../volume/compare/compare.ts";
import { openVolume } from "../volume/open/open.ts";
import type { ProgressOptions, View, Volume } from "../volume/types.ts";
import { borrowed, viewDevice } from "./borrowed.ts";
import { differences } from "./differences.ts";

const CHUNK_DEFAULT = 4096;
/** What a device of a given size must have as zeros for a store to be made on it. */
const HEAD_BYTES = 8192;

export interface ExportOptions extends ProgressOptions {
  /** Bytes of a chunk of the COW device; the default is 4096. */
  chunk?: number;
}

export interface Exported {
  /** Chunks of the origin that the snapshot has otherwise. */
  exceptions: number;
  chunk: number;
}

/**
 * Writes onto an empty file, or over a device of a given size. The origin must not change
 * meanwhile.
 *
 * Errors: `Invalid` (no attached origin, not a snapshot, a chunk size that cannot be), `NoSpace`
 * (a device that is too small, which stays as it is), `Closed` (the signal).
 */
export async function exportCow(
  volume: Volume,
  view: View,
  device: Device,
  options: ExportOptions = {},
): Promise<Exported> {
  const { chunk = CHUNK_DEFAULT } = options;
  if (volume.status().originMode !== "attached") {
    throw new MultisnapError("Invalid", "a COW device is for an attached origin: export it whole");
  }
  if (view.id === volume.origin.id) {
    throw new MultisnapError("Invalid", "the origin is no snapshot: name one, STORE@NAME");
  }
  const [least, most] = CAPABILITIES.persistent.chunk;
  if (!(chunk >= least && chunk <= most && Number.isInteger(Math.log2(chunk)))) {
    const wanted = `a power of two from ${least} to ${most}`;
    throw new MultisnapError("Invalid", `chunk ${chunk}: it must be ${wanted}`);
  }
  const hold = view.hold();
  try {
    return await exportHeld(volume, view, device, chunk, options);
  } finally {
    hold.release();
  }
}

async function exportHeld(
  volume: Volume,
  view: View,
  device: Device,
  chunk: number,
  options: ExportOptions,
): Promise<Exported> {
  if (device.growable) return await write(volume, view, device, chunk, options);
  await demandRoom(volume, view, device, chunk, options);
  await wipe(device);
  try {
    return await write(volume, view, device, chunk, options);
  } catch (error) {
    // Half a snapshot must not be taken for a whole one.
    await wipe(device);
    throw error;
  }
}

async function write(
  volume: Volume,
  view: View,
  device: Device,
  chunk: number,
  options: ExportOptions,
): Promise<Exported> {
  const cows = await openVolume({
    store: borrowed(device),
    origin: viewDevice(volume.origin, false),
    create: { kind: "persistent", chunk },
  });
  try {
    const [snapshot] = cows.snapshots as [View];
    let exceptions = 0;
    const pieces = differences(volume, view, chunk, options.signal);
    for await (const { offset, bytes, differs } of pieces) {
      for (const { value, from, to } of grouped(differs)) {
        if (!value) continue;
        await snapshot.write(offset + from * chunk, bytes.subarray(from * chunk, to * chunk));
        exceptions += to - from;
      }
      options.progress?.(offset + bytes.length, view.size);
    }
    options.progress?.(view.size, view.size);
    await cows.flush();
    return { exceptions, chunk };
  } finally {
    await cows.close();
  }
}

async function demandRoom(
  volume: Volume,
  view: View,
  device: Device,
  chunk: number,
  { signal }: ExportOptions,
): Promise<void> {
  let count = 0;
  for await (const { differs } of differences(volume, view, chunk, signal)) {
    count += differs.filter((isOther) => isOther).length;
  }
  const areas = Math.floor(count / (chunk / ENTRY_BYTES)) + 1;
  const bytes = (1 + areas + count) * chunk;
  if (bytes <= device.size()) return;
  const needed = `${count} chunks differ, which takes ${bytes} bytes`;
  throw new MultisnapError("NoSpace", `${device.name}: has ${device.size()} bytes; ${needed}`);
}

async function wipe(device: Device): Promise<void> {
  await device.write(new Uint8Array(HEAD_BYTES), 0, HEAD_BYTES, 0);
  await device.flush();
}
