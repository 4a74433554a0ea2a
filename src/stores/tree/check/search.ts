/**
 * A search of the whole device for slabs, where the tables are lost: each metadata block says which
 * number it has, so where its slab begins. Most of the newest blocks of a slab decide.
 *
 * Memory: some bytes a block that is found.
 */
import { type Task, turn } from "../../../task.ts";
import { BLOCK, READ_BLOCKS, u32At, u64At } from "./blocks.ts";
import type { MetaBlocks } from "./meta.ts";

/** Reads between two looks at what else there is to do. */
const TURN_READS = 16;
/** Blocks that are kept in mind at most. */
const BLOCKS_MAX = 2 ** 22;

/** What the newest version of a block says. */
interface Guess {
  base: number;
  generation: number;
}

export function* findSlabs(meta: MetaBlocks): Task<void> {
  const { blocks, image } = meta;
  const guesses = new Map<number, Guess>();
  const first = image.fixedChunks * image.blocksPerChunk;
  let reads = 0;
  for (let at = first; at < blocks.size; at += READ_BLOCKS) {
    if (++reads % TURN_READS === 0) {
      meta.findings.step();
      yield turn();
    }
    const bytes = yield* blocks.look(at, READ_BLOCKS);
    for (let i = 0; i < READ_BLOCKS; i++) {
      const block = bytes.subarray(i * BLOCK, (i + 1) * BLOCK);
      if (isBlock(meta, block)) guess(meta, guesses, block, at + i);
    }
  }
  decide(meta, guesses);
}

/** Cheap tests come first: most of a device is data. */
function isBlock(meta: MetaBlocks, bytes: Uint8Array): boolean {
  return meta.isOurs(bytes) && u32At(bytes, 4) !== 0 && meta.blocks.isWhole(bytes);
}

function guess(meta: MetaBlocks, guesses: Map<number, Guess>, bytes: Uint8Array, at: number): void {
  const { image, slabs } = meta;
  const number = u32At(bytes, 4);
  const base = at - (number % slabs.size);
  if (base < image.fixedChunks * image.blocksPerChunk || base % image.blocksPerChunk !== 0) return;
  const generation = u64At(bytes, 16);
  const known = guesses.get(number);
  if (known && known.generation >= generation) return;
  if (known || guesses.size < BLOCKS_MAX) guesses.set(number, { base, generation });
}

/** Of each slab the place that most of its blocks have. */
function decide({ slabs }: MetaBlocks, guesses: ReadonlyMap<number, Guess>): void {
  slabs.clear();
  const votes = new Map<number, Map<number, number>>();
  for (const [number, { base }] of guesses) {
    const index = Math.floor(number / slabs.size);
    const bases = votes.get(index) ?? new Map<number, number>();
    bases.set(base, (bases.get(base) ?? 0) + 1);
    votes.set(index, bases);
  }
  for (const [index, bases] of votes) {
    const [best] = [...bases].sort((a, b) => b[1] - a[1]);
    slabs.add(index, best![0], slabs.size);
  }
}
