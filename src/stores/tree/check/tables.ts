/**
 * The tables stream: where slabs lie, which metadata blocks are in use, and the groups of the space
 * map. Where it cannot be read, slabs are found by a search of the device, and the rest follows
 * from the tree.
 *
 * Memory: some bytes a group and a slab, a bit a metadata block.
 */
import type { Task } from "../../../task.ts";
import { BLOCK, u32At } from "./blocks.ts";
import { HEADER, type MetaBlocks } from "./meta.ts";
import { findSlabs } from "./search.ts";
import { chainOf, readStream, type Stream, type TakeWord } from "./stream.ts";

/** The most groups and slabs that there are: what a program's memory has room for. */
const TABLE_MAX = 2 ** 21;
/** Device blocks have 47 bits. */
const BLOCK_MAX = 2 ** 47;

/** A word a group: its block (0: none), and its free chunks. */
export interface Groups {
  blocks: Uint32Array;
  free: Uint32Array;
}

/** Fills the slabs of `meta`; answers the groups, null where the stream is lost. */
export function* readTables(meta: MetaBlocks): Task<Groups | null> {
  const { blocks, image, findings, slabs } = meta;
  const stream: Stream = {
    where: "tables",
    type: blocks.constant("TYPE_TABLES"),
    first: image.u64("SUPER_TABLES"),
    words: image.u64("SUPER_TABLES_WORDS"),
  };
  const size = sizeProblem(meta, stream.words);
  if (size !== null) {
    findings.problem("tables", `${size}: slabs are searched for`);
    yield* findSlabs(meta);
    return null;
  }
  const chain = yield* chainOf(blocks, stream, (bytes) => meta.isOurs(bytes));
  const first = new Tables(meta);
  const isWhole = chain?.every(({ bytes }) => first.takeBlock(bytes)) ?? false;
  if (isWhole && chain?.every(({ number, at }) => slabs.home(number) === at)) {
    // Once more, and blocks are met and flipped bits reported.
    const again = new Tables(meta, true);
    yield* readStream(meta, stream, (low, high) => again.take(low, high));
    return first.groups;
  }
  findings.problem("tables", "the tables cannot be read: slabs are searched for");
  yield* findSlabs(meta);
  const found = new Tables(meta, true);
  const isRead = yield* readStream(meta, stream, (low, high) => found.take(low, high));
  return isRead ? found.groups : null;
}

/** The stream's length is that of what the superblock says is in it. */
function sizeProblem(meta: MetaBlocks, words: number): string | null {
  const { image, slabs, blocks } = meta;
  const groups = image.u32("SUPER_GROUPS");
  const count = image.u32("SUPER_SLABS");
  if (groups > TABLE_MAX || count > TABLE_MAX || count === 0) {
    return `${groups} groups and ${count} slabs: more than there can be`;
  }
  // No more is believed than the device has room for.
  if (words * 8 > blocks.size * BLOCK) return `the stream has ${words} words`;
  const wanted = 1 + groups + count + (count * slabs.size) / 64;
  return words === wanted ? null : `the stream has ${words} words, not ${wanted}`;
}

class Tables {
  readonly groups: Groups;
  readonly #meta: MetaBlocks;
  readonly #slabs: number;
  readonly #bits: Uint32Array;
  readonly #keep: boolean;
  #index = -1;

  /** `keep`: slabs that are known already stay where they are. */
  constructor(meta: MetaBlocks, keep = false) {
    this.#meta = meta;
    this.#keep = keep;
    const groups = meta.image.u32("SUPER_GROUPS");
    this.#slabs = meta.image.u32("SUPER_SLABS");
    this.groups = { blocks: new Uint32Array(groups), free: new Uint32Array(groups) };
    this.#bits = new Uint32Array((this.#slabs * meta.slabs.size) / 32);
    if (!keep) meta.slabs.clear();
  }

  /** Whether all words of a block are as they must be. */
  takeBlock(bytes: Uint8Array): boolean {
    const count = u32At(bytes, 8) >>> 16;
    for (let i = 0; i < count; i++) {
      const at = HEADER + 8 * i;
      if (this.take(u32At(bytes, at), u32At(bytes, at + 4)) !== null) return false;
    }
    return true;
  }

  take: TakeWord = (low, high) => {
    const index = this.#index++;
    const groups = this.groups.blocks.length;
    if (index < 0) {
      const isHead = low === groups && high === this.#slabs;
      return isHead ? null : "the numbers of groups and slabs are not the superblock's";
    }
    if (index < groups) {
      this.groups.blocks[index] = low;
      this.groups.free[index] = high;
      const isEven = low !== 0 || high === 0 || high === this.#meta.blocks.constant("GROUP_CHUNKS");
      return isEven ? null : `group ${index} has no block and ${high} free chunks`;
    }
    if (index < groups + this.#slabs) return this.#takeSlab(index - groups, low, high);
    const word = 2 * (index - groups - this.#slabs);
    this.#bits[word] = low;
    this.#bits[word + 1] = high;
    if (word + 2 === this.#bits.length) this.#meta.slabs.know(this.#bits);
    return null;
  };

  #takeSlab(index: number, low: number, high: number): string | null {
    if (low === 0 && high === 0) return null;
    const { image, slabs } = this.#meta;
    const blocks = low & 0xffff;
    const base = high * 2 ** 16 + (low >>> 16);
    const wrong =
      blocks === 0 ||
      blocks > slabs.size ||
      base + blocks > BLOCK_MAX ||
      base < image.fixedChunks * image.blocksPerChunk ||
      base % image.blocksPerChunk !== 0 ||
      blocks % image.blocksPerChunk !== 0;
    if (wrong) return `slab ${index} of ${blocks} blocks at device block ${base}`;
    if (!this.#keep) slabs.add(index, base, blocks);
    return null;
  }
}
