/**
 * A first look at all that is to be saved: which places are in use, so which are not; and which do
 * not have the data of what names them, because records that cannot be replayed have given them out
 * again, or because the device ends before.
 */
import type { Task } from "../../../task.ts";
import type { ProgressOptions } from "../../store.ts";
import { Bits } from "../check/bits.ts";
import { type Blocks, READ_BLOCKS, u64At } from "../check/blocks.ts";
import { Findings } from "../check/findings.ts";
import { JournalReader } from "../check/journal.ts";
import { eachOperation, isNamed, OP_AGAIN, OP_SLAB, type Operation } from "../check/operations.ts";
import type { SuperImage } from "../check/supers.ts";
import { HOLE } from "../walk.ts";
import { eachColumn, loadSalvage } from "./source.ts";

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
  /** Places that the device has. What lies behind was never written, or is cut off. */
  end: number;
}

/** Whether a place does not have the data of what names it. */
export function isGone({ overwritten, end }: Survey, place: number): boolean {
  return place >= end || overwritten.get(place);
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
    end: Math.ceil(blocks.size / image.blocksPerChunk),
  };
  found.used.setRun(0, image.fixedChunks);
  for (const { base, blocks: count } of slabs.all.values()) {
    const first = Math.floor(base / image.blocksPerChunk);
    use(found, found.used, first, Math.ceil(count / image.blocksPerChunk));
  }
  // biome-ignore lint/correctness/useYield: the other pass waits
  yield* eachColumn(salvage, function* ({ entries }) {
    found.entries += entries.length;
    for (const { place, count, flags } of entries) {
      if ((flags & HOLE) === 0) use(found, found.used, place, count);
    }
  });
  yield* surveyJournal(blocks, image, options, found, Infinity);
  return found;
}

/** Something is in some places, as far as the device has them. */
function use(found: Survey, bits: Bits, place: number, count: number): void {
  const within = Math.min(count, found.end - place);
  if (within <= 0) return;
  bits.setRun(place, within);
  found.top = Math.max(found.top, place + within);
}

/** `records`: so many of the journal can be replayed. May be called again, with fewer. */
export function* surveyJournal(
  blocks: Blocks,
  image: SuperImage,
  options: ProgressOptions,
  found: Survey,
  records: number,
): Task<void> {
  let read = 0;
  const topAt = blocks.constant("RECORD_TOP");
  const perChunk = image.blocksPerChunk;
  const name = (operation: Operation, bits: Bits) => {
    const { kind, place, count } = operation;
    const chunks = isNamed(operation) ? count : kind === OP_SLAB ? Math.ceil(count / perChunk) : 0;
    use(found, bits, place, chunks);
  };
  const journal = new JournalReader(blocks, image, new Findings(options));
  const end = yield* journal.run(true, ({ bytes }) => {
    found.top = Math.max(found.top, u64At(bytes, topAt));
    const isReplayed = read++ < records;
    eachOperation(bytes, (operation) => {
      name(operation, found.used);
      // What names a place again has not changed it.
      const isNew = (operation.flags & OP_AGAIN) === 0;
      if (!isReplayed && isNew) name(operation, found.overwritten);
    });
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
