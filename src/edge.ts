/**
 * The library where everything runs in one thread and nothing compiles bytes (workerd). The
 * engine's code is a module there, which the platform compiles itself.
 */
import engine from "./engine/engine.wasm";
import { useEngine } from "./engine/source.ts";

export {
  type SqlCursor,
  type SqlDeviceOptions,
  type SqlStorage,
  sqlDevice,
} from "./devices/sql.ts";
export * from "./library.ts";

useEngine(engine);
