/**
 * Copies and requests in flight, and the one test that a new request makes against each: do the
 * chunks overlap and does the view lie in the range of views that the copy is for.
 *
 *     +0 chunk u64   +8 count u32   +12 after u32   +16 to u32   +20 kind u32 (0 free)
 *     +24 place u48, chunks of it that entries name u16
 *
 * A copy's place is in use in memory before any entry names it; a checkpoint leaves it out
 * (`checkpoint.ts`), so a crash leaks nothing.
 */
import { PENDING, PENDING_BYTES, PENDING_COUNT, PENDING_SLOTS } from "./memory";
import { rankOf } from "./timeline";

/** A copy (or a write to a new place) for the views in (after, to]: nothing else touches those. */
export const PENDING_COPY: u32 = 1;
/**
 * A read of a snapshot that the attached origin serves: the origin's chunk is not overwritten
 * before it ends (rule 4).
 */
export const PENDING_READ: u32 = 2;

/** Slot of a new entry, or -1 where all are in use. */
export function pendingAdd(
  chunk: u64,
  count: u32,
  after: u32,
  to: u32,
  kind: u32,
  place: u64,
): i32 {
  for (let i: u32 = 0; i < PENDING_SLOTS; i++) {
    const at = PENDING + i * PENDING_BYTES;
    if (load<u32>(at, 20) != 0) continue;
    store<u64>(at, chunk);
    store<u32>(at, count, 8);
    store<u32>(at, after, 12);
    store<u32>(at, to, 16);
    store<u32>(at, kind, 20);
    store<u64>(at, place, 24);
    store<u32>(PENDING_COUNT, load<u32>(PENDING_COUNT) + 1);
    return i;
  }
  return -1;
}

/** The first `done` chunks of a copy have entries now: their places are named. */
export function pendingNamed(slot: u32, done: u32): void {
  const at = PENDING + slot * PENDING_BYTES;
  store<u64>(at, (load<u64>(at, 24) & 0xffffffffffff) | ((<u64>done) << 48), 24);
}

export function pendingRemove(slot: u32): void {
  store<u32>(PENDING + slot * PENDING_BYTES, 0, 20);
  store<u32>(PENDING_COUNT, load<u32>(PENDING_COUNT) - 1);
}

/**
 * Whether a request of a view on `count` chunks must wait. A writer of the attached origin
 * (`overwrites`) copies out for all views: nothing else may be in flight on its chunks, or a view
 * would change between two steps of the copy. A read in flight keeps only such a writer away.
 */
export function conflicts(chunk: u64, count: u32, view: u32, overwrites: bool): bool {
  let left = load<u32>(PENDING_COUNT);
  if (left == 0) return false;
  const rank = rankOf(view);
  for (let at = PENDING; left > 0; at += PENDING_BYTES) {
    const kind = load<u32>(at, 20);
    if (kind == 0) continue;
    left--;
    const first = load<u64>(at);
    if (first >= chunk + count || first + load<u32>(at, 8) <= chunk) continue;
    if (overwrites) return true;
    if (
      kind == PENDING_COPY &&
      rankOf(load<u32>(at, 12)) < rank &&
      rank <= rankOf(load<u32>(at, 16))
    ) {
      return true;
    }
  }
  return false;
}
