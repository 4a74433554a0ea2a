/** crc32c of a text that comes in pieces, by the engine. */
import { Engine } from "../../../engine/engine.ts";

const BUFFER = 65_536;

export class Sum {
  readonly #engine: Engine;
  #crc = 0;

  constructor(module: WebAssembly.Module) {
    this.#engine = new Engine(module, { cache: 0, journal: 4096, transfer: BUFFER, copies: 0 });
  }

  add(bytes: Uint8Array): void {
    const { u8, at, x } = this.#engine;
    for (let done = 0; done < bytes.length; done += BUFFER) {
      const part = bytes.subarray(done, done + BUFFER);
      u8.set(part, at.transfer);
      this.#crc = x.crc32c(at.transfer, part.length, this.#crc);
    }
  }

  /** In hex. */
  get text(): string {
    return (this.#crc >>> 0).toString(16).padStart(8, "0");
  }
}
