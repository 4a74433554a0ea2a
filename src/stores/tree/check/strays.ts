/**
 * What is lost with records that cannot be replayed: the chunks that their operations name. Of the
 * damaged record that they lie behind as much as is left of it.
 */
import type { Task } from "../../../task.ts";
import { BLOCK, type Blocks, READ_BLOCKS, u32At } from "./blocks.ts";
import type { JournalEnd } from "./journal.ts";
import type { Losses } from "./losses.ts";
import {
  eachOperation,
  OP_COPY_OUT,
  OP_CREATE,
  OP_DELETE,
  OP_MAP,
  OP_ROLLBACK,
  type Operation,
} from "./operations.ts";

const LENGTH = 8;

export function* strayLosses(blocks: Blocks, end: JournalEnd, losses: Losses): Task<void> {
  if (end.strays.length === 0) return;
  for (const { at } of [{ at: end.at }, ...end.strays]) {
    const bytes = yield* blocks.read(at, READ_BLOCKS);
    const length = Math.min(u32At(bytes, LENGTH), READ_BLOCKS * BLOCK);
    recordLosses(bytes.subarray(0, length), losses);
  }
}

/** What is lost with one record. */
export function recordLosses(record: Uint8Array, losses: Losses): void {
  eachOperation(record, (operation) => operationLosses(operation, losses));
}

/** What is lost with an operation. */
export function operationLosses(operation: Operation, losses: Losses): void {
  const { kind, view, chunk, count } = operation;
  if (kind === OP_MAP) losses.views(new Set([view]), chunk, count);
  if (kind === OP_COPY_OUT) losses.allSnapshots(chunk, count);
  // What a deleted view had can be another's by now.
  const isOther = kind === OP_CREATE || kind === OP_DELETE || kind === OP_ROLLBACK;
  if (isOther) losses.views(new Set([view]), 0, Infinity);
}
