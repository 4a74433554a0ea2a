/**
 * What a run did, as one number: two runs of one seed have the same, in whatever process (I11).
 * FNV-1a over words; bytes go in as their crc.
 */
import { crc32 } from "node:zlib";

export class Digest {
  #high = 0x811c9dc5;
  #low = 0xcbf29ce4;

  words(...words: number[]): void {
    for (const word of words) {
      this.#high = Math.imul(this.#high ^ (word >>> 0), 0x01000193) >>> 0;
      this.#low = (Math.imul(this.#low ^ this.#high, 0x01000193) + 0x9e3779b9) >>> 0;
    }
  }

  bytes(bytes: Uint8Array): void {
    this.words(bytes.length, crc32(bytes));
  }

  text(text: string): void {
    this.bytes(Buffer.from(text));
  }

  /** 16 hexadecimal digits. */
  get hex(): string {
    const word = (value: number) => value.toString(16).padStart(8, "0");
    return word(this.#high) + word(this.#low);
  }
}
