/** A bit for each of many numbers, in pages that are made when the first bit in them is set. */
export class Bits {
  /** Bits that are set. */
  count = 0;
  readonly #pageBits: number;
  readonly #pages = new Map<number, Uint8Array>();

  /** `pageBits`: a multiple of 32. */
  constructor(pageBits = 32768) {
    this.#pageBits = pageBits;
  }

  /** The bits of page `number`, 32 a word, or null where none is set. */
  words(number: number): Uint32Array | null {
    const page = this.#pages.get(number);
    return page ? new Uint32Array(page.buffer) : null;
  }

  get(index: number): boolean {
    const page = this.#pages.get(Math.floor(index / this.#pageBits));
    if (page === undefined) return false;
    const bit = index % this.#pageBits;
    return ((page[bit >>> 3]! >>> (bit & 7)) & 1) !== 0;
  }

  /** Sets a bit; answers whether it was set before. */
  set(index: number): boolean {
    return this.setRun(index, 1) >= 0;
  }

  /** Sets `count` bits; answers the first that was set before, or -1. */
  setRun(first: number, count: number): number {
    let before = -1;
    const end = first + count;
    for (let at = first; at < end; ) {
      const number = Math.floor(at / this.#pageBits);
      const page = this.#make(number);
      const from = at - number * this.#pageBits;
      const to = Math.min(end - number * this.#pageBits, this.#pageBits);
      for (let bit = from; bit < to; ) {
        const byte = bit >>> 3;
        const isWhole = (bit & 7) === 0 && bit + 8 <= to && page[byte] === 0;
        if (isWhole) {
          page[byte] = 255;
          bit += 8;
          this.count += 8;
          continue;
        }
        const mask = 1 << (bit & 7);
        if (page[byte]! & mask) {
          if (before < 0) before = number * this.#pageBits + bit;
        } else {
          page[byte]! |= mask;
          this.count++;
        }
        bit++;
      }
      at = number * this.#pageBits + to;
    }
    return before;
  }

  #make(number: number): Uint8Array {
    let page = this.#pages.get(number);
    if (page === undefined) {
      page = new Uint8Array(this.#pageBits / 8);
      this.#pages.set(number, page);
    }
    return page;
  }
}

/** Bits that are set in a word of 32. */
export function countBits(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
