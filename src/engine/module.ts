/** The compiled engine: one per process, whatever the number of volumes. */
import { readBytes } from "../devices/bytes.ts";
import { MultisnapError } from "../errors.ts";
import { type EngineSource, givenEngine } from "./source.ts";

let compiled: Promise<WebAssembly.Module> | null = null;
/** What it was made of. */
let from: EngineSource | null = null;

/**
 * Compiles `engine.wasm`, which lies beside this file, or what `useEngine` was given, once. A
 * failure is not kept: the next call tries again. Errors: `Unsupported`.
 */
export function engineModule(): Promise<WebAssembly.Module> {
  const given = givenEngine();
  if (given !== from) compiled = null;
  from = given;
  compiled ??= compile(given).catch((cause) => {
    compiled = null;
    throw new MultisnapError(
      "Unsupported",
      `the engine cannot be loaded: ${cause.message}; give useEngine the bytes of engine.wasm, ` +
        "their URL or a compiled module",
      { cause },
    );
  });
  return compiled;
}

async function compile(given: EngineSource | null): Promise<WebAssembly.Module> {
  const source = given ?? new URL("./engine.wasm", import.meta.url);
  if (source instanceof WebAssembly.Module) return source;
  if (source instanceof URL) return WebAssembly.compile(await readBytes(source));
  return WebAssembly.compile(source as BufferSource);
}
