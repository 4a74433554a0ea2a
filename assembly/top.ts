/**
 * Where the store ends: free places at its end are given back to the device, two checkpoints after
 * something lay there.
 *
 * Invariant: neither of the two superblocks, nor a record of the journal behind either, names a
 * place that the device does not have any more.
 */
import * as m from "./memory";
import { BLOCK_HEADER, GROUP_CHUNKS, SUPER_TOP } from "./layout";
import { find } from "./cache";
import { groupBlock, groupFree } from "./space";

/**
 * Part of a checkpoint: SUPER_TOP goes down to behind the last place in use, as far as pages that
 * are in memory tell. SPACE_CUT is what the checkpoint before and its records had: until the next
 * one no less of the device may be there.
 */
export function spaceLower(): void {
  let top = load<u64>(m.SUPER + SUPER_TOP);
  store<u64>(m.SPACE_CUT, top);
  while (top > 0) {
    const index = <u32>((top - 1) / GROUP_CHUNKS);
    const base = <u64>index * GROUP_CHUNKS;
    const free = groupFree(index);
    if (free == GROUP_CHUNKS) {
      top = base;
      continue;
    }
    const page = free == 0 ? 0 : find(groupBlock(index));
    if (page != 0) top = base + behindUsed(page, <u32>(top - base));
    break;
  }
  store<u64>(m.SUPER + SUPER_TOP, top);
  if (load<u64>(m.SPACE_CURSOR) > top) store<u64>(m.SPACE_CURSOR, top);
}

/** Behind the last used bit before `at`; 0: there is none. */
function behindUsed(page: u32, at: u32): u32 {
  while (at > 0) {
    const first = (at - 1) & ~63;
    const bits = load<u64>(page + BLOCK_HEADER + (first >>> 3)) << (63 - ((at - 1) & 63));
    if (bits != 0) return at - <u32>clz(bits);
    at = first;
  }
  return 0;
}

/** Chunks that the store's device must have: see `spaceLower`. */
export function spaceCut(): f64 {
  const top = max(load<u64>(m.SUPER + SUPER_TOP), load<u64>(m.SPACE_CUT));
  const filled = load<u64>(m.FILL_PLACE) + load<u32>(m.FILL_COUNT);
  return <f64>(load<u32>(m.FILL_COUNT) == 0 ? top : max(top, filled));
}
