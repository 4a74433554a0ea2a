/**
 * What each snapshot costs, from one walk over the tree, column by column. Who sees an entry is
 * known to the kind of the store.
 */
import { endIfAborted, type Task } from "../../task.ts";
import type { Costs, ProgressOptions } from "../store.ts";
import type { TreeFacts } from "./facts.ts";
import { type Entry, walkTree } from "./walk.ts";

/** Adds columns up. */
export interface Tally {
  /** The entries of one column, in order; at least one. */
  add(column: readonly Entry[]): void;
  costs(): Costs;
}

/** `total`: entries in the tree, for the progress. */
export function* costsOf(
  facts: TreeFacts,
  total: number,
  tally: Tally,
  options: ProgressOptions,
): Task<Costs> {
  let column: Entry[] = [];
  let done = 0;
  yield* walkTree(facts, (node) => {
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
