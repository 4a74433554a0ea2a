/**
 * Which views an entry of a column is for, where entries lie inside others. An entry is for the
 * views in (after, to] of the timeline; one that is marked AROUND only for those of them that no
 * entry before it in the column has. So when a view in the middle of an entry gets a place of its
 * own, or an old chunk is saved for views on both sides of one that has its own, that is one entry
 * more and not two (a bitmap needs as many).
 *
 * Lists are columns in the tree's order: what lies inside an entry stands right before it.
 *
 * Invariants
 * - Two entries of a column are apart, or one lies inside the other, which is marked AROUND.
 * - A column with such an entry has at most AROUND_ENTRIES entries, for a search has to pass those
 *   between a view and the end of the entry around it. A larger one is flattened: an entry for each
 *   stretch of views, marked SHARED.
 */
import { MIDDLE } from "./memory";
import { FLAG_AROUND, FLAG_HOLE, FLAG_SHARED } from "./layout";
import {
  anyLive,
  cellOf,
  cellRank,
  liveAtOrBefore,
  nextLive,
  previousLive,
  rankOf,
} from "./timeline";
import * as c from "./columns";

export const AROUND_ENTRIES: u32 = 128;

/** The entry of a list of `n` that the view of this rank belongs to; `n` where none does. */
export function coverer(list: usize, n: u32, rank: u64): u32 {
  for (let i = c.searchList(list, n, rank); i < n; i++) {
    if (rankOf(c.afterId(c.listAt(list, i))) < rank) return i;
  }
  return n;
}

/**
 * Cell of the highest live view that entry `index` of a list is for, 0: none. `but`: one that it is
 * for and that is not asked for, or 0.
 */
export function highestOwn(list: usize, index: u32, but: u32): u32 {
  const e = c.listAt(list, index);
  const floor = rankOf(c.afterId(e));
  let view = liveAtOrBefore(cellOf(c.toId(e)));
  if ((c.flagsOf(e) & FLAG_AROUND) == 0) {
    if (view == but) view = previousLive(view);
    return cellRank(view) > floor ? view : 0;
  }
  while (cellRank(view) > floor) {
    const own = view == but ? index : coverer(list, index + 1, cellRank(view));
    if (own != index) view = liveAtOrBefore(cellOf(c.afterId(c.listAt(list, own))));
    else if (view == but) view = previousLive(view);
    else return view;
  }
  return 0;
}

/** The lowest one. */
export function lowestOwn(list: usize, index: u32, but: u32): u32 {
  const e = c.listAt(list, index);
  const top = rankOf(c.toId(e));
  let view = nextLive(cellOf(c.afterId(e)));
  if ((c.flagsOf(e) & FLAG_AROUND) == 0) {
    if (view == but) view = nextLive(view);
    return view != 0 && cellRank(view) <= top ? view : 0;
  }
  while (view != 0 && cellRank(view) <= top) {
    const own = view == but ? index : coverer(list, index + 1, cellRank(view));
    if (own != index) view = nextLive(cellOf(c.toId(c.listAt(list, own))));
    else if (view == but) view = nextLive(view);
    else return view;
  }
  return 0;
}

/** FLAG_AROUND where another entry lies inside entry `index` of a list, else 0. */
export function aroundFlag(list: usize, index: u32): u32 {
  if (index == 0) return 0;
  const before = c.listAt(list, index - 1);
  return rankOf(c.toId(before)) > rankOf(c.afterId(c.listAt(list, index))) ? FLAG_AROUND : 0;
}

/** First entry of a list that stands before `index` and ends above `floor`. */
export function insideFrom(list: usize, index: u32, floor: u64): u32 {
  while (index > 0 && rankOf(c.toId(c.listAt(list, index - 1))) > floor) index--;
  return index;
}

/** MIDDLE, of `n` entries, without entries inside others. Answers the number of entries. */
export function flatten(n: u32): u32 {
  for (let i = n; i-- > 0; ) {
    if (c.flagsOf(c.listAt(MIDDLE, i)) & FLAG_AROUND) n = flattenOne(n, i);
  }
  return n;
}

/** An entry for each stretch of live views that entry `index` is for, from the top down. */
function flattenOne(n: u32, index: u32): u32 {
  const e = c.listAt(MIDDLE, index);
  const floor = cellOf(c.afterId(e));
  const flags = c.flagsOf(e) & ~FLAG_AROUND;
  const shared = flags & FLAG_HOLE ? flags : flags | FLAG_SHARED;
  const first = c.firstChunk(e);
  const count = c.chunkCount(e);
  const place = c.placeOf(e);
  let top = cellOf(c.toId(e));
  c.openList(MIDDLE, n--, index + 1, -1);
  let at = index;
  while (true) {
    const isInside = at > 0 && rankOf(c.toId(c.listAt(MIDDLE, at - 1))) > cellRank(floor);
    const low = isInside ? cellOf(c.toId(c.listAt(MIDDLE, at - 1))) : floor;
    if (cellRank(low) < cellRank(top) && anyLive(low, top)) {
      c.openList(MIDDLE, n++, at, 1);
      c.putEntry(c.listAt(MIDDLE, at), first, count, load<u32>(low), load<u32>(top), place, shared);
    }
    if (!isInside) return n;
    top = cellOf(c.afterId(c.listAt(MIDDLE, at - 1)));
    at = insideFrom(MIDDLE, at - 1, cellRank(top));
  }
}
