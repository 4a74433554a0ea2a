/** The journal of a store, as FORMAT.md says (section 7): the operations to be replayed. */
import { BLOCK, crc32c, must, type StoreBlocks } from "./blocks.ts";

const RECORD_BYTES_MAX = 262144;

export interface Operation {
  kind: number;
  flags: number;
  count: number;
  view: number;
  chunk: number;
  /** Upper half of `chunk`, where those are two ids; `chunk` is the lower one then. */
  other: number;
  place: number;
  /** `place`, where it is a time. */
  created: number;
  name: string;
  /** Checksums that follow. */
  sums: number[];
}

/** The records after the checkpoint, each a list of operations. */
export function* journal(store: StoreBlocks): Generator<Operation[]> {
  const areaBlocks = store.field(84);
  let at = (2 + store.field(88) * areaBlocks) * BLOCK;
  const end = at + areaBlocks * BLOCK;
  let chain = 0;
  for (let sequence = store.longField(96); at < end; sequence++) {
    const length = recordLength(store, at, end, chain, sequence);
    if (length === 0) return;
    const found = [...operations(store, at + 64, at + length)];
    mustLieBelow(store.long(at + 32), found);
    yield found;
    chain = store.bytes.getUint32(at, true);
    at += Math.ceil(length / BLOCK) * BLOCK;
  }
}

/** Bytes of the record at `at`; 0 where the journal has ended. */
function recordLength(
  store: StoreBlocks,
  at: number,
  end: number,
  chain: number,
  sequence: number,
): number {
  const { bytes } = store;
  if (at + BLOCK > bytes.byteLength) return 0;
  const length = bytes.getUint32(at + 8, true);
  const fits = length > 64 && length <= RECORD_BYTES_MAX && at + length <= end;
  if (!fits || bytes.getUint32(at + 4, true) !== 0x4c4e524a || !store.isOfStore(at + 24)) return 0;
  if (bytes.getUint32(at + 12, true) !== chain || store.long(at + 16) !== sequence) return 0;
  return crc32c(store.slice(at + 4, length - 4)) === bytes.getUint32(at, true) ? length : 0;
}

/** Places that a record names lie below the top that it states. */
function mustLieBelow(top: number, found: Operation[]): void {
  for (const { kind, flags, count, place } of found) {
    const isPlaced = kind <= 2 && (flags & 2) === 0;
    must(!isPlaced || place + count <= top, `place ${place} lies below ${top}`);
  }
}

function* operations(store: StoreBlocks, at: number, end: number): Generator<Operation> {
  const { bytes } = store;
  while (at < end) {
    const kind = bytes.getUint8(at);
    const count = bytes.getUint16(at + 2, true);
    const named = [3, 5, 11, 12].includes(kind) ? count : 0;
    const sums = kind === 10 ? count : 0;
    yield {
      kind,
      flags: bytes.getUint8(at + 1),
      count,
      view: bytes.getUint32(at + 4, true),
      chunk: kind === 11 ? bytes.getUint32(at + 8, true) : store.long(at + 8),
      other: bytes.getUint32(at + 12, true),
      place: store.long(at + 16),
      created: bytes.getFloat64(at + 16, true),
      name: Buffer.from(store.slice(at + 24, named)).toString(),
      sums: Array.from({ length: sums }, (_, i) => bytes.getUint32(at + 24 + i * 4, true)),
    };
    at += 24 + Math.ceil((named + sums * 4) / 8) * 8;
  }
}
