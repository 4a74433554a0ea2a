/** Repairs a store that nobody has open. */
import type { Device } from "../../devices/device.ts";
import { repairOf } from "../../stores/kinds.ts";
import { run } from "../../task.ts";
import type { ProgressOptions, RepairReport } from "../types.ts";
import { smallSetup } from "./small-setup.ts";

/**
 * Makes a store sound that `checkStore` finds damaged, and loses only what cannot be read: chunks
 * that are lost answer `Corrupt` until they are written again. A store without damage is left as it
 * is, byte for byte. `store` stays open. A crash before the end changes nothing.
 *
 * Errors: `NoSpace` (metadata is built anew beside the old), `Corrupt` (no superblock can be read),
 * `Unsupported` (kind persistent), `Invalid` (no store), `Io`.
 */
export async function repairStore(
  options: { store: Device } & ProgressOptions,
): Promise<RepairReport> {
  const { store, ...how } = options;
  return run(repairOf(store, await smallSetup(), how));
}
