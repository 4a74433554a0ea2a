/**
 * A damaged store, as far as it can be read: it is repaired in memory, over the device, which stays
 * as it is.
 */
import type { Device } from "../devices/device.ts";
import { overlayDevice } from "../devices/overlay.ts";
import { type Found, findStore, repairOf, type Setup } from "../stores/kinds.ts";
import { run } from "../task.ts";
import type { Damage } from "./types.ts";

/** Memory that the metadata may take, twice: what was saved of it, and its next checkpoint. */
const MEMORY_MAX = 2 ** 30;

export interface Readable {
  /** To be read from. */
  device: Device;
  facts: Found;
  /** What was found and lost; null: nothing was looked for. */
  damage: Damage | null;
}

/** What a device has; with `damaged` that of it which can be read. */
export async function readable(device: Device, damaged: boolean, setup: Setup): Promise<Readable> {
  if (!damaged) return { device, facts: await run(findStore(device, setup.module)), damage: null };
  const over = overlayDevice(device, MEMORY_MAX);
  const report = await run(repairOf(over, setup, { inMemory: true }));
  const { clean, problems, losses, lossCount, repaired } = report;
  const damage = clean ? null : { problems, losses, lossCount, repaired };
  return { device: over, facts: await run(findStore(over, setup.module)), damage };
}
