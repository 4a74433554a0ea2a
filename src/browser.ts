/** The library in pages and their workers: what `import ... from "multisnap"` gives there. */
export type { NamedDevice } from "./connect/options.ts";
export { connectVolume, type PageOptions } from "./connect-pages.ts";
export * from "./library.ts";
