/** The library in pages and their workers: what `import ... from "multisnap"` gives there. */
export * from "./library.ts";
