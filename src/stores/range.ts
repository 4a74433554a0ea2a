/**
 * The range store (Mikulas): an entry is for the views in (after, to] of the timeline. The number
 * of snapshots is limited by ids only, and a snapshot has snapshots to any depth.
 */
import type { Capabilities } from "./store.ts";
import { TreeStore } from "./tree/tree-store.ts";

export const RANGE: Capabilities = {
  origins: ["inline", "base", "attached"],
  snapshots: 2 ** 32 - 3,
  fixed: false,
  writable: true,
  ofSnapshots: true,
  delete: true,
  merge: false,
  trim: true,
  crash: "consistent",
  whenFull: "NoSpace",
  chunk: [4096, 2 ** 20],
};

export class RangeStore extends TreeStore {
  readonly kind = "range";
  readonly capabilities = RANGE;
}
