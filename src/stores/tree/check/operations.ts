/** The operations of a journal record, as far as they are well formed. */
import { HOLE } from "../walk.ts";
import { u32At, u64At } from "./blocks.ts";

export const OP_MAP = 1;
export const OP_COPY_OUT = 2;
export const OP_CREATE = 3;
export const OP_DELETE = 4;
const OP_RENAME = 5;
export const OP_SLAB = 6;
export const OP_RECLAIM_END = 9;
const OP_SUMS = 10;
/** Flag: an operation before it has named the place. */
export const OP_AGAIN = 8;
export const OP_ROLLBACK = 11;
export const OP_SET = 12;
const MARKS_MAX = 500;
const RECORD_HEADER = 64;
const OP_BYTES = 24;
const NAME_MAX = 255;
const FLAGS = 15;
/** Chunk numbers and places have 47 bits. */
const CHUNK_MAX = 2 ** 47;

export interface Operation {
  kind: number;
  flags: number;
  count: number;
  view: number;
  chunk: number;
  place: number;
}

/**
 * Calls `visit` with the operations in order, and with the bytes of each; ends at the first that is
 * not well formed. Answers whether all are.
 */
export function eachOperation(
  record: Uint8Array,
  visit: (operation: Operation, bytes: Uint8Array) => void,
): boolean {
  let at = RECORD_HEADER;
  while (at + OP_BYTES <= record.length) {
    const operation = {
      kind: record[at]!,
      flags: record[at + 1]!,
      count: u32At(record, at) >>> 16,
      view: u32At(record, at + 4),
      chunk: u64At(record, at + 8),
      place: u64At(record, at + 16),
    };
    if (!isOperation(operation)) return false;
    const end = at + OP_BYTES + tailBytes(operation);
    visit(operation, record.subarray(at, end));
    at = end;
  }
  return at === record.length;
}

function isOperation({ kind, flags, count, view, chunk, place }: Operation): boolean {
  if (kind < OP_MAP || kind > OP_SET || flags > FLAGS) return false;
  if (kind === OP_CREATE || kind === OP_RENAME) return count > 0 && count <= NAME_MAX && view > 1;
  if (kind === OP_SET) return count <= MARKS_MAX && view > 0;
  if (kind === OP_ROLLBACK) return count <= NAME_MAX && view > 0;
  if (kind === OP_DELETE) return view > 1;
  if (kind === OP_MAP || kind === OP_COPY_OUT) {
    return count > 0 && view > 0 && chunk < CHUNK_MAX && place < CHUNK_MAX;
  }
  return kind !== OP_SLAB || (count > 0 && place < CHUNK_MAX);
}

/** Whether an operation names places of data. */
export function isNamed({ kind, flags }: Operation): boolean {
  return (kind === OP_MAP || kind === OP_COPY_OUT) && (flags & HOLE) === 0;
}

/** Bytes behind an operation: a name, or checksums. */
function tailBytes({ kind, count }: Operation): number {
  const isMade = kind === OP_CREATE || kind === OP_RENAME;
  const isNamed = isMade || kind === OP_ROLLBACK || kind === OP_SET;
  if (isNamed) return Math.ceil(count / 8) * 8;
  return kind === OP_SUMS ? Math.ceil((4 * count) / 8) * 8 : 0;
}
