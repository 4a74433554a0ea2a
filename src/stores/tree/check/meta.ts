/**
 * The metadata blocks of one checkpoint, by number: each is read from where its slab has it; one
 * that is not there is looked for in the other blocks' places. What is wrong is reported here.
 *
 * Memory: a bit a block (those that were met), and what the tables say of slabs.
 */
import type { Task } from "../../../task.ts";
import { Bits } from "./bits.ts";
import { BLOCK, type Blocks, u32At, u64At } from "./blocks.ts";
import type { Findings } from "./findings.ts";
import { Scan } from "./scan.ts";
import type { Slabs } from "./slabs.ts";
import type { SuperImage } from "./supers.ts";

export const HEADER = 64;

/** What a block is part of, as problems are reported. */
export type Where = "tree" | "space" | "tables" | "views" | "sums";

export class MetaBlocks {
  readonly blocks: Blocks;
  readonly image: SuperImage;
  readonly findings: Findings;
  readonly slabs: Slabs;
  /** Chunks of the device: no place at or behind it has data. */
  readonly end: number;
  /** Numbers of the blocks that something led to. */
  readonly met = new Bits();
  /** Of those, the ones that cannot be read. */
  readonly damaged = new Bits();
  readonly #store: number;
  #scan: Scan | null = null;

  constructor(blocks: Blocks, image: SuperImage, findings: Findings, slabs: Slabs) {
    this.blocks = blocks;
    this.image = image;
    this.findings = findings;
    this.slabs = slabs;
    this.end = Math.ceil(blocks.device.size() / image.chunk);
    this.#store = blocks.constant("BLOCK_STORE");
  }

  /** Looks for blocks in each other's places, once. */
  *scan(): Task<Scan> {
    if (this.#scan) return this.#scan;
    const scan = new Scan(this);
    yield* scan.run();
    this.#scan = scan;
    return scan;
  }

  /**
   * Block `number`, checked; null where it cannot be read. `accept` says what is wrong with the
   * bytes of a block that is whole and of this store.
   */
  *fetch(
    number: number,
    where: Where,
    accept: (bytes: Uint8Array) => string | null,
  ): Task<Uint8Array | null> {
    const { findings } = this;
    findings.blocks++;
    const home = this.slabs.home(number);
    if (home < 0) {
      findings.problem(where, `metadata block ${number} is named and lies in no slab`);
      return null;
    }
    if (this.met.set(number)) {
      findings.problem(where, `metadata block ${number} is named twice`);
      return null;
    }
    const { bytes, seal } = yield* this.blocks.readSealed(home);
    const why = seal === "damaged" ? "its checksum is wrong" : this.#why(bytes, number, accept);
    if (why === null) {
      if (seal === "flipped") findings.problem(where, `metadata block ${number}: ${FLIPPED}`);
      return bytes;
    }
    findings.problem(where, `metadata block ${number} (byte ${home * BLOCK}): ${why}`);
    const found = yield* this.#elsewhere(number, where, accept);
    if (found === null) this.damaged.set(number);
    return found;
  }

  *#elsewhere(
    number: number,
    where: Where,
    accept: (bytes: Uint8Array) => string | null,
  ): Task<Uint8Array | null> {
    const at = (yield* this.scan()).misplaced.get(number);
    if (at === undefined) return null;
    const { bytes, seal } = yield* this.blocks.readSealed(at);
    if (seal === "damaged" || this.#why(bytes, number, accept) !== null) return null;
    this.findings.problem(where, `metadata block ${number} is found at byte ${at * BLOCK}`);
    return bytes;
  }

  #why(
    bytes: Uint8Array,
    number: number,
    accept: (bytes: Uint8Array) => string | null,
  ): string | null {
    const found = u32At(bytes, 4);
    if (!this.isOurs(bytes)) return "it is a block of another store, or of a later checkpoint";
    return found === number ? accept(bytes) : `block ${found} lies in its place`;
  }

  /** Whether a block with the right checksum can be one of this checkpoint. */
  isOurs(bytes: Uint8Array): boolean {
    return this.image.isOfStore(bytes, this.#store) && u64At(bytes, 16) <= this.image.generation;
  }
}

export const FLIPPED = "one bit is flipped; nothing is lost, a repair puts it right";
