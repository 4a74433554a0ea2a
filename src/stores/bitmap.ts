/**
 * The bitmap store (Fujita + Daniel): an entry is for the snapshots whose bits its mask has; mask 0
 * is the origin's own. A snapshot without a bit in a column sees what the origin sees. At most 64
 * snapshots, none of them of a snapshot.
 */
import { RANGE } from "./range.ts";
import type { Capabilities } from "./store.ts";
import { TreeStore } from "./tree/tree-store.ts";

export const BITMAP: Capabilities = { ...RANGE, snapshots: 64, ofSnapshots: false };

export class BitmapStore extends TreeStore {
  readonly kind = "bitmap";
  readonly capabilities = BITMAP;
}
