/** A rollback that was interrupted: what it was, as marks say (see copy-back.ts, rolling.ts). */
import { isOfRollback, ROLLBACK_NAME } from "../../stores/hidden.ts";
import type { ViewRecord } from "../../stores/store.ts";
import { type Core, ORIGIN } from "../core.ts";
import { parseMarks } from "./marks.ts";

/** The view and what its marks say that it is being rolled back to; null: nothing of the kind. */
export function interrupted({ store }: Core): { id: number; to: ViewRecord } | null {
  if (store.canRollBack(ORIGIN) || store.capabilities.fixed) return null;
  const views = store.views();
  for (const { id, name, marks } of views) {
    if (isOfRollback(name)) continue;
    const { rollback } = parseMarks(marks);
    const to = views.find((view) => view.id === rollback);
    if (rollback !== null && to) return { id, to };
  }
  return null;
}

/** The hidden view of a rollback of the origin that goes on while it is in use, or null. */
export function inUse(core: Core): ViewRecord | null {
  if (core.store.capabilities.fixed || interrupted(core)) return null;
  const by = core.store.named(ROLLBACK_NAME);
  const to = by && parseMarks(by.marks).rollback;
  return by && typeof to === "number" && core.store.view(to) ? by : null;
}
