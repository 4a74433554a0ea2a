/**
 * Which bytes of a store mean something, by what the independent reader makes of it: both
 * superblocks, the metadata blocks in use, the records of the journal.
 */
import { BLOCK, StoreBlocks } from "../format/blocks.ts";

export type RegionKind = "super" | "tree" | "space" | "tables" | "views" | "sums" | "record";

export interface Region {
  kind: RegionKind;
  /** Byte of the store, and how many are in use. */
  at: number;
  bytes: number;
  /** Metadata block; 0 where it is none. */
  number: number;
  /** Of a node: its height above the leaves. */
  level: number;
}

const KINDS: Record<string, RegionKind> = {
  LEAF: "tree",
  INER: "tree",
  SPAC: "space",
  TABL: "tables",
  VIEW: "views",
  SUMS: "sums",
  SIDX: "sums",
};

export function regionsOf(store: Uint8Array): Region[] {
  const blocks = new StoreBlocks(store);
  const supers = [0, 1].map((slot) => region("super", slot * BLOCK, BLOCK));
  const metadata = [...blocks.inUse].filter((number) => number !== 0);
  const found = metadata.map((number) => {
    const at = blocks.blockAt(number);
    const type = Buffer.from(blocks.slice(at + 12, 4)).toString();
    const kind = KINDS[type];
    if (kind === undefined) throw new Error(`block ${number} is of type ${type}`);
    return { kind, at, bytes: BLOCK, number, level: blocks.bytes.getUint16(at + 8, true) };
  });
  return [...supers, ...found, ...recordsOf(blocks)];
}

function region(kind: RegionKind, at: number, bytes: number): Region {
  return { kind, at, bytes, number: 0, level: 0 };
}

/** The records that the journal has: each begins at a block. */
function recordsOf(blocks: StoreBlocks): Region[] {
  const found: Region[] = [];
  const area = blocks.field(84);
  let at = (2 + blocks.field(88) * area) * BLOCK;
  for (let sequence = blocks.longField(96); at + BLOCK <= blocks.bytes.byteLength; sequence++) {
    const isRecord =
      blocks.bytes.getUint32(at + 4, true) === 0x4c4e524a && blocks.isOfStore(at + 24);
    if (!isRecord || blocks.long(at + 16) !== sequence) break;
    const bytes = blocks.bytes.getUint32(at + 8, true);
    found.push(region("record", at, bytes));
    at += Math.ceil(bytes / BLOCK) * BLOCK;
  }
  return found;
}
