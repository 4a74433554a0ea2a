/**
 * Where slabs lie, and which metadata blocks are in use: what the tables stream says of metadata,
 * or a search of the device.
 *
 * Memory: some bytes a slab, a bit a block.
 */
export class Slabs {
  /** Blocks of a whole slab. */
  readonly size: number;
  readonly #slabs = new Map<number, { base: number; blocks: number }>();
  /** Words of 32 blocks, 1 in use; null: not known. */
  #bits: Uint32Array | null = null;

  constructor(size: number) {
    this.size = size;
  }

  /** `base`: device block. */
  add(index: number, base: number, blocks: number): void {
    this.#slabs.set(index, { base, blocks });
  }

  clear(): void {
    this.#slabs.clear();
    this.#bits = null;
  }

  know(bits: Uint32Array): void {
    this.#bits = bits;
  }

  /** Whether it is known which blocks are in use. */
  get isKnown(): boolean {
    return this.#bits !== null;
  }

  get all(): ReadonlyMap<number, { base: number; blocks: number }> {
    return this.#slabs;
  }

  /** Device block of a metadata block; -1: it lies in no slab. */
  home(number: number): number {
    const slab = this.#slabs.get(Math.floor(number / this.size));
    const index = number % this.size;
    return number === 0 || slab === undefined || index >= slab.blocks ? -1 : slab.base + index;
  }

  /** Number of the metadata block at a device block; -1: no slab has it. O(slabs). */
  numberAt(at: number): number {
    for (const [index, { base, blocks }] of this.#slabs) {
      if (at >= base && at < base + blocks) return index * this.size + (at - base);
    }
    return -1;
  }

  /** How many blocks that lie in slabs may be in use. O(blocks). */
  get used(): number {
    let used = 0;
    for (const [index, { blocks }] of this.#slabs) {
      const first = index * this.size;
      for (let number = Math.max(1, first); number < first + blocks; number++) {
        if (this.isUsed(number)) used++;
      }
    }
    return used;
  }

  /** Whether a block may be in use: for all that is known. */
  isUsed(number: number): boolean {
    if (this.#bits === null) return true;
    return ((this.#bits[number >>> 5] ?? 0) >>> (number & 31)) % 2 === 1;
  }
}
