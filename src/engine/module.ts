/** The compiled engine: one per process, whatever the number of volumes. */
import { readBytes } from "../devices/bytes.ts";

let compiled: Promise<WebAssembly.Module> | null = null;

/** Compiles `engine.wasm`, which lies beside this file, once. */
export function engineModule(): Promise<WebAssembly.Module> {
  compiled ??= readBytes(new URL("./engine.wasm", import.meta.url)).then((bytes) =>
    WebAssembly.compile(bytes),
  );
  return compiled;
}
