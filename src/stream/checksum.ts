/** crc32c by the engine, and the sum of a whole stream: the crc of its records' crcs. */
import { calculator } from "../engine/calculator.ts";
import { crc32c } from "../engine/checksum.ts";
import type { Engine } from "../engine/engine.ts";

export class Checksum {
  readonly #engine: Engine;
  readonly #word = new Uint8Array(4);
  readonly #view = new DataView(this.#word.buffer);
  #sum = 0;
  #records = 0;
  #bytes = 0;

  constructor(module: WebAssembly.Module) {
    this.#engine = calculator(module);
  }

  /** Of `bytes`, going on from `seed`: 0, or the crc of what stands before. */
  crc(bytes: Uint8Array, seed = 0): number {
    return crc32c(this.#engine, bytes, seed);
  }

  /** A record of so many bytes has been written, or read and found good. */
  add(crc: number, bytes: number): void {
    this.#view.setUint32(0, crc, true);
    this.#sum = this.crc(this.#word, this.#sum);
    this.#records++;
    this.#bytes += bytes;
  }

  get sum(): number {
    return this.#sum;
  }
  get records(): number {
    return this.#records;
  }
  get bytes(): number {
    return this.#bytes;
  }
}
