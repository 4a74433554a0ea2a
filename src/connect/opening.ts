/** Opens the volume that a message names. */
import type { Device } from "../devices/device.ts";
import { type EngineSource, useEngine } from "../engine/source.ts";
import { openVolume } from "../volume/open/open.ts";
import type { Volume } from "../volume/types.ts";
import { type Openers, type Opening, openDevice } from "./options.ts";

/**
 * Devices that were opened are closed again where a later one, or the volume, cannot be. `isNew`: a
 * volume is made only where it says so of the store.
 */
export async function openNamed(
  { options, engine }: Opening,
  openers: Openers,
  isNew?: (store: Device) => Promise<boolean>,
): Promise<Volume> {
  if (engine !== null) useEngine(engine as EngineSource);
  const { store, origin, base, others, create, tabs: _, ...rest } = options;
  const opened: Device[] = [];
  const open = async (named: unknown) => {
    const device = await openDevice(openers, named);
    opened.push(device);
    return device;
  };
  try {
    const devices = {
      store: await open(store),
      ...(origin && { origin: await open(origin) }),
      ...(base && { base: await open({ readOnly: true, ...base }) }),
      others: [] as Device[],
    };
    for (const other of others ?? []) devices.others.push(await open(other));
    const making = create && (!isNew || (await isNew(devices.store)));
    return await openVolume({ ...rest, ...(making && { create }), ...devices });
  } catch (error) {
    for (const device of opened) await device.close();
    throw error;
  }
}
