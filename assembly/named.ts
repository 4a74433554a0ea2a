/** Who names a place: entries of one column, in the tree or in a list of its entries. */
import { MIDDLE } from "./memory";
import { FLAG_HOLE, FLAG_SHARED } from "./layout";
import { FAULT } from "./status";
import { anyLive, cellOf } from "./timeline";
import { descend, pathNext } from "./btree/path";
import { shadowPath } from "./btree/change";
import * as c from "./columns";

/** Whether one of the first `n` entries of a list names a place. */
export function listNames(list: usize, n: u32, place: u64): bool {
  for (let i: u32 = 0; i < n; i++) if (c.names(c.listAt(list, i), place)) return true;
  return false;
}

/** Marks all of the `n` entries of MIDDLE that name a place as sharing it. */
export function shareAll(n: u32, place: u64): void {
  for (let i: u32 = 0; i < n; i++) {
    const e = c.listAt(MIDDLE, i);
    if (c.names(e, place)) c.setFlags(e, c.flagsOf(e) | FLAG_SHARED);
  }
}

/**
 * Of `count` chunks from `chunk` those up to the end of a column, or of a gap between columns,
 * times two; plus 1 where an entry names `place` for the first of them. Or FAULT.
 */
export function namedRun(chunk: u64, count: u32, place: u64): i32 {
  let status = descend(chunk, 0);
  if (status == FAULT) return FAULT;
  const first = status == 1 ? c.firstChunk(c.here()) : <u64>-1;
  if (first > chunk) return <i32>(min<u64>(count, first - chunk) << 1);
  const last = c.lastChunk(c.here());
  const part = <i32>(min<u64>(count, last + 1 - chunk) << 1);
  while (status == 1 && c.lastChunk(c.here()) == last) {
    if (c.names(c.here(), place - (chunk - first))) return part | 1;
    status = pathNext();
  }
  return status == FAULT ? FAULT : part;
}

/**
 * Whether an entry of the column that ends at `last`, other than the one that ends at view `but`,
 * names `place` (of the column's first chunk). With `live` only entries that a live view sees
 * count. 1, 0, FAULT. The path is spoilt.
 */
export function isNamed(last: u64, place: u64, but: u32, live: bool): i32 {
  let status = descend(last, 0);
  while (status == 1 && c.lastChunk(c.here()) == last) {
    const e = c.here();
    if (c.toId(e) != but && c.placeOf(e) == place && (c.flagsOf(e) & FLAG_HOLE) == 0) {
      if (!live || seen(e)) return 1;
    }
    status = pathNext();
  }
  return status == FAULT ? FAULT : 0;
}

/**
 * Marks the entries of a wide column that name `place` as sharing it. 0, or FAULT. The path is
 * spoilt.
 */
export function shareNamed(last: u64, place: u64): i32 {
  let status = descend(last, 0);
  while (status == 1 && c.lastChunk(c.here()) == last) {
    const flags = c.flagsOf(c.here());
    if (c.placeOf(c.here()) == place && (flags & (FLAG_HOLE | FLAG_SHARED)) == 0) {
      shadowPath();
      c.setFlags(c.here(), flags | FLAG_SHARED);
    }
    status = pathNext();
  }
  return status == FAULT ? FAULT : 0;
}

function seen(entry: usize): bool {
  return anyLive(cellOf(c.afterId(entry)), cellOf(c.toId(entry)));
}
