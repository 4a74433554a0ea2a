/**
 * What each snapshot costs, from one walk over the tree: O(entries + views), whatever the number of
 * views an entry is seen by.
 */

import type { ViewRecord } from "../stores/store.ts";
import { endIfAborted, type Task } from "../task.ts";
import { type Core, ORIGIN } from "./core.ts";
import type { ProgressOptions, SnapshotUsage } from "./types.ts";
import { type Entry, HOLE, SHARED, walkTree } from "./walk.ts";

/**
 * Live views by their index in the timeline; and, for every id, how many live views stand at or
 * before it.
 */
interface LiveOrder {
  views: ViewRecord[];
  upTo: Map<number, number>;
}

function liveOrder(core: Core): LiveOrder {
  const upTo = new Map<number, number>([[0, 0]]);
  let live = 0;
  for (const { id, isLive } of core.store.facts.timeline()) {
    // An attached origin has no entries, so nothing is its own or shared with it.
    if (isLive && !(id === ORIGIN && core.origin)) live++;
    upTo.set(id, live);
  }
  return { views: core.store.views(), upTo };
}

export function* snapshotUsage(core: Core, options: ProgressOptions): Task<SnapshotUsage[]> {
  const { views, upTo } = liveOrder(core);
  const exclusive = new Float64Array(views.length + 1);
  const seen = new Float64Array(views.length + 1);
  let column: Entry[] = [];
  const total = core.store.usage().exceptions;
  let done = 0;

  const add = (entries: Entry[]): void => {
    const bytes = (entries[0]?.count ?? 0) * core.chunk;
    const sharers = new Map<number, { low: number; high: number; count: number }>();
    for (const entry of entries) {
      if (entry.flags & HOLE) continue;
      const low = upTo.get(entry.after) ?? 0;
      const high = upTo.get(entry.to) ?? 0;
      if (high === low) continue;
      seen[low]! += bytes;
      seen[high]! -= bytes;
      if (entry.flags & SHARED) {
        const other = sharers.get(entry.place);
        const count = (other?.count ?? 0) + high - low;
        sharers.set(entry.place, { low, high, count });
      } else if (high - low === 1) {
        exclusive[low]! += bytes;
      }
    }
    for (const { low, count } of sharers.values()) if (count === 1) exclusive[low]! += bytes;
  };

  yield* walkTree(core.store.facts, (node) => {
    endIfAborted(options.signal);
    for (const entry of node.entries) {
      const head = column[0];
      if (head && head.first !== entry.first) {
        add(column);
        column = [];
      }
      column.push(entry);
    }
    done += node.entries.length;
    options.progress?.(done, total);
  });
  add(column);

  const names = new Map(views.map((view) => [view.id, view.name]));
  const result: SnapshotUsage[] = [];
  let bytes = 0;
  views.forEach((view, index) => {
    bytes += seen[index]!;
    if (view.id === ORIGIN) return;
    result.push({
      name: view.name!,
      id: view.id,
      parent: names.get(view.parent) ?? null,
      created: view.created,
      size: view.size,
      readOnly: view.readOnly,
      exclusive: exclusive[index]!,
      shared: bytes - exclusive[index]!,
    });
  });
  return result.sort((a, b) => a.id - b.id);
}
