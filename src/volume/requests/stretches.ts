/**
 * Chunks of views by whether their places have checksums: stretches of them, and their way through
 * copy slots.
 */
import type { ExceptionStore } from "../../stores/store.ts";
import type { Task } from "../../task.ts";
import type { Core } from "../core.ts";

/** Chunks that are summed or verified at once. */
const PIECE_CHUNKS = 64;
/** Stretches that are found at once. */
const STRETCHES_MAX = 256;

/** What a stretch of chunks is: not at a place that counts, at one without or with checksums. */
const ELSEWHERE = 0;
export const BARE = 1;
export const SUMMED = 2;

/** Chunks `at` .. of a view, which lie at `place` .. */
export interface Piece {
  view: number;
  at: number;
  place: number;
  count: number;
}

export interface Stretch extends Piece {
  state: number;
}

/** Chunks that go through one copy slot. */
export function pieceChunks(core: Core): number {
  return Math.min(PIECE_CHUNKS, Math.floor(core.slotBytes / core.chunk));
}

export function endOf(pieces: readonly Piece[]): number {
  const { at, count } = pieces[pieces.length - 1]!;
  return at + count;
}

/** What the chunks from `first` on are, or a status where that is not known of the first. */
export function stretchesOf(
  store: ExceptionStore,
  runs: number,
  view: number,
  first: number,
  wanted: number,
  counts: (kind: number) => boolean,
): Stretch[] | number {
  const found: Stretch[] = [];
  const end = first + wanted;
  let at = first;
  for (let i = 0; i < runs && at < end; i++) {
    const stop = Math.min(end, at + store.runCount(i));
    if (!counts(store.runKind(i))) {
      found.push({ view, at, place: 0, count: stop - at, state: ELSEWHERE });
      at = stop;
    }
    for (let place = store.runPlace(i); at < stop; ) {
      const alike = store.sums!.run(place, stop - at);
      if (alike < 0) return found.length > 0 ? found : alike;
      const count = alike >>> 1;
      found.push({ view, at, place, count, state: alike & 1 ? SUMMED : BARE });
      at += count;
      place += count;
    }
    if (found.length >= STRETCHES_MAX) break;
  }
  return found;
}

/** The first pieces, as far as `most` chunks. */
export function cut(pieces: readonly Piece[], most: number): Piece[] {
  const found: Piece[] = [];
  for (const piece of pieces) {
    if (most === 0) break;
    const count = Math.min(most, piece.count);
    found.push({ ...piece, count });
    most -= count;
  }
  return found;
}

/** The pieces in portions that a copy slot holds each. */
export function portionsOf(pieces: readonly Piece[], most: number): Piece[][] {
  const portions: Piece[][] = [];
  let room = 0;
  for (const { view, at, place, count } of pieces) {
    for (let done = 0; done < count; ) {
      if (room === 0) {
        portions.push([]);
        room = most;
      }
      const part = Math.min(room, count - done);
      portions.at(-1)!.push({ view, at: at + done, place: place + done, count: part });
      done += part;
      room -= part;
    }
  }
  return portions;
}

/** Reads pieces to engine memory, one behind the other. */
export function* readAll(
  { store, chunk }: Core,
  pieces: readonly Piece[],
  address: number,
): Task<void> {
  const waiting: Promise<void>[] = [];
  try {
    for (const { place, count } of pieces) {
      const later = store.device.read(store.memory, address, count * chunk, place * chunk);
      if (later) waiting.push(later);
      address += count * chunk;
    }
  } finally {
    // The slot is not given back before.
    if (waiting.length > 0) yield Promise.allSettled(waiting);
  }
  if (waiting.length > 0) yield Promise.all(waiting);
}
