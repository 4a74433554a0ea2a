/**
 * Which snapshots a volume must lose and get to have exactly those that a caller lists
 * (`sync-snapshots` of 2009): a volume manager that keeps a list of its own and crashed between
 * writing it and having it done here.
 */
import { MultisnapError } from "../../errors.ts";
import { isOfRollback } from "../../stores/hidden.ts";
import type { ExceptionStore } from "../../stores/store.ts";
import { ORIGIN } from "../core.ts";
import { isSnapshotId } from "./message.ts";

export interface SyncPlan {
  /** Ids of snapshots to delete. */
  doomed: number[];
  /** Ids of snapshots to make, in the order in which they must be made. */
  missing: number[];
}

/**
 * Changes nothing. Errors: `Invalid` (not an id, an id that was used and is gone, too many),
 * `Exists` (the name of a new one is taken), `Unsupported` (the kind's snapshot is given).
 */
export function planSync(store: ExceptionStore, wanted: readonly number[]): SyncPlan {
  const list = checkList(wanted);
  const { kind, capabilities } = store;
  const found = store.views().filter(({ id, name }) => id !== ORIGIN && !isOfRollback(name));
  const ids = new Set(found.map(({ id }) => id));
  const doomed = [...ids].filter((id) => !list.has(id));
  const missing = [...list].filter((id) => !ids.has(id)).sort((a, b) => a - b);
  if (doomed.length + missing.length === 0) return { doomed, missing };
  if (capabilities.fixed) {
    const has = `a store of kind ${kind} has the snapshots ${[...ids].join(", ") || "none"}`;
    throw new MultisnapError(
      "Unsupported",
      `${has}, and none can be made or deleted: sync to that`,
    );
  }
  if (list.size > capabilities.snapshots) {
    const most = `a store of kind ${kind} has at most ${capabilities.snapshots} snapshots`;
    throw invalid(`${most}: ${list.size} are asked for`);
  }
  const next = store.nextId();
  for (const id of missing) {
    if (id < next) {
      throw invalid(
        `snapshot ${id} is gone and ids are not used again: leave it out (next: ${next})`,
      );
    }
    const named = store.named(String(id));
    if (named && list.has(named.id)) {
      const taken = `the new snapshot ${id} would be called "${id}", as snapshot ${named.id} is`;
      throw new MultisnapError("Exists", `${taken}: rename that first`);
    }
  }
  return { doomed, missing };
}

function checkList(wanted: readonly number[]): Set<number> {
  if (!Array.isArray(wanted)) throw invalid("syncSnapshots must be a list of ids");
  for (const id of wanted) {
    if (!isSnapshotId(id)) throw invalid(`syncSnapshots: ${JSON.stringify(id)} is no id`);
  }
  const list = new Set<number>(wanted);
  if (list.size < wanted.length) throw invalid("syncSnapshots: an id is there twice");
  return list;
}

function invalid(message: string): MultisnapError {
  return new MultisnapError("Invalid", message);
}
