/** crc32c of a text that comes in pieces, by the engine. */
import { calculator } from "../../../engine/calculator.ts";
import { crc32c } from "../../../engine/checksum.ts";
import type { Engine } from "../../../engine/engine.ts";

export class Sum {
  readonly #engine: Engine;
  #crc = 0;

  constructor(module: WebAssembly.Module) {
    this.#engine = calculator(module);
  }

  add(bytes: Uint8Array): void {
    this.#crc = crc32c(this.#engine, bytes, this.#crc);
  }

  /** In hex. */
  get text(): string {
    return this.#crc.toString(16).padStart(8, "0");
  }
}
