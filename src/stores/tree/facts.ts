/**
 * What check and accounting need to know of a store in the tree: its blocks, its space map, its
 * timeline. Nothing is changed.
 */
import type { Engine } from "../../engine/engine.ts";
import { settle, type Task } from "../../task.ts";
import { Superblock } from "./layout.ts";
import type { Log } from "./log.ts";

const BLOCK = 4096;
const BLOCK_HEADER = 64;
const GROUP_CHUNKS = 32256;
const LIVE_FLAG = 1;
const ORIGIN = 1;

/** Chunks `first` .. `first + count - 1` of the store, and which of them are in use. */
export interface SpaceGroup {
  first: number;
  count: number;
  /** Block of the bitmap, 0 where all are used or all are free. */
  block: number;
  isUsed(index: number): boolean;
}

export class TreeFacts {
  readonly #engine: Engine;
  readonly #log: Log;
  readonly #super: Superblock;
  readonly #held: number;
  readonly #flags: number;
  readonly #bitShift: number;

  constructor(engine: Engine, log: Log) {
    this.#engine = engine;
    this.#log = log;
    this.#super = new Superblock(engine, engine.at.super);
    this.#held = engine.constant("HELD_CHUNKS");
    this.#flags = engine.constant("CELL_FLAGS");
    this.#bitShift = engine.constant("VIEW_BIT_SHIFT");
  }

  /**
   * All views in the order of the timeline, deleted ones that are not reclaimed yet included.
   * `bit`: a snapshot's in the masks of a bitmap store.
   */
  timeline(): { id: number; isLive: boolean; bit: number | null }[] {
    const found: { id: number; isLive: boolean; bit: number | null }[] = [];
    for (let cell = this.#engine.x.viewNext(0); cell !== 0; cell = this.#engine.x.viewNext(cell)) {
      const id = this.#engine.u32[cell >>> 2]!;
      const flags = this.#engine.u32[(cell + this.#flags) >>> 2]!;
      const bit = id === ORIGIN ? null : (flags >>> this.#bitShift) & 63;
      found.push({ id, isLive: (flags & LIVE_FLAG) !== 0, bit });
    }
    return found;
  }

  /** Block of the tree's root, 0 for an empty tree. */
  root(): number {
    return this.#super.u32("SUPER_ROOT");
  }
  treeHeight(): number {
    return this.#super.u32("SUPER_HEIGHT");
  }
  /** Metadata blocks in use: the tree has fewer nodes. */
  metadataBlocks(): number {
    return this.#super.u32("SUPER_META");
  }

  /** What is wrong with the two superblocks, one sentence each. */
  *readSupers(): Task<string[]> {
    const engine = this.#engine;
    const problems: string[] = [];
    for (const slot of [0, 1]) {
      const at = engine.at.transfer;
      yield* settle(engine.device.read(engine.u8, at, BLOCK, slot * BLOCK));
      const image = engine.u8.subarray(at, at + BLOCK);
      // The one that no checkpoint has written yet.
      const unused = this.#super.u64("SUPER_GENERATION") === 1 && slot === 0;
      if (unused && image.every((byte) => byte === 0)) continue;
      const sound = engine.x.superCheck(at, slot) === 0;
      if (!sound) problems.push(`superblock ${slot} is damaged; the other one serves`);
    }
    return problems;
  }

  /** A copy of a metadata block, verified. */
  *readBlock(block: number): Task<Uint8Array> {
    for (;;) {
      yield* this.#log.gate(null);
      const status = this.#engine.x.peekBlock(block);
      if (status === 1) {
        return this.#engine.u8.slice(this.#engine.at.transfer, this.#engine.at.transfer + BLOCK);
      }
      yield* settle(this.#engine.serve(status));
    }
  }

  isBlock(block: number): boolean {
    return this.#engine.x.isBlock(block) !== 0;
  }

  streamBlocks(): number[] {
    const found: number[] = [];
    for (const kind of [0, 1, 2]) {
      for (let i = 0; ; i++) {
        const block = this.#engine.x.streamBlock(kind, i);
        if (block === 0) break;
        found.push(block);
      }
    }
    return found;
  }

  /** Blocks of the sum map. */
  sumBlocks(): number[] {
    const groups = this.#super.u32("SUPER_SUM_GROUPS");
    const blocks = Array.from({ length: groups }, (_, i) => this.#engine.x.sumBlock(i));
    return blocks.filter((block) => block !== 0);
  }

  /** Checksums of the places of a group of the sum map; null: none has one. */
  *readSums(group: number): Task<Uint32Array | null> {
    const block = this.#engine.x.sumBlock(group);
    if (block === 0) return null;
    const bytes = yield* this.readBlock(block);
    return new Uint32Array(bytes.buffer, BLOCK_HEADER);
  }

  /** Chunks up to the highest in use. */
  spaceTop(): number {
    return this.#super.u64("SUPER_TOP");
  }
  /** Freed places that wait for a commit. */
  heldChunks(): number {
    return this.#engine.u64At(this.#held);
  }

  /** Runs of chunks that superblocks, journal and metadata take. */
  ownPlaces(): { place: number; count: number }[] {
    const perChunk = 2 ** this.#super.u32("SUPER_CHUNK_SHIFT") / BLOCK;
    const fixed = Math.ceil((2 + 2 * this.#super.u32("SUPER_AREA_BLOCKS")) / perChunk);
    const places = [{ place: 0, count: fixed }];
    for (let i = 0; i < this.#super.u32("SUPER_SLABS"); i++) {
      const base = this.#engine.x.slabBase(i);
      const count = this.#engine.x.slabCount(i);
      if (count > 0) places.push({ place: base / perChunk, count: count / perChunk });
    }
    return places;
  }

  /** The space map around a place. */
  *readGroup(place: number): Task<SpaceGroup> {
    const index = Math.floor(place / GROUP_CHUNKS);
    const block = this.#engine.x.groupBlock(index);
    const allFree = this.#engine.x.groupFree(index) === GROUP_CHUNKS;
    const bytes = block === 0 ? null : yield* this.readBlock(block);
    return {
      first: index * GROUP_CHUNKS,
      count: GROUP_CHUNKS,
      block,
      isUsed: (bit) =>
        bytes ? ((bytes[BLOCK_HEADER + (bit >>> 3)]! >>> (bit & 7)) & 1) !== 0 : !allFree,
    };
  }
}
