/**
 * A search of the whole device for slabs, where the tables are lost: each metadata block says which
 * number it has, so where its slab begins.
 *
 * Memory: some bytes a slab that is found.
 */
import type { Task } from "../../../task.ts";
import { BLOCK, READ_BLOCKS, u32At, u64At } from "./blocks.ts";
import type { MetaBlocks } from "./meta.ts";

/** Reads between two looks at what else there is to do. */
const TURN_READS = 16;
/** Slabs that are believed at most: hostile blocks could name any number. */
const SLABS_MAX = 2 ** 20;

/** What is known of a slab: the newest of its blocks says where it lies. */
interface Guess {
  base: number;
  generation: number;
  blocks: number;
}

export function* findSlabs(meta: MetaBlocks): Task<void> {
  const { blocks, image, slabs } = meta;
  slabs.clear();
  const guesses = new Map<number, Guess>();
  const first = image.fixedChunks * image.blocksPerChunk;
  let reads = 0;
  for (let at = first; at < blocks.size; at += READ_BLOCKS) {
    if (++reads % TURN_READS === 0) meta.findings.step();
    const bytes = yield* blocks.look(at, READ_BLOCKS);
    for (let i = 0; i < READ_BLOCKS; i++) {
      const block = bytes.subarray(i * BLOCK, (i + 1) * BLOCK);
      if (isBlock(meta, block)) guess(meta, guesses, block, at + i);
    }
  }
  for (const [index, { base, blocks: count }] of guesses) slabs.add(index, base, count);
}

/** Cheap tests come first: most of a device is data. */
function isBlock(meta: MetaBlocks, bytes: Uint8Array): boolean {
  return meta.isOurs(bytes) && u32At(bytes, 4) !== 0 && meta.blocks.isWhole(bytes);
}

function guess(meta: MetaBlocks, guesses: Map<number, Guess>, bytes: Uint8Array, at: number): void {
  const { image, slabs } = meta;
  const number = u32At(bytes, 4);
  const index = Math.floor(number / slabs.size);
  const base = at - (number % slabs.size);
  if (base < image.fixedChunks * image.blocksPerChunk || base % image.blocksPerChunk !== 0) return;
  const generation = u64At(bytes, 16);
  const known = guesses.get(index);
  if (known && known.base !== base && known.generation >= generation) return;
  const blocks = slabs.size;
  if (known || guesses.size < SLABS_MAX) guesses.set(index, { base, generation, blocks });
}
