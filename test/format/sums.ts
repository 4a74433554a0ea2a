/** The sum map of a store, as FORMAT.md says (sections 5, 6 and 9): checksums by place. */
import { BLOCK, crc32c, HEADER, must, type StoreBlocks } from "./blocks.ts";
import type { Operation } from "./journal.ts";

const SUM_PLACES = 1008;
const OP_MAP = 1;
const OP_COPY_OUT = 2;
const OP_SUMS = 10;
const FLAG_HOLE = 2;
const OP_AGAIN = 8;

export class Sums {
  /** Whether the store has the feature. */
  readonly isThere: boolean;
  readonly #store: StoreBlocks;
  readonly #sums = new Map<number, number>();

  /** Those of the checkpoint. */
  constructor(store: StoreBlocks) {
    this.#store = store;
    this.isThere = (store.field(20) & 1) === 1;
    const groups = this.isThere ? store.field(200) : 0;
    must(groups > 0 || store.longField(208) === 0, "a sums stream without groups");
    if (groups === 0) return;
    const words = store.stream("SIDX", 208, groups);
    for (const [group, at] of words.entries()) this.#readGroup(group, at);
  }

  #readGroup(group: number, word: number): void {
    const { bytes } = this.#store;
    const block = bytes.getUint32(word, true);
    const count = bytes.getUint32(word + 4, true);
    must((block === 0) === (count === 0), `sums of group ${group}`);
    if (block === 0) return;
    const at = this.#store.blockAt(block);
    this.#store.openBlock(at, "SUMS", 0);
    let found = 0;
    for (let i = 0; i < (BLOCK - HEADER) / 4; i++) {
      const sum = bytes.getUint32(at + HEADER + i * 4, true);
      if (sum === 0) continue;
      found++;
      this.#sums.set(group * SUM_PLACES + i, sum);
    }
    must(found === count, `number of sums of group ${group}`);
  }

  apply({ kind, flags, count, place, sums }: Operation): void {
    if (kind === OP_SUMS) {
      must(this.isThere && count >= 1 && count <= 64, "sums in a journal");
      for (const [i, sum] of sums.entries()) if (sum !== 0) this.#sums.set(place + i, sum);
    }
    const isTaken =
      (kind === OP_MAP || kind === OP_COPY_OUT) && (flags & (FLAG_HOLE | OP_AGAIN)) === 0;
    if (isTaken) for (let i = 0; i < count; i++) this.#sums.delete(place + i);
  }

  has(place: number): boolean {
    return this.#sums.has(place);
  }

  /** Whether a place that a view sees holds what its sum says. */
  isRight(place: number, chunk: number): boolean {
    const sum = this.#sums.get(place);
    return sum === undefined || sum === (crc32c(this.#store.slice(place * chunk, chunk)) || 1);
  }
}
