/**
 * A damaged store, as far as it can be read: it is repaired in memory, over the device, which stays
 * as it is.
 */
import type { Device } from "../../devices/device.ts";
import { overlayDevice } from "../../devices/overlay.ts";
import { findStore, repairOf, type Setup } from "../../stores/kinds.ts";
import { run } from "../../task.ts";
import type { Readable } from "./readable.ts";

/** Memory that the metadata may take, twice: what was saved of it, and its next checkpoint. */
const MEMORY_MAX = 2 ** 30;

/** What can be read of the device, under a name that may be written to in memory. */
export async function readDamaged(device: Device, setup: Setup): Promise<Readable> {
  const over = overlayDevice(device, MEMORY_MAX);
  const report = await run(repairOf(over, setup, { inMemory: true }));
  const { clean, problems, losses, lossCount, repaired } = report;
  const damage = clean ? null : { problems, losses, lossCount, repaired };
  return { device: over, facts: await run(findStore(over, setup.module)), damage };
}
