/** crc32c by the engine, and the sum of a whole stream: the crc of its records' crcs. */
import { CALCULATOR_BYTES, calculator } from "../engine/calculator.ts";
import type { Engine } from "../engine/engine.ts";

export class Checksum {
  readonly #engine: Engine;
  readonly #word = new DataView(new ArrayBuffer(4));
  #sum = 0;
  #records = 0;
  #bytes = 0;

  constructor(module: WebAssembly.Module) {
    this.#engine = calculator(module);
  }

  /** Of `bytes`, going on from `seed`: 0, or the crc of what stands before. */
  crc(bytes: Uint8Array, seed = 0): number {
    const { u8, at, x } = this.#engine;
    let crc = seed;
    for (let done = 0; done < bytes.length; done += CALCULATOR_BYTES) {
      const part = bytes.subarray(done, done + CALCULATOR_BYTES);
      u8.set(part, at.transfer);
      crc = x.crc32c(at.transfer, part.length, crc);
    }
    return crc >>> 0;
  }

  /** A record of so many bytes has been written, or read and found good. */
  add(crc: number, bytes: number): void {
    this.#word.setUint32(0, crc, true);
    this.#sum = this.crc(new Uint8Array(this.#word.buffer), this.#sum);
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
