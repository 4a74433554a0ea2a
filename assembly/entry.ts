/** Fields of a leaf entry, and of those in lists. */
import {
  ENTRY_AFTER,
  ENTRY_BYTES,
  ENTRY_PLACE,
  ENTRY_SPAN,
  ENTRY_TO,
  FLAG_HOLE,
  LOST_PLACE,
} from "./layout";

// @ts-ignore: decorator
@inline
export function lastChunk(entry: usize): u64 {
  return load<u64>(entry, ENTRY_SPAN) >>> 16;
}

// @ts-ignore: decorator
@inline
export function chunkCount(entry: usize): u32 {
  return <u32>(load<u64>(entry, ENTRY_SPAN) & 0xffff);
}

// @ts-ignore: decorator
@inline
export function firstChunk(entry: usize): u64 {
  return lastChunk(entry) + 1 - chunkCount(entry);
}

// @ts-ignore: decorator
@inline
export function afterId(entry: usize): u32 {
  return load<u32>(entry, ENTRY_AFTER);
}

// @ts-ignore: decorator
@inline
export function toId(entry: usize): u32 {
  return load<u32>(entry, ENTRY_TO);
}

// @ts-ignore: decorator
@inline
export function placeOf(entry: usize): u64 {
  return load<u64>(entry, ENTRY_PLACE) >>> 16;
}

// @ts-ignore: decorator
@inline
export function flagsOf(entry: usize): u32 {
  return <u32>(load<u64>(entry, ENTRY_PLACE) & 0xffff);
}

// @ts-ignore: decorator
@inline
export function listAt(list: usize, index: u32): usize {
  return list + index * ENTRY_BYTES;
}

/** Place of an entry's data; 0 where there is none: a hole, or lost. */
export function dataPlace(entry: usize): u64 {
  return flagsOf(entry) & FLAG_HOLE ? 0 : placeOf(entry);
}

/** Whether a repair found the chunks of an entry lost. */
// @ts-ignore: decorator
@inline
export function isLost(entry: usize): bool {
  return placeOf(entry) == LOST_PLACE && (flagsOf(entry) & FLAG_HOLE) != 0;
}

/** Writes an entry for chunks `first` .. `first + n - 1`. */
export function putEntry(
  entry: usize,
  first: u64,
  n: u32,
  after: u32,
  to: u32,
  place: u64,
  flags: u32,
): void {
  store<u64>(entry, ((first + n - 1) << 16) | n, ENTRY_SPAN);
  store<u32>(entry, after, ENTRY_AFTER);
  store<u32>(entry, to, ENTRY_TO);
  store<u64>(entry, (place << 16) | flags, ENTRY_PLACE);
}

export function setFlags(entry: usize, flags: u32): void {
  store<u64>(entry, (placeOf(entry) << 16) | flags, ENTRY_PLACE);
}
