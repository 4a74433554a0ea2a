/**
 * Reads a dm-snapshot COW device ("P"), from the description of the format alone: no code of `src/`
 * is used, so that a mistake in one of the two shows. Strict: what a Linux kernel would pass over
 * in silence is refused, too.
 */

const MAGIC = 0x70416e53; // "SnAp"
const VERSION = 1;
const SECTOR = 512;
const HEADER = 16;
const ENTRY = 16;
/** The kernel's limit: INT_MAX bytes, in sectors. */
const CHUNK_SECTORS_MAX = 2 ** 21;

/** Chunk `oldChunk` of the origin is chunk `newChunk` of the COW device, for the snapshot. */
export interface Exception {
  oldChunk: number;
  newChunk: number;
}

export interface Cow {
  /** Bytes. */
  chunk: number;
  /** Exceptions of one area. */
  perArea: number;
  /** In the order of their commit. */
  exceptions: Exception[];
  /** The chunk that the next exception gets. */
  nextFree: number;
  /** Areas that are in use: the last of them is not full. */
  areas: number;
  /** What the kernel's status line says, in sectors. */
  allocated: number;
  total: number;
  metadata: number;
}

export interface Leniency {
  /**
   * The power went while an area was written, so that of its sectors any may be missing: behind a
   * sector with the end of the table there may be entries, which are none.
   */
  torn?: boolean;
}

export type Refusal = "not a COW device" | "version" | "invalidated" | "damaged";

export class RefusedCow extends Error {
  readonly why: Refusal;

  constructor(why: Refusal, message: string) {
    super(message);
    this.name = "RefusedCow";
    this.why = why;
  }
}

/** Chunk of area `index`: areas are an area's worth of data chunks apart, the first is chunk 1. */
export function areaChunk(index: number, perArea: number): number {
  return 1 + index * (perArea + 1);
}

export function isAreaChunk(chunk: number, perArea: number): boolean {
  return chunk % (perArea + 1) === 1;
}

/** All that the device says; throws `RefusedCow` at the first thing that the format forbids. */
export function readCow(cow: Uint8Array, how: Leniency = {}): Cow {
  const chunk = readHeader(cow);
  const perArea = chunk / ENTRY;
  const exceptions: Exception[] = [];
  let areas = 0;
  for (let isFull = true; isFull; areas++) {
    const found = readArea(cow, chunk, areas, how.torn ?? false);
    exceptions.push(...found);
    isFull = found.length === perArea;
  }
  checkExceptions(exceptions, perArea, Math.floor(cow.length / chunk));
  let nextFree = exceptions.reduce((free, { newChunk }) => Math.max(free, newChunk + 1), 2);
  if (isAreaChunk(nextFree, perArea)) nextFree++;
  const sectors = chunk / SECTOR;
  return {
    chunk,
    perArea,
    exceptions,
    nextFree,
    areas,
    allocated: nextFree * sectors,
    total: Math.floor(cow.length / SECTOR),
    metadata: (1 + areas) * sectors,
  };
}

/** What the snapshot reads as. */
export function view(origin: Uint8Array, cow: Uint8Array, how: Leniency = {}): Uint8Array {
  const { chunk, exceptions } = readCow(cow, how);
  const snapshot = origin.slice();
  for (const { oldChunk, newChunk } of exceptions) {
    const bytes = Math.min(chunk, origin.length - oldChunk * chunk);
    must(bytes > 0, `old chunk ${oldChunk} lies behind the end of the origin`);
    snapshot.set(cow.subarray(newChunk * chunk, newChunk * chunk + bytes), oldChunk * chunk);
  }
  return snapshot;
}

/** Bytes of a chunk. */
function readHeader(cow: Uint8Array): number {
  if (cow.length < HEADER) throw new RefusedCow("not a COW device", "there is no header");
  const words = new DataView(cow.buffer, cow.byteOffset, HEADER);
  const word = (index: number) => words.getUint32(4 * index, true);
  if (word(0) !== MAGIC) {
    throw new RefusedCow("not a COW device", `the magic is ${word(0).toString(16)}`);
  }
  if (word(2) !== VERSION) throw new RefusedCow("version", `the version is ${word(2)}`);
  if (word(1) === 0) throw new RefusedCow("invalidated", "the snapshot is invalid for good");
  must(word(1) === 1, `the valid flag is ${word(1)}`);
  const sectors = word(3);
  must(Number.isInteger(Math.log2(sectors)), `${sectors} sectors a chunk are no power of two`);
  must(sectors <= CHUNK_SECTORS_MAX, `${sectors} sectors a chunk are too many`);
  const chunk = sectors * SECTOR;
  must(cow.length >= chunk, "the device ends in its header chunk");
  must(isZero(cow.subarray(HEADER, chunk)), "the rest of the header chunk is not zeros");
  return chunk;
}

/** The exceptions of an area, fewer than fit if it is the last. */
function readArea(cow: Uint8Array, chunk: number, index: number, torn: boolean): Exception[] {
  const start = areaChunk(index, chunk / ENTRY) * chunk;
  must(start + chunk <= cow.length, `area ${index} lies behind the end of the device`);
  const area = new DataView(cow.buffer, cow.byteOffset + start, chunk);
  const found: Exception[] = [];
  for (let at = 0; at < chunk; at += ENTRY) {
    // Rounded where they are past 2^53: far outside any device, which is all that matters.
    const oldChunk = Number(area.getBigUint64(at, true));
    const newChunk = Number(area.getBigUint64(at + 8, true));
    if (newChunk === 0) {
      const end = torn ? at - (at % SECTOR) + SECTOR : chunk;
      const rest = cow.subarray(start + at, start + end);
      must(isZero(rest), `area ${index} is not zeros from its end, entry ${at / ENTRY}, on`);
      break;
    }
    found.push({ oldChunk, newChunk });
  }
  return found;
}

function checkExceptions(exceptions: Exception[], perArea: number, chunks: number): void {
  const old = new Set<number>();
  const taken = new Set<number>();
  for (const { oldChunk, newChunk } of exceptions) {
    const what = `the exception ${oldChunk} -> ${newChunk}`;
    must(Number.isSafeInteger(oldChunk), `${what} is of no chunk of any origin`);
    must(newChunk < chunks, `${what} lies behind the end of the device, chunk ${chunks}`);
    must(!isAreaChunk(newChunk, perArea), `${what} lies in a metadata area`);
    must(!old.has(oldChunk), `${what} is the second for its old chunk`);
    must(!taken.has(newChunk), `${what} is the second in its new chunk`);
    old.add(oldChunk);
    taken.add(newChunk);
  }
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

function must(holds: boolean, otherwise: string): void {
  if (!holds) throw new RefusedCow("damaged", otherwise);
}
