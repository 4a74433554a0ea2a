/**
 * What accounting and the check of data need to know of an open store in the tree: its nodes, its
 * timeline, its checksums. Nothing is changed.
 */
import type { Engine } from "../../engine/engine.ts";
import { settle, type Task } from "../../task.ts";
import type { Placed } from "./check/rules.ts";
import { Superblock } from "./layout.ts";
import type { Log } from "./log.ts";

const BLOCK = 4096;
const BLOCK_HEADER = 64;
const LIVE_FLAG = 1;
const ORIGIN = 1;

export class TreeFacts {
  readonly #engine: Engine;
  readonly #log: Log;
  readonly #super: Superblock;
  readonly #flags: number;
  readonly #id: number;
  readonly #bitShift: number;

  constructor(engine: Engine, log: Log) {
    this.#engine = engine;
    this.#log = log;
    this.#super = new Superblock(engine, engine.at.super);
    this.#flags = engine.constant("CELL_FLAGS");
    this.#id = engine.constant("CELL_ID");
    this.#bitShift = engine.constant("VIEW_BIT_SHIFT");
  }

  /**
   * All views in the order of the timeline, deleted ones that are not reclaimed yet included.
   */
  timeline(): Placed[] {
    const found: Placed[] = [];
    for (let cell = this.#engine.x.viewNext(0); cell !== 0; cell = this.#engine.x.viewNext(cell)) {
      const seat = this.#engine.u32[cell >>> 2]!;
      const id = this.#engine.u32[(cell + this.#id) >>> 2]!;
      const flags = this.#engine.u32[(cell + this.#flags) >>> 2]!;
      const bit = id === ORIGIN ? null : (flags >>> this.#bitShift) & 63;
      found.push({ id, seat, isLive: (flags & LIVE_FLAG) !== 0, bit });
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
}
