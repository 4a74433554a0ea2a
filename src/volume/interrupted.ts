/** A rollback that was interrupted: what it was, as marks say (see copy-back.ts). */
import type { ViewRecord } from "../stores/store.ts";
import { type Core, ORIGIN } from "./core.ts";
import { parseMarks } from "./marks.ts";

/** The view and what its marks say that it is being rolled back to; null: nothing of the kind. */
export function interrupted({ store }: Core): { id: number; to: ViewRecord } | null {
  if (store.canRollBack(ORIGIN) || store.capabilities.fixed) return null;
  const views = store.views();
  for (const { id, marks } of views) {
    const { rollback } = parseMarks(marks);
    const to = views.find((view) => view.id === rollback);
    if (rollback !== null && to) return { id, to };
  }
  return null;
}
