/** The library under Node, Deno and Bun: what `import ... from "multisnap"` gives. */
export type { NamedDevice } from "./connect/options.ts";
export { connectVolume, type ThreadOptions } from "./connect-threads.ts";
export { type FileDeviceOptions, fileDevice } from "./devices/file.ts";
export * from "./library.ts";
