/**
 * The lower half of the reader: superblock, metadata blocks, streams and tables of a store, from
 * what FORMAT.md says alone (sections 1 to 3, 5 and 6).
 */

export const BLOCK = 4096;
export const HEADER = 64;
export const GROUP_CHUNKS = 32256;
const KIND_RANGE = 1;
const KIND_BITMAP = 2;

interface Slab {
  /** Device block. */
  base: number;
  blocks: number;
}

export class StoreBlocks {
  readonly bytes: DataView;
  readonly slabs: Slab[] = [];
  readonly groups: { block: number; free: number }[] = [];
  /** Metadata blocks in use, as the tables say. */
  readonly inUse = new Set<number>();
  /** Metadata blocks that something led to. */
  readonly met = new Set<number>([0]);
  readonly #super: number;

  constructor(store: Uint8Array) {
    this.bytes = new DataView(store.buffer, store.byteOffset, store.byteLength);
    this.#super = this.#chooseSuperblock();
    const kind = this.field(60);
    must(kind === KIND_RANGE || kind === KIND_BITMAP, `kind ${kind}`);
    this.#readTables();
  }

  /** A number of the superblock: u32, or u64. */
  field(offset: number): number {
    return this.bytes.getUint32(this.#super + offset, true);
  }

  longField(offset: number): number {
    return this.long(this.#super + offset);
  }

  long(at: number): number {
    return Number(this.bytes.getBigUint64(at, true));
  }

  /** Number in the upper 48 bits of the word at `at`. */
  upper(at: number): number {
    return Number(this.bytes.getBigUint64(at, true) >> 16n);
  }

  /** Bytes of the store. */
  slice(at: number, length: number): Uint8Array {
    return new Uint8Array(this.bytes.buffer, this.bytes.byteOffset + at, length);
  }

  get isBitmap(): boolean {
    return this.field(60) === KIND_BITMAP;
  }

  /** 0 inline origin, 1 inline on a base, 2 attached. */
  get mode(): number {
    return this.field(80);
  }

  get uuid(): string {
    return Buffer.from(this.slice(this.#super + 32, 16)).toString("hex");
  }

  /** Whether the u64 at `at` is the first half of the store's uuid. */
  isOfStore(at: number): boolean {
    return this.bytes.getBigUint64(at, true) === this.bytes.getBigUint64(this.#super + 32, true);
  }

  #chooseSuperblock(): number {
    const good = [0, 1].filter((slot) => this.#isSuperblock(slot));
    good.sort((a, b) => this.long(a * BLOCK + 48) - this.long(b * BLOCK + 48));
    const newest = good.at(-1);
    if (newest === undefined) throw new Error("there is no superblock");
    return newest * BLOCK;
  }

  #isSuperblock(slot: number): boolean {
    const at = slot * BLOCK;
    const image = this.slice(at, BLOCK).slice();
    if (Buffer.from(image.subarray(0, 8)).toString() !== "MULTISNP") return false;
    image.fill(0, 12, 16);
    const right = crc32c(image) === this.bytes.getUint32(at + 12, true);
    const slotIs = this.bytes.getUint32(at + 28, true);
    const version = this.bytes.getUint32(at + 8, true);
    return (
      right && slotIs === slot && version === 1 && (this.bytes.getUint32(at + 24, true) & ~7) === 0
    );
  }

  // ---- metadata blocks

  blockAt(number: number): number {
    const shift = this.#slabShift();
    const slab = this.slabs[number >>> shift];
    const index = number & (2 ** shift - 1);
    if (!slab || index >= slab.blocks) throw new Error(`block ${number} lies in no slab`);
    return (slab.base + index) * BLOCK;
  }

  /** Checks the header of a block at byte `at`; answers its count. */
  openBlock(at: number, type: string, level: number): number {
    const image = this.slice(at, BLOCK);
    const number = this.bytes.getUint32(at + 4, true);
    must(crc32c(image.subarray(4)) === this.bytes.getUint32(at, true), `crc of block ${number}`);
    must(Buffer.from(image.subarray(12, 16)).toString() === type, `type of block ${number}`);
    must(this.bytes.getUint16(at + 8, true) === level, `level of block ${number}`);
    must(this.long(at + 16) <= this.longField(48), `generation of block ${number}`);
    must(this.isOfStore(at + 24), `store of block ${number}`);
    must(!this.met.has(number), `block ${number} is met twice`);
    this.met.add(number);
    return this.bytes.getUint16(at + 10, true);
  }

  /**
   * Where each word of a stream lies; `field` is the superblock's offset of its first block, and
   * behind that the number of words stands, if it is not said.
   */
  stream(type: string, field: number, total = this.longField(field + 8)): number[] {
    const words: number[] = [];
    let at = this.longField(field) * BLOCK;
    while (words.length < total) {
      const count = this.openBlock(at, type, 0);
      must(count === Math.min(504, total - words.length), "words of a stream's block");
      for (let i = 0; i < count; i++) words.push(at + HEADER + i * 8);
      at = this.long(at + 32) * BLOCK;
    }
    must(at === 0, "end of a stream");
    return words;
  }

  #readTables(): void {
    const words = this.stream("TABL", 120);
    const head = words[0] as number;
    const groups = this.bytes.getUint32(head, true);
    const slabs = this.bytes.getUint32(head + 4, true);
    must(groups === this.field(192) && slabs === this.field(196), "numbers of groups and slabs");
    for (const at of words.slice(1, 1 + groups)) {
      const block = this.bytes.getUint32(at, true);
      this.groups.push({ block, free: this.bytes.getUint32(at + 4, true) });
    }
    for (const at of words.slice(1 + groups, 1 + groups + slabs)) {
      this.slabs.push({ base: this.upper(at), blocks: this.bytes.getUint16(at, true) });
    }
    const bits = words.slice(1 + groups + slabs);
    const blocks = slabs * 2 ** this.#slabShift();
    must(bits.length === blocks / 64, "words of bits");
    for (let number = 0; number < blocks; number++) {
      const at = bits[number >>> 6] as number;
      const used = (this.bytes.getUint8(at + ((number >>> 3) & 7)) >>> (number & 7)) & 1;
      const { blocks: there } = this.slabs[Math.floor((number * slabs) / blocks)] as Slab;
      const exists = number % (blocks / slabs) < there;
      must(used === 1 || exists, `block ${number} is not there and free`);
      if (used && exists) this.inUse.add(number);
    }
    must(this.inUse.size === this.field(176), "metadata blocks in use");
  }

  #slabShift(): number {
    return Math.max(6, this.field(56) - 12);
  }
}

export function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`not as FORMAT.md says: ${what}`);
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (CRC_TABLE[(crc ^ byte) & 255] as number) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
