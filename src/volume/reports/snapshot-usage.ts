/** The snapshots and what each costs: what `list` shows. */

import { isHidden } from "../../stores/hidden.ts";
import type {
  Costs,
  ExceptionStore,
  ProgressOptions,
  StoreUsage,
  ViewCost,
} from "../../stores/store.ts";
import type { Task } from "../../task.ts";
import { parseMarks } from "../life/marks.ts";
import type { Accounting, SnapshotUsage } from "../types.ts";

export function* snapshotUsage(
  store: ExceptionStore,
  options: ProgressOptions,
): Task<SnapshotUsage[]> {
  return rowsOf(store, yield* store.costs(options));
}

/** The same, and what deleting `doomed` would free, of all stores together. */
export function* accountOf(
  stores: readonly ExceptionStore[],
  doomed: ReadonlySet<number>,
  options: ProgressOptions,
): Task<Accounting> {
  const sum: Accounting = { ...none(stores), snapshots: [] };
  for (const store of stores) {
    const costs = yield* store.still(costsOf(store, doomed, options));
    sum.wouldFree += costs.freed;
    sum.reclaimable += costs.reclaimable;
    sum.snapshots.push(...rowsOf(store, costs.views));
  }
  return sum;
}

function none(stores: readonly ExceptionStore[]): Omit<Accounting, "snapshots"> {
  const sum = (of: (usage: StoreUsage) => number) =>
    stores.reduce((total, store) => total + of(store.usage()), 0);
  return {
    data: sum(({ dataBytes }) => dataBytes),
    metadata: sum(({ metadataBytes, fixedBytes }) => metadataBytes + fixedBytes),
    free: sum(({ freeBytes }) => freeBytes),
    reclaimable: 0,
    wouldFree: 0,
  };
}

/** Snapshots that nobody can delete free nothing. */
function* costsOf(
  store: ExceptionStore,
  doomed: ReadonlySet<number>,
  options: ProgressOptions,
): Task<Costs> {
  if (store.account) return yield* store.account(doomed, options);
  return { views: yield* store.costs(options), freed: 0, reclaimable: 0 };
}

function rowsOf(store: ExceptionStore, costs: readonly ViewCost[]): SnapshotUsage[] {
  const views = new Map(store.views().map((view) => [view.id, view]));
  return costs
    .filter(({ id }) => !isHidden(views.get(id)!.name))
    .map(({ id, ...bytes }) => {
      const { name, parent, created, size, readOnly, marks } = views.get(id)!;
      const parentName = views.get(parent)?.name ?? null;
      const known = { name: name!, id, parent: parentName, created, size, readOnly };
      return { ...known, ...parseMarks(marks), ...bytes };
    })
    .sort((a, b) => a.id - b.id);
}
