/**
 * The library in pages and their workers: what `import ... from "multisnap"` gives there. What not
 * every page needs is loaded when it is called.
 */
import type * as pages from "./connect-pages.ts";
import type * as http from "./devices/http.ts";

export type { NamedDevice, TabsOptions } from "./connect/options.ts";
export type { ConnectedVolume, PageOptions } from "./connect-pages.ts";
export { exportCow, importCows } from "./convert/later.ts";
export { type OpfsDeviceOptions, opfsDevice } from "./devices/opfs.ts";
export { removeOpfs } from "./devices/opfs-file.ts";
export { requestPersistence } from "./devices/quota.ts";
export * from "./library.ts";
export { answerReplica, replicate } from "./replicate/later.ts";
export {
  dropReceived,
  halfReceived,
  receiveStream,
  sendStream,
} from "./stream/later.ts";

export const connectVolume: typeof pages.connectVolume = async (...given) => {
  const { connectVolume } = await import("./connect-pages.ts");
  return connectVolume(...given);
};

export const httpDevice: typeof http.httpDevice = async (...given) => {
  const { httpDevice } = await import("./devices/http.ts");
  return httpDevice(...given);
};
