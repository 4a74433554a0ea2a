/** What a store is read from: its device, or what could be saved of it. */
import type { Device } from "../../devices/device.ts";
import { type Found, findStore, type Setup } from "../../stores/kinds.ts";
import { run } from "../../task.ts";
import { seldom } from "../part.ts";
import type { Damage } from "../types.ts";

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
  const { readDamaged } = seldom.loaded ?? (await seldom.load());
  return readDamaged(device, setup);
}
