/**
 * A look at every block of every slab, for what is not where it should be: blocks that lie in each
 * other's places, and leaves that a damaged inner node leads to no more.
 *
 * Memory: some bytes a block that is misplaced; `leaves` some for each leaf.
 */
import { type Task, turn } from "../../../task.ts";
import { BLOCK, READ_BLOCKS, u32At, u64At } from "./blocks.ts";
import type { MetaBlocks } from "./meta.ts";

const TURN_READS = 16;
const MISPLACED_MAX = 2 ** 20;

export class Scan {
  /** Device blocks of blocks that are not at home, by their numbers. */
  readonly misplaced = new Map<number, number>();
  readonly #meta: MetaBlocks;

  constructor(meta: MetaBlocks) {
    this.#meta = meta;
  }

  *run(): Task<void> {
    const { slabs } = this.#meta;
    const generations = new Map<number, number>();
    yield* this.walk((number, at, bytes) => {
      const generation = u64At(bytes, 16);
      const isNews = (generations.get(number) ?? -1) < generation;
      if (slabs.home(number) === at || !isNews || this.misplaced.size >= MISPLACED_MAX) return;
      generations.set(number, generation);
      this.misplaced.set(number, at);
    });
  }

  /** Every whole block of this checkpoint that lies in a slab. */
  *walk(visit: (number: number, at: number, bytes: Uint8Array) => void): Task<void> {
    const { blocks, slabs, findings } = this.#meta;
    let reads = 0;
    for (const { base, blocks: count } of slabs.all.values()) {
      for (let done = 0; done < count; done += READ_BLOCKS) {
        if (++reads % TURN_READS === 0) {
          findings.step();
          yield turn();
        }
        const bytes = yield* blocks.look(base + done, READ_BLOCKS);
        for (let i = 0; i < Math.min(READ_BLOCKS, count - done); i++) {
          const block = bytes.subarray(i * BLOCK, (i + 1) * BLOCK);
          if (this.#isWhole(block)) visit(u32At(block, 4), base + done + i, block);
        }
      }
    }
  }

  #isWhole(bytes: Uint8Array): boolean {
    return this.#meta.isOurs(bytes) && this.#meta.blocks.isWhole(bytes);
  }
}
