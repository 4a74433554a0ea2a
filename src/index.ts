/** The library under Node, Deno and Bun: what `import ... from "multisnap"` gives. */
export { type FileDeviceOptions, fileDevice } from "./devices/file.ts";
export * from "./library.ts";
