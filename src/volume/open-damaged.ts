/**
 * A damaged store, as far as it can be read: it is repaired in memory, over the device, which stays
 * as it is.
 */
import type { Device } from "../devices/device.ts";
import { overlayDevice } from "../devices/overlay.ts";
import { type Found, findStore, type RepairReport, repairOf, type Setup } from "../stores/kinds.ts";
import { run } from "../task.ts";

/** Memory that the metadata may take, twice: what was saved of it, and its next checkpoint. */
const MEMORY_MAX = 2 ** 30;

export interface Readable {
  /** To be read from. */
  device: Device;
  facts: Found;
  /** What was found and lost; null: nothing was looked for. */
  damage: RepairReport | null;
}

/** What a device has; with `damaged` that of it which can be read. */
export async function readable(device: Device, damaged: boolean, setup: Setup): Promise<Readable> {
  if (!damaged) return { device, facts: await run(findStore(device, setup.module)), damage: null };
  const over = overlayDevice(device, MEMORY_MAX);
  const damage = await run(repairOf(over, setup, { inMemory: true }));
  return { device: over, facts: await run(findStore(over, setup.module)), damage };
}
