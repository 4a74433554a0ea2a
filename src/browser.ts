/** The library in pages and their workers: what `import ... from "multisnap"` gives there. */
export type { NamedDevice, TabsOptions } from "./connect/options.ts";
export { type ConnectedVolume, connectVolume, type PageOptions } from "./connect-pages.ts";
export { exportCow, importCows } from "./convert/later.ts";
export { type OpfsDeviceOptions, opfsDevice } from "./devices/opfs.ts";
export { removeOpfs } from "./devices/opfs-file.ts";
export { requestPersistence } from "./devices/quota.ts";
export * from "./library.ts";
