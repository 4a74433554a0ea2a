/**
 * Copies and requests in flight, and the one test that a new request makes against each: do the
 * chunks overlap, and is the view one of those that the copy is for. In a range store those are the
 * views in (after, to] of the timeline; elsewhere the bits of a mask, and the origin.
 *
 *     +0 chunk u64   +8 count u32   +12 kind u32 (0 free)
 *     +16 after u32, to u32; or the mask u64
 *     +24 place u48, chunks of it that entries name u16
 *
 * A copy's place is in use in memory before any entry names it; a checkpoint leaves it out
 * (`checkpoint.ts`), so a crash leaks nothing.
 */
import { PENDING, PENDING_BYTES, PENDING_COUNT, PENDING_SLOTS } from "./memory";
import { rankOf } from "./timeline";

const KIND: u32 = 12;
const VIEWS: u32 = 16;
const PLACE: u32 = 24;

/** A copy (or a write to a new place) for some views: nothing else touches those. */
export const PENDING_COPY: u32 = 1;
/**
 * A read of a snapshot that the attached origin serves: the origin's chunk is not overwritten
 * before it ends (rule 4).
 */
export const PENDING_READ: u32 = 2;
/** Beside one of the two, where a mask says the views: the origin is one of them. */
export const PENDING_ORIGIN: u32 = 4;

/** `views`: after | to << 32, or a mask. Slot of a new entry, or -1 where all are in use. */
export function pendingAdd(chunk: u64, count: u32, views: u64, kind: u32, place: u64): i32 {
  for (let i: u32 = 0; i < PENDING_SLOTS; i++) {
    const at = PENDING + i * PENDING_BYTES;
    if (load<u32>(at, KIND) != 0) continue;
    store<u64>(at, chunk);
    store<u32>(at, count, 8);
    store<u32>(at, kind, KIND);
    store<u64>(at, views, VIEWS);
    store<u64>(at, place, PLACE);
    store<u32>(PENDING_COUNT, load<u32>(PENDING_COUNT) + 1);
    return i;
  }
  return -1;
}

/** The first `done` chunks of a copy have entries now: their places are named. */
export function pendingNamed(slot: u32, done: u32): void {
  const at = PENDING + slot * PENDING_BYTES;
  store<u64>(at, (load<u64>(at, PLACE) & 0xffffffffffff) | ((<u64>done) << 48), PLACE);
}

/** Chunks of the copy in a slot whose places no entry names yet. */
export function unnamedCount(slot: u32): u32 {
  const at = PENDING + slot * PENDING_BYTES;
  if ((load<u32>(at, KIND) & PENDING_COPY) == 0 || load<u64>(at, PLACE) == 0) return 0;
  return load<u32>(at, 8) - <u32>(load<u64>(at, PLACE) >>> 48);
}

/** The first of those places. */
export function unnamedPlace(slot: u32): u64 {
  const word = load<u64>(PENDING + slot * PENDING_BYTES, PLACE);
  return (word & 0xffffffffffff) + (word >>> 48);
}

export function pendingRemove(slot: u32): void {
  store<u32>(PENDING + slot * PENDING_BYTES, 0, KIND);
  store<u32>(PENDING_COUNT, load<u32>(PENDING_COUNT) - 1);
}

// @ts-ignore: decorator
@inline
function overlaps(at: usize, chunk: u64, count: u32): bool {
  const first = load<u64>(at);
  return first < chunk + count && chunk < first + load<u32>(at, 8);
}

/**
 * Whether a request of the view of this rank on `count` chunks must wait. A writer of the attached
 * origin (`overwrites`) copies out for all views: nothing else may be in flight on its chunks, or a
 * view would change between two steps of the copy. A read in flight keeps only such a writer away.
 */
export function conflicts(chunk: u64, count: u32, rank: u64, overwrites: bool): bool {
  let left = load<u32>(PENDING_COUNT);
  if (left == 0) return false;
  for (let at = PENDING; left > 0; at += PENDING_BYTES) {
    const kind = load<u32>(at, KIND);
    if (kind == 0) continue;
    left--;
    if (!overlaps(at, chunk, count)) continue;
    if (overwrites) return true;
    const covers = rankOf(load<u32>(at, VIEWS)) < rank && rank <= rankOf(load<u32>(at, VIEWS + 4));
    if (kind == PENDING_COPY && covers) return true;
  }
  return false;
}

/** The same with masks. `kind`: PENDING_COPY, and PENDING_ORIGIN for a request of the origin. */
export function maskConflicts(
  chunk: u64,
  count: u32,
  mask: u64,
  kind: u32,
  overwrites: bool,
): bool {
  let left = load<u32>(PENDING_COUNT);
  for (let at = PENDING; left > 0; at += PENDING_BYTES) {
    const other = load<u32>(at, KIND);
    if (other == 0) continue;
    left--;
    if (!overlaps(at, chunk, count)) continue;
    if (overwrites) return true;
    const meet = (load<u64>(at, VIEWS) & mask) != 0 || (other & kind & PENDING_ORIGIN) != 0;
    if (other & PENDING_COPY && meet) return true;
  }
  return false;
}
