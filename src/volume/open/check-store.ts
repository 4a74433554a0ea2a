/** Verifies a store on its device, whether it opens as a volume or not. */
import type { Device } from "../../devices/device.ts";
import { engineModule } from "../../engine/module.ts";
import { checkStoreOn } from "../../stores/kinds.ts";
import { run } from "../../task.ts";
import type { CheckReport, ProgressOptions } from "../types.ts";

export interface CheckStoreOptions extends ProgressOptions {
  /** Nobody writes to it meanwhile. It stays the caller's, and as it is. */
  store: Device;
}

/**
 * What is wrong with a store of kind range or bitmap, and which chunks of which views that loses.
 *
 * Errors: `Invalid` (no store), `Unsupported` (a newer format, another kind), `Corrupt` (neither
 * superblock can be read), `Closed` (the signal), `Io`.
 */
export async function checkStore({ store, ...options }: CheckStoreOptions): Promise<CheckReport> {
  return run(checkStoreOn(store, await engineModule(), options));
}
