/**
 * What each snapshot costs, from one walk over the tree, column by column. Who sees an entry is
 * known to the kind of the store.
 */
import { endIfAborted, type Task } from "../../task.ts";
import { MaskTally } from "../bitmap-tally.ts";
import { RangeTally } from "../range-tally.ts";
import type { Costs, ProgressOptions } from "../store.ts";
import type { Placed } from "./check/rules.ts";
import type { TreeStore } from "./tree-store.ts";
import { type Entry, walkTree } from "./walk.ts";

/** What a tally has to know of the store. */
export interface Accounted {
  timeline: readonly Pick<Placed, "id" | "seat" | "isLive" | "bit">[];
  /** Bytes. */
  chunk: number;
  /** The origin's bytes are on a device of their own. */
  isAttached: boolean;
  /** Ids of the snapshots to delete. */
  doomed: ReadonlySet<number>;
}

/** Adds columns up. */
export interface Tally {
  /** The entries of one column, in order; at least one. */
  add(column: readonly Entry[]): void;
  costs(): Costs;
}

/** What deleting the snapshots `doomed` would free is in it, too. */
export function* costsOf(
  store: TreeStore,
  doomed: ReadonlySet<number>,
  options: ProgressOptions,
): Task<Costs> {
  const tally = tallyOf(store, doomed);
  const total = store.usage().exceptions;
  let column: Entry[] = [];
  let done = 0;
  yield* walkTree(store.facts, (node) => {
    endIfAborted(options.signal);
    for (const entry of node.entries) {
      const head = column[0];
      if (head && head.first !== entry.first) {
        tally.add(column);
        column = [];
      }
      column.push(entry);
    }
    done += node.entries.length;
    options.progress?.(done, total);
  });
  if (column.length > 0) tally.add(column);
  return tally.costs();
}

function tallyOf({ kind, facts, mode, chunkShift }: TreeStore, doomed: ReadonlySet<number>): Tally {
  const isAttached = mode === "attached";
  const accounted = { timeline: facts.timeline(), chunk: 2 ** chunkShift, isAttached, doomed };
  return kind === "bitmap" ? new MaskTally(accounted) : new RangeTally(accounted);
}
