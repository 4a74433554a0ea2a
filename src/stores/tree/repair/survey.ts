/**
 * A first look at all that is to be saved: which places are in use, so which are not; which were
 * given out again by records that cannot be replayed.
 */
import type { Task } from "../../../task.ts";
import type { ProgressOptions } from "../../store.ts";
import { Bits } from "../check/bits.ts";
import { type Blocks, READ_BLOCKS, u64At } from "../check/blocks.ts";
import { Findings } from "../check/findings.ts";
import { JournalReader } from "../check/journal.ts";
import { eachOperation, OP_COPY_OUT, OP_MAP, type Operation } from "../check/operations.ts";
import type { SuperImage } from "../check/supers.ts";
import { HOLE } from "../walk.ts";
import { eachColumn, loadSalvage } from "./source.ts";

const OP_SLAB = 6;

export interface Survey {
  /** Entries that can be read. */
  entries: number;
  /** Chunks in use: fixed part, metadata, what entries and records name. */
  used: Bits;
  /** All that is in use is in `used`. */
  isWhole: boolean;
  /** What is named by records that cannot be replayed: it holds data of later than the state. */
  overwritten: Bits;
  /** No place at or above is in use. */
  top: number;
}

export function* survey(blocks: Blocks, image: SuperImage, options: ProgressOptions): Task<Survey> {
  const salvage = yield* loadSalvage(blocks, image, options);
  const { slabs } = salvage.meta;
  const found: Survey = {
    entries: 0,
    used: new Bits(),
    isWhole: slabs.isKnown,
    overwritten: new Bits(),
    top: image.top,
  };
  found.used.setRun(0, image.fixedChunks);
  for (const { base, blocks: count } of slabs.all.values()) {
    const first = Math.floor(base / image.blocksPerChunk);
    found.used.setRun(first, Math.ceil(count / image.blocksPerChunk));
    found.top = Math.max(found.top, first + Math.ceil(count / image.blocksPerChunk));
  }
  // biome-ignore lint/correctness/useYield: the other pass waits
  yield* eachColumn(salvage, function* ({ entries }) {
    found.entries += entries.length;
    for (const { place, count, flags } of entries) {
      if ((flags & HOLE) === 0) found.used.setRun(place, count);
    }
  });
  yield* surveyJournal(blocks, image, options, found);
  return found;
}

function* surveyJournal(
  blocks: Blocks,
  image: SuperImage,
  options: ProgressOptions,
  found: Survey,
): Task<void> {
  const topAt = blocks.constant("RECORD_TOP");
  const perChunk = image.blocksPerChunk;
  const name = (operation: Operation, bits: Bits) => {
    const { kind, flags, place, count } = operation;
    const isData = (kind === OP_MAP || kind === OP_COPY_OUT) && (flags & HOLE) === 0;
    const chunks = isData ? count : kind === OP_SLAB ? Math.ceil(count / perChunk) : 0;
    if (chunks === 0) return;
    bits.setRun(place, chunks);
    found.top = Math.max(found.top, place + chunks);
  };
  const journal = new JournalReader(blocks, image, new Findings(options));
  const end = yield* journal.run(true, ({ bytes }) => {
    found.top = Math.max(found.top, u64At(bytes, topAt));
    eachOperation(bytes, (operation) => name(operation, found.used));
  });
  for (const { at } of end.strays) {
    const bytes = yield* blocks.read(at, READ_BLOCKS);
    eachOperation(recordOf(bytes), (operation) => {
      name(operation, found.overwritten);
      name(operation, found.used);
    });
  }
}

function recordOf(bytes: Uint8Array): Uint8Array {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, true);
  return bytes.subarray(0, Math.min(length, bytes.length));
}
