/**
 * Writes dm-snapshot COW devices ("P") with any exceptions, as kernels old and new leave them. From
 * the description of the format alone, as its reader beside it.
 */
import type { Random } from "../model/prng.ts";
import { areaChunk, type Exception, isAreaChunk } from "./format.ts";

const MAGIC = 0x70416e53;
const SECTOR = 512;
const ENTRY = 16;
const NOISE_BYTES_MAX = 2 ** 20;

export interface CowPlan {
  /** Bytes. */
  chunk: number;
  /** Bytes of the device; without it, it ends with the last chunk that is needed. */
  size?: number;
  /** In the order of their commit. */
  exceptions: readonly Exception[];
  /** What the snapshot sees. */
  snapshot: Uint8Array;
  /** Makes what the device held before, if not zeros. */
  before?: Random;
}

export function craftCow({ chunk, size, exceptions, snapshot, before }: CowPlan): Uint8Array {
  const perArea = chunk / ENTRY;
  const areas = Math.floor(exceptions.length / perArea) + 1;
  const last = exceptions.reduce(
    (most, { newChunk }) => Math.max(most, newChunk),
    areaChunk(areas - 1, perArea),
  );
  const bytes = size ?? (last + 1) * chunk;
  const cow = before ? noise(bytes, before) : new Uint8Array(bytes);
  cow.fill(0, 0, chunk);
  setHeader(cow, { magic: MAGIC, valid: 1, version: 1, chunkSectors: chunk / SECTOR });
  for (let index = 0; index < areas; index++) {
    const start = areaChunk(index, perArea) * chunk;
    cow.fill(0, start, start + chunk);
  }
  for (const [index, exception] of exceptions.entries()) {
    setEntry(cow, chunk, index, exception);
    const from = exception.oldChunk * chunk;
    cow.set(snapshot.subarray(from, from + chunk), exception.newChunk * chunk);
  }
  return cow;
}

/** As many random bytes as you like. */
export function noise(length: number, random: Random): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += NOISE_BYTES_MAX) {
    bytes.set(random.bytes(Math.min(NOISE_BYTES_MAX, length - at)), at);
  }
  return bytes;
}

export interface Habits {
  /** Share of the chunks that were given out and never named: old kernels left such. */
  holes: number;
  /** Exceptions were committed in another order than their chunks were given out. */
  isShuffled: boolean;
}

/** Gives each of the old chunks, in this order, a new one. */
export function place(
  oldChunks: readonly number[],
  chunk: number,
  random: Random,
  habits: Habits = { holes: 0, isShuffled: false },
): Exception[] {
  const perArea = chunk / ENTRY;
  let next = 2;
  const exceptions = oldChunks.map((oldChunk) => {
    while (isAreaChunk(next, perArea) || random.chance(habits.holes)) next++;
    return { oldChunk, newChunk: next++ };
  });
  return habits.isShuffled ? shuffled(exceptions, random) : exceptions;
}

export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const left = [...items];
  for (let i = left.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [left[i], left[j]] = [left[j] as T, left[i] as T];
  }
  return left;
}

/** The chunks in which two images of one size differ. */
export function differing(one: Uint8Array, other: Uint8Array, chunk: number): number[] {
  const found: number[] = [];
  for (let at = 0; at < one.length; at += chunk) {
    const bytes = Buffer.from(one.buffer, one.byteOffset + at, Math.min(chunk, one.length - at));
    if (!bytes.equals(other.subarray(at, at + chunk))) found.push(at / chunk);
  }
  return found;
}

export interface Header {
  magic: number;
  valid: number;
  version: number;
  chunkSectors: number;
}

/** Writes the fields that are given. */
export function setHeader(cow: Uint8Array, header: Partial<Header>): void {
  const bytes = new DataView(cow.buffer, cow.byteOffset);
  const { magic, valid, version, chunkSectors } = header;
  for (const [index, field] of [magic, valid, version, chunkSectors].entries()) {
    if (field !== undefined) bytes.setUint32(4 * index, field, true);
  }
}

/** The entry with that number in the order of commit. */
export function getEntry(cow: Uint8Array, chunk: number, index: number): Exception {
  const { bytes, at } = locate(cow, chunk, index);
  return {
    oldChunk: Number(bytes.getBigUint64(at, true)),
    newChunk: Number(bytes.getBigUint64(at + 8, true)),
  };
}

/** Writes the fields that are given. */
export function setEntry(
  cow: Uint8Array,
  chunk: number,
  index: number,
  entry: Partial<Exception>,
): void {
  const { bytes, at } = locate(cow, chunk, index);
  const { oldChunk, newChunk } = entry;
  if (oldChunk !== undefined) bytes.setBigUint64(at, BigInt(oldChunk), true);
  if (newChunk !== undefined) bytes.setBigUint64(at + 8, BigInt(newChunk), true);
}

function locate(cow: Uint8Array, chunk: number, index: number): { bytes: DataView; at: number } {
  const perArea = chunk / ENTRY;
  const area = areaChunk(Math.floor(index / perArea), perArea) * chunk;
  const bytes = new DataView(cow.buffer, cow.byteOffset, cow.length);
  return { bytes, at: area + (index % perArea) * ENTRY };
}
