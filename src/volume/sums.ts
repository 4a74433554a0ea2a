/**
 * Checksums of what views leave to snapshots: made before a view's chunk lies elsewhere, verified
 * when what has one is read. Places with one are never written in place, so a checksum that is
 * there holds for everybody who reads the place.
 */
import { NO_SPACE, RUN_SHARED } from "../engine/status.ts";
import { MultisnapError } from "../errors.ts";
import type { ExceptionStore, Visit } from "../stores/store.ts";
import type { Task } from "../task.ts";
import type { Core } from "./core.ts";

/** Chunks that are summed or verified at once. */
const PIECE_CHUNKS = 64;
/** Chunks that one look covers, at most. */
const LOOK_MAX = 2 ** 20;
/** Stretches that are found at once. */
const STRETCHES_MAX = 256;

/** What a stretch of chunks is: not at a place that counts, at one without or with checksums. */
const ELSEWHERE = 0;
const BARE = 1;
const SUMMED = 2;

/** Chunks `at` .. of a view, which lie at `place` .. */
export interface Piece {
  view: number;
  at: number;
  place: number;
  count: number;
}

interface Stretch extends Piece {
  state: number;
}

/** Chunks that go through one copy slot. */
export function pieceChunks(core: Core): number {
  return Math.min(PIECE_CHUNKS, Math.floor(core.slotBytes / core.chunk));
}

/**
 * Before `count` chunks of a view lie elsewhere: what other views go on seeing gets checksums.
 * Nobody else changes the view's chunks meanwhile: they are in the table, or nobody writes.
 * `whenFull`: go on without checksums where there is no room for them.
 */
export function* sumLeft(
  core: Core,
  view: number,
  first: number,
  count: number,
  visit: Visit,
  whenFull: boolean,
): Task<void> {
  const { store } = core;
  if (!store.sums) return;
  const end = first + count;
  let look = PIECE_CHUNKS;
  for (let at = first; at < end; ) {
    yield* store.gate(visit);
    const asked = Math.min(look, end - at);
    const runs = store.lookup(view, at, asked, true);
    const found = runs < 0 ? runs : stretchesOf(store, runs, view, at, asked, isLeft);
    if (typeof found === "number") {
      yield* store.serve(found, visit);
      continue;
    }
    const next = endOf(found);
    const bare = cut(
      found.filter(({ state }) => state === BARE),
      pieceChunks(core),
    );
    // Much at once where there is nothing to do.
    look = bare.length === 0 && next - at === asked ? Math.min(2 * look, LOOK_MAX) : PIECE_CHUNKS;
    if (bare.length === 0) at = next;
    else if (yield* sumPieces(core, bare, visit, whenFull)) at = endOf(bare);
  }
}

function isLeft(kind: number): boolean {
  return kind === RUN_SHARED;
}

function isStored(kind: number): boolean {
  return kind >= RUN_SHARED;
}

function endOf(pieces: readonly Piece[]): number {
  const { at, count } = pieces[pieces.length - 1]!;
  return at + count;
}

/** The first pieces, as far as `most` chunks. */
function cut(pieces: readonly Piece[], most: number): Piece[] {
  const found: Piece[] = [];
  for (const piece of pieces) {
    if (most === 0) break;
    const count = Math.min(most, piece.count);
    found.push({ ...piece, count });
    most -= count;
  }
  return found;
}

/** What the chunks from `first` on are, or a status where that is not known of the first. */
function stretchesOf(
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

/** Through one copy slot. Answers false where the view's chunks are to be looked up again. */
function* sumPieces(
  core: Core,
  pieces: readonly Piece[],
  visit: Visit,
  whenFull: boolean,
): Task<boolean> {
  const { store, chunk } = core;
  const slot = yield* core.takeSlot(visit);
  try {
    yield* readAll(core, pieces, slot);
    let address = slot;
    for (const piece of pieces) {
      let status: number;
      do {
        yield* store.gate(visit);
        if (!isThere(store, piece)) return false;
        status = store.sums!.sum(piece.place, piece.count, address);
        if (status === NO_SPACE && whenFull) break;
        if (status < 0) yield* store.serve(status, visit);
      } while (status < 0);
      address += piece.count * chunk;
    }
    return true;
  } finally {
    core.giveSlot(slot);
  }
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

/** Whether the view still shares the places with others: else nobody minds. */
function isThere(store: ExceptionStore, { view, at, place, count }: Piece): boolean {
  if (store.lookup(view, at, count, true) < 1) return false;
  return (
    store.runKind(0) === RUN_SHARED && store.runPlace(0) === place && store.runCount(0) === count
  );
}

/**
 * At once, where no request is in flight: the place that a write leaves has a checksum; where
 * `wanted`, its bytes are in the first copy slot, and right. False: take the long way.
 */
export function sumLeftNow({ store, chunk }: Core, place: number, wanted: boolean): boolean {
  const sums = store.sums!;
  const { memory, copies } = store;
  const alike = sums.run(place, 1);
  if (alike < 0) return false;
  const hasSum = (alike & 1) === 1;
  if (hasSum && !wanted) return true;
  store.device.read(memory, copies, chunk, place * chunk);
  return (hasSum ? sums.verify(place, 1, copies) : sums.sum(place, 1, copies)) === 1;
}

/**
 * At once: fills `target` from a chunk that has a checksum, `within` bytes behind its beginning.
 * False: take the long way, which says what is wrong.
 */
export function readSummedNow(core: Core, place: number, within: number, target: Uint8Array) {
  const { store, chunk } = core;
  const { memory, copies } = store;
  store.device.read(memory, copies, chunk, place * chunk);
  if (store.sums!.verify(place, 1, copies) !== 1) return false;
  target.set(memory.subarray(copies + within, copies + within + target.length));
  return true;
}

/** Pieces just read to `address` are what was written, else `Corrupt`. */
export function* verifyAll(
  core: Core,
  pieces: readonly Piece[],
  address: number,
  visit: Visit,
): Task<void> {
  const { store, chunk } = core;
  if (!store.sums) return;
  for (const { view, at, place, count } of pieces) {
    let good: number;
    while ((good = store.sums.verify(place, count, address)) < 0) yield* store.serve(good, visit);
    if (good < count) throw lost(core, view, at + good, place + good);
    address += count * chunk;
  }
}

function lost({ store, chunk }: Core, view: number, at: number, place: number): MultisnapError {
  const size = store.view(view)?.size ?? Infinity;
  const [from, end] = [at * chunk, Math.min(size, (at + 1) * chunk)];
  const where = `place ${place} of ${store.device.name} (byte ${place * chunk})`;
  return new MultisnapError(
    "Corrupt",
    `bytes ${from}..${end - 1} are lost: ${where} does not have its checksum; ` +
      'write them anew, and see "check --data" for what else is',
  );
}

/** What a read finds: chunks that have no checksums, then some that do. Or a status. */
export interface Summed {
  before: number;
  pieces: Piece[];
}

/** In the runs of a lookup from chunk `first` on, as far as `wanted` chunks. */
export function firstSummed(
  store: ExceptionStore,
  runs: number,
  view: number,
  first: number,
  wanted: number,
): Summed | number {
  const found = stretchesOf(store, runs, view, first, wanted, isStored);
  if (typeof found === "number") return found;
  const from = found.findIndex(({ state }) => state === SUMMED);
  if (from < 0) return { before: endOf(found) - first, pieces: [] };
  const rest = found.slice(from);
  const end = rest.findIndex(({ state }) => state !== SUMMED);
  const pieces = end < 0 ? rest : rest.slice(0, end);
  return { before: pieces[0]!.at - first, pieces };
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
