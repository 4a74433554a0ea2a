/**
 * The COW device of Linux' dm-snapshot ("P"), byte for byte: where things lie, what they hold, and
 * that what is read is checked before use (I10). Little-endian; everything is counted in chunks.
 *
 *     chunk 0             header: magic, valid, version, chunk size in sectors (u32 each), zeros
 *     chunk 1 + k(E + 1)  area k: E entries of 16 bytes (old chunk u64, new chunk u64)
 *     between two areas   E chunks of data
 *
 * E = chunk / 16. Entries are in the order of their commit; the first whose new chunk is 0 ends the
 * table. There always is one, because the area after a full one is zeroed before that is written.
 */
import { MultisnapError } from "../../errors.ts";

export const SECTOR = 512;
export const ENTRY_BYTES = 16;
export const HEADER_BYTES = 16;
export const HEADER_PLACE = 0;
/** The first chunk that data lies in. */
export const DATA_FIRST = 2;
/** What a device is opened with, at most: two such chunks are held in memory for every copy. */
export const CHUNK_MAX = 2 ** 24;
/** Largest chunk number that is looked at; numbers from here on are on no device. */
export const PLACE_MAX = 2 ** 44;

const MAGIC = 0x70416e53;
const VERSION = 1;

/** Entries of an area. */
export function entriesPerArea(chunk: number): number {
  return chunk / ENTRY_BYTES;
}

/** Where area `index` lies. */
export function areaPlace(index: number, perArea: number): number {
  return 1 + index * (perArea + 1);
}

/** Whether an area lies there, or would. */
export function isAreaPlace(place: number, perArea: number): boolean {
  return place % (perArea + 1) === 1;
}

/** Areas that a device of so many chunks has room for. */
export function areasWithin(chunks: number, perArea: number): number {
  return Math.max(0, Math.floor((chunks - 2) / (perArea + 1)) + 1);
}

/** The header's chunk, whole. */
export function headerChunk(chunk: number, valid: boolean): Uint8Array {
  const bytes = new Uint8Array(chunk);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, valid ? 1 : 0, true);
  view.setUint32(8, VERSION, true);
  view.setUint32(12, chunk / SECTOR, true);
  return bytes;
}

/**
 * Bytes of a chunk, from the first bytes of a device; null: it is no COW device. Errors:
 * `Unsupported` (version, chunk size), `Corrupt` (given up for good; chunk size).
 */
export function readHeader(head: Uint8Array, name: string, deviceBytes: number): number | null {
  const view = new DataView(head.buffer, head.byteOffset, HEADER_BYTES);
  const word = (index: number) => view.getUint32(4 * index, true);
  if (word(0) !== MAGIC) return null;
  if (word(2) !== VERSION) {
    const found = `${name} is a COW device of version ${word(2)}`;
    throw new MultisnapError("Unsupported", `${found}; this program knows version ${VERSION}`);
  }
  if (word(1) === 0) throw invalidSnapshot(name, "it has been given up");
  if (word(1) !== 1) throw damaged(name, `the valid flag of its header is ${word(1)}`);
  const chunk = word(3) * SECTOR;
  if (chunk === 0 || Math.log2(chunk) % 1 !== 0) {
    throw damaged(name, `its header says ${word(3)} sectors a chunk, which is no power of two`);
  }
  if (chunk > deviceBytes) {
    throw damaged(name, `a chunk of ${chunk} bytes, as its header says, does not fit in it`);
  }
  if (chunk > CHUNK_MAX) {
    const most = `at most ${CHUNK_MAX} are supported`;
    throw new MultisnapError("Unsupported", `${name} has chunks of ${chunk} bytes: ${most}`);
  }
  return chunk;
}

/** Writes the entry with that number in its area. */
export function putEntry(area: Uint8Array, index: number, old: number, place: number): void {
  const view = new DataView(area.buffer, area.byteOffset, area.length);
  putU64(view, index * ENTRY_BYTES, old);
  putU64(view, index * ENTRY_BYTES + 8, place);
}

function putU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 2 ** 32, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}

/**
 * Numbers of an area's entries, two each, up to the end of the table. They are no more than
 * numbers: rounded where they are past 2^53, and not checked.
 */
export function readEntries(area: Uint8Array): number[] {
  const view = new DataView(area.buffer, area.byteOffset, area.length);
  const u64 = (at: number) => view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
  const found: number[] = [];
  for (let at = 0; at < area.length; at += ENTRY_BYTES) {
    const place = u64(at + 8);
    if (place === 0) break;
    found.push(u64(at), place);
  }
  return found;
}

/**
 * What lies behind the last entry of an area. In the sector where the table ends there must be
 * zeros. Behind it there may be what is left of a write that the power cut short: of its sectors
 * any may have arrived, and none of them counts.
 */
export function restOfArea(area: Uint8Array, entries: number): "zeros" | "torn" | "damaged" {
  const from = entries * ENTRY_BYTES;
  const sectorEnd = from - (from % SECTOR) + SECTOR;
  const isZero = (bytes: Uint8Array) => bytes.every((byte) => byte === 0);
  if (!isZero(area.subarray(from, sectorEnd))) return "damaged";
  return isZero(area.subarray(sectorEnd)) ? "zeros" : "torn";
}

export function damaged(name: string, what: string): MultisnapError {
  return new MultisnapError("Corrupt", `${name} is damaged: ${what}`);
}

/** What is said of a snapshot that was given up. */
export function invalidSnapshot(name: string, why: string): MultisnapError {
  const what = `the snapshot on ${name} is invalid for good: ${why}`;
  return new MultisnapError("Corrupt", `${what}; the origin is not affected, make a new snapshot`);
}
