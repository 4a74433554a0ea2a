/**
 * The library where everything runs in one thread and nothing compiles bytes (workerd). The
 * engine's code is a module there, which the platform compiles itself.
 */
import engine from "./engine/engine.wasm";
import { useEngine } from "./engine/source.ts";
import { openVolume as open } from "./volume/open/open.ts";
import type { OpenOptions, Volume } from "./volume/types.ts";

export { exportCow, importCows } from "./convert/later.ts";
export { httpDevice } from "./devices/http.ts";
export {
  type SqlCursor,
  type SqlDeviceOptions,
  type SqlStorage,
  sqlDevice,
} from "./devices/sql.ts";
export * from "./library.ts";
export { answerReplica, replicate } from "./replicate/later.ts";
export {
  dropReceived,
  halfReceived,
  receiveStream,
  sendStream,
} from "./stream/later.ts";

/** Of 128 MiB that a worker has, for all that it does. */
const CACHE_DEFAULT = 8 * 2 ** 20;

useEngine(engine);

/** As everywhere, but that the default of `cacheBytes` is 8 MiB. */
export function openVolume(options: OpenOptions): Promise<Volume> {
  return open({ ...options, cacheBytes: options?.cacheBytes ?? CACHE_DEFAULT });
}
