/**
 * An engine of the least size for each module, for whoever needs a checksum or what a superblock
 * says. It is shared: nothing is left in it from one step of a task to the next.
 */
import { Engine } from "./engine.ts";

/** Bytes of its transfer buffer. */
export const CALCULATOR_BYTES = 256 * 1024;

const BLOCK = 4096;
const calculators = new WeakMap<WebAssembly.Module, Engine>();

export function calculator(module: WebAssembly.Module): Engine {
  let engine = calculators.get(module);
  if (!engine) {
    const sizes = { cache: 64 * BLOCK, journal: BLOCK, transfer: CALCULATOR_BYTES, copies: 0 };
    engine = new Engine(module, sizes);
    calculators.set(module, engine);
  }
  return engine;
}
