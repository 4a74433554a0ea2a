/** crc32c of a text that comes in pieces, by the engine. */
import { CALCULATOR_BYTES, calculator } from "../../../engine/calculator.ts";
import type { Engine } from "../../../engine/engine.ts";

export class Sum {
  readonly #engine: Engine;
  #crc = 0;

  constructor(module: WebAssembly.Module) {
    this.#engine = calculator(module);
  }

  add(bytes: Uint8Array): void {
    const { u8, at, x } = this.#engine;
    for (let done = 0; done < bytes.length; done += CALCULATOR_BYTES) {
      const part = bytes.subarray(done, done + CALCULATOR_BYTES);
      u8.set(part, at.transfer);
      this.#crc = x.crc32c(at.transfer, part.length, this.#crc);
    }
  }

  /** In hex. */
  get text(): string {
    return (this.#crc >>> 0).toString(16).padStart(8, "0");
  }
}
