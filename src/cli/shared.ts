/** A store that stays open for a while, and that other commands work through meanwhile. */
import { RemoteVolume } from "../connect/remote-volume.ts";
import { serveControl } from "../control/server.ts";
import "../volume/preloaded.ts";
import type { Volume } from "../volume/types.ts";
import { type StoreOptions, withVolume } from "./open.ts";

/** As `withVolume`. */
export function withShared<T>(
  store: string,
  options: StoreOptions,
  body: (volume: Volume) => Promise<T>,
): Promise<T> {
  return withVolume(store, options, async (volume, files) => {
    if (volume instanceof RemoteVolume) return body(volume);
    const control = await serveControl(volume, store, { files });
    try {
      return await body(volume);
    } finally {
      await control.close();
    }
  });
}
