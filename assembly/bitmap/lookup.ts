/**
 * What the bitmap store knows of a request (Fujita + Daniel): where a view's chunks lie, and which
 * of the origin's must be copied before they are overwritten.
 *
 * An entry is for the snapshots in its mask; the entry with mask 0 is the inline origin's own. A
 * snapshot whose bit no entry of a column has sees what the origin sees. So whatever the number of
 * snapshots, one entry serves all that a write to the origin takes its old chunk from: those
 * without a bit.
 *
 * Invariants
 * - I1: the masks of a column have no bit in common, so it has at most 65 entries; sorted by lowest
 *   bit.
 * - A place is named by one entry.
 */
import { FOUND, RUN_COUNT, RUNS_MAX } from "../memory";
import { FLAG_HOLE, FLAG_UNDER } from "../layout";
import { FAULT, NOT_FOUND } from "../status";
import { liveCell } from "../timeline";
import { descend, pathNext } from "../btree/path";
import { isUnsettled } from "../journal";
import {
  addPlaces,
  addRun,
  RUN_HOLE,
  RUN_LOST,
  RUN_PRIVATE,
  RUN_SHARED,
  RUN_UNMAPPED,
  someOr,
} from "../range";
import { entryMask, liveMask, maskOf } from "./mask";
import * as c from "../columns";

/**
 * Where `count` chunks of a view from `chunk` lie: runs in RUNS, at most RUNS_MAX, so perhaps not
 * all chunks. Answers the number of runs. With `writing` PRIVATE is told from SHARED.
 */
export function lookup(view: u32, chunk: u64, count: u32, writing: bool): i32 {
  const cell = liveCell(view);
  if (cell == 0) return NOT_FOUND;
  const own = maskOf(cell);
  const end = chunk + count;
  let n: u32 = 0;
  while (chunk < end && n < RUNS_MAX - 1) {
    const status = descend(chunk, 0);
    if (status == FAULT) return someOr(n);
    const first = status == 0 ? end : c.firstChunk(c.here());
    if (first > chunk) {
      const stop = min<u64>(first, end);
      n = addRun(n, RUN_UNMAPPED, stop - chunk, 0);
      chunk = stop;
      continue;
    }
    const stop = min<u64>(c.lastChunk(c.here()) + 1, end);
    const kind = columnKind(own, writing);
    if (kind == FAULT) return someOr(n);
    const part = addPlaces(n, kind, chunk, stop);
    if (part == 0) return someOr(n);
    n = load<u32>(RUN_COUNT);
    chunk += part;
  }
  return n;
}

/**
 * Kind of run of the column at the path for the view with mask `own`; place and first chunk of the
 * entry that it sees go to FOUND. Or FAULT.
 */
function columnKind(own: u64, writing: bool): i32 {
  const last = c.lastChunk(c.here());
  let named: u64 = 0;
  while (true) {
    const e = c.here();
    const mask = entryMask(e);
    named |= mask;
    // The origin's own entry is the last, and nothing in the column has the bit before it.
    if (own != 0 ? (mask & own) != 0 || mask == 0 : mask == 0) {
      store<u64>(FOUND, c.placeOf(e));
      store<u64>(FOUND, c.firstChunk(e), 8);
      return entryKind(e, own, named, writing);
    }
    const status = pathNext();
    if (status == FAULT) return FAULT;
    if (status == 0 || c.lastChunk(c.here()) != last) return RUN_UNMAPPED;
  }
}

/** `named`: bits of the column up to this entry; all of them, if it is the origin's. */
function entryKind(entry: usize, own: u64, named: u64, writing: bool): i32 {
  const flags = c.flagsOf(entry);
  if (flags & FLAG_UNDER) return RUN_UNMAPPED;
  if (flags & FLAG_HOLE) return c.isLost(entry) ? RUN_LOST : RUN_HOLE;
  if (!writing || isUnsettled(flags)) return RUN_SHARED;
  const mask = entryMask(entry);
  if (own != 0) return mask != 0 && (mask & liveMask()) == own ? RUN_PRIVATE : RUN_SHARED;
  return (liveMask() & ~named) == 0 ? RUN_PRIVATE : RUN_SHARED;
}

/** Whether a live snapshot has no bit in the column at the path. 1, 0, FAULT. */
export function needsCopy(): i32 {
  const last = c.lastChunk(c.here());
  let open = liveMask();
  while (true) {
    open &= ~entryMask(c.here());
    if (open == 0) return 0;
    const status = pathNext();
    if (status == FAULT) return FAULT;
    if (status == 0 || c.lastChunk(c.here()) != last) return 1;
  }
}
