/**
 * Signs that what opens is not the newest state, because damage took the way to that: no power cut
 * leaves them. A store that shows one is not opened as if it were older than it is.
 */
import type { Device } from "../../devices/device.ts";
import { MultisnapError } from "../../errors.ts";
import type { Task } from "../../task.ts";
import { BLOCK, Blocks, READ_BLOCKS, u32At, u64At } from "./check/blocks.ts";
import { readSupers, type SuperImage } from "./check/supers.ts";
import { AHEAD_MAX } from "./layout.ts";

const HEADER = 64;

/** Where the journal of a checkpoint ends. */
export interface JournalEnd {
  /** Blocks of its area that have records. */
  head: number;
  /** Of the record that would come next. */
  sequence: number;
}

/**
 * One of the superblocks is not good. Throws `Corrupt` where one flipped bit is all that keeps it
 * from being the newest: no torn write looks like that. `generation`: of the other one, 0 without.
 */
export function* refuseOlder(
  device: Device,
  module: WebAssembly.Module,
  generation: number,
): Task<void> {
  let newest: SuperImage;
  try {
    ({ newest } = yield* readSupers(new Blocks(device, module)));
  } catch (error) {
    if (error instanceof MultisnapError && error.code !== "Io") return;
    throw error;
  }
  if (newest.generation > generation) throw past(device, "its newest superblock has a flipped bit");
}

/**
 * Throws `Corrupt` where records lie behind the journal's end: a record is written when the one
 * before it is durable, and the other area gets records when its checkpoint's superblock is.
 */
export function* refuseGap(blocks: Blocks, image: SuperImage, end: JournalEnd): Task<void> {
  const { device } = blocks;
  const record = new Records(blocks, image);
  const own = image.u32("SUPER_AREA");
  const start = (area: number) => 2 + area * image.areaBlocks;
  // The record after one that cannot be read begins at most so many blocks behind its first.
  const count = Math.min(READ_BLOCKS, image.areaBlocks - end.head - 1);
  const next = start(own) + end.head + 1;
  for (const at of yield* record.begin(next, Math.max(0, count))) {
    if (follows(end.sequence, yield* record.sequence(at))) {
      throw past(device, `record ${end.sequence} of its journal is damaged, and others follow`);
    }
  }
  if (follows(end.sequence - 1, yield* record.sequence(start(own ^ 1)))) {
    throw past(device, `the superblock of its newest checkpoint is lost, which records follow on`);
  }
}

function follows(before: number, sequence: number): boolean {
  return sequence > before && sequence <= before + AHEAD_MAX;
}

class Records {
  readonly #blocks: Blocks;
  readonly #image: SuperImage;

  constructor(blocks: Blocks, image: SuperImage) {
    this.#blocks = blocks;
    this.#image = image;
  }

  /** Those of `count` device blocks from `at` on that look like the beginning of a record. */
  *begin(at: number, count: number): Task<number[]> {
    const bytes = yield* this.#blocks.look(at, count);
    const all = Array.from({ length: count }, (_, i) => at + i);
    return all.filter((_, i) => this.#isHead(bytes.subarray(i * BLOCK, (i + 1) * BLOCK)));
  }

  #isHead(block: Uint8Array): boolean {
    const blocks = this.#blocks;
    const length = u32At(block, blocks.constant("RECORD_LENGTH"));
    return (
      u32At(block, blocks.constant("RECORD_MAGIC")) === blocks.constant("RECORD_NUMBER") &&
      this.#image.isOfStore(block, blocks.constant("RECORD_STORE")) &&
      length > HEADER &&
      length <= READ_BLOCKS * BLOCK
    );
  }

  /** Sequence of the record that begins at a device block; -1: no whole one does. */
  *sequence(at: number): Task<number> {
    const blocks = this.#blocks;
    const first = yield* blocks.look(at, 1);
    if (!this.#isHead(first)) return -1;
    const length = u32At(first, blocks.constant("RECORD_LENGTH"));
    const record = yield* blocks.look(at, Math.ceil(length / BLOCK));
    if (!blocks.isWhole(record.subarray(0, length))) return -1;
    return u64At(record, blocks.constant("RECORD_SEQUENCE"));
  }
}

function past(device: Device, why: string): MultisnapError {
  return new MultisnapError(
    "Corrupt",
    `${device.name}: ${why}: opened now it would be older than it is: run check`,
  );
}
