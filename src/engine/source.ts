/** Where the engine's code comes from, where it is not the file beside this one. */

/**
 * Bytes of `engine.wasm`, their URL, or a compiled `WebAssembly.Module` (an `object` here: not
 * everybody's types have that name).
 */
export type EngineSource = ArrayBuffer | Uint8Array<ArrayBuffer> | URL | object;

let source: EngineSource | null = null;

/**
 * For platforms that compile no bytes (a module then), and for bundlers that put the file
 * elsewhere. To be called before the first volume is opened.
 */
export function useEngine(given: EngineSource): void {
  source = given;
}

export function givenEngine(): EngineSource | null {
  return source;
}
