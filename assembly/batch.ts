/**
 * Lookups of many (chunk, view) pairs in one call, level by level: the cache misses of different
 * lookups overlap, which one lookup after the other does not allow (design 9).
 */
import { BATCH, BATCH_BYTES, SUPER } from "./memory";
import { SUPER_ROOT } from "./layout";
import { FAULT, NOT_FOUND } from "./status";
import { need } from "./cache";
import { cellRank, liveCell, rankOf } from "./timeline";
import { child, count, entryAt, searchInner, searchLeaf } from "./btree/node";
import { height } from "./btree/path";
import { FLAG_HOLE } from "./layout";
import { lookup, RUN_HOLE, RUN_SHARED, RUN_UNMAPPED } from "./range";
import { RUNS } from "./memory";
import * as c from "./columns";

/** Answers every pair of BATCH (chunk f64, view u32): kind and place. 0, FAULT, NOT_FOUND. */
export function lookupBatch(n: u32): i32 {
  let level = height();
  const end = BATCH + n * BATCH_BYTES;
  if (level > 0) {
    for (let at = BATCH; at < end; at += BATCH_BYTES)
      store<u32>(at, load<u32>(SUPER + SUPER_ROOT), 24);
  }
  while (level > 1) {
    level--;
    for (let at = BATCH; at < end; at += BATCH_BYTES) {
      const page = need(load<u32>(at, 24));
      if (page == 0) return FAULT;
      store<u32>(at, child(page, searchInner(page, <u64>load<f64>(at), 0)), 24);
    }
  }
  for (let at = BATCH; at < end; at += BATCH_BYTES) {
    const status = answer(at);
    if (status < 0) return status;
  }
  return 0;
}

/** The leaf's answer to one pair; a column of several entries is looked up the long way. */
function answer(at: usize): i32 {
  const chunk = <u64>load<f64>(at);
  const view = load<u32>(at, 8);
  const page = height() > 0 ? need(load<u32>(at, 24)) : 0;
  if (page == 0 && height() > 0) return FAULT;
  const index = page == 0 ? 0 : searchLeaf(page, chunk, 0);
  if (page == 0 || index == count(page) || c.firstChunk(entryAt(page, index)) > chunk) {
    store<u32>(at, RUN_UNMAPPED, 12);
    return 0;
  }
  const e = entryAt(page, index) as usize;
  const cell = liveCell(view);
  if (cell == 0) return NOT_FOUND;
  if (c.toId(e) != view && rankOf(c.toId(e)) < cellRank(cell)) {
    const runs = lookup(view, chunk, 1, false);
    if (runs < 0) return runs;
    store<u32>(at, load<u32>(RUNS), 12);
    store<f64>(at, load<f64>(RUNS, 8), 16);
    return 0;
  }
  const covered = rankOf(c.afterId(e)) < cellRank(cell);
  store<u32>(at, !covered ? RUN_UNMAPPED : c.flagsOf(e) & FLAG_HOLE ? RUN_HOLE : RUN_SHARED, 12);
  store<f64>(at, <f64>(c.placeOf(e) + (chunk - c.firstChunk(e))), 16);
  return 0;
}
