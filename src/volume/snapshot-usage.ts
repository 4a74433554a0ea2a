/** The snapshots and what each costs: what `list` shows. */

import { isHidden } from "../stores/hidden.ts";
import type { ExceptionStore, ProgressOptions } from "../stores/store.ts";
import type { Task } from "../task.ts";
import type { SnapshotUsage } from "./types.ts";

export function* snapshotUsage(
  store: ExceptionStore,
  options: ProgressOptions,
): Task<SnapshotUsage[]> {
  const costs = yield* store.costs(options);
  const views = new Map(store.views().map((view) => [view.id, view]));
  return costs
    .filter(({ id }) => !isHidden(views.get(id)!.name))
    .map(({ id, exclusive, shared }) => {
      const { name, parent, created, size, readOnly } = views.get(id)!;
      const parentName = views.get(parent)?.name ?? null;
      return { name: name!, id, parent: parentName, created, size, readOnly, exclusive, shared };
    })
    .sort((a, b) => a.id - b.id);
}
