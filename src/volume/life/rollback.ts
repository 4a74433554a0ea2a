/**
 * A view becomes what another one is, between two writes. All snapshots stay.
 *
 * Where the store can, it is a change of metadata only, whatever the size: one commit.
 */
import { MultisnapError } from "../../errors.ts";
import type { DiskView } from "../view.ts";

/** What is asked, looked at before anything is done. */
export interface RollbackPlan {
  view: DiskView;
  to: DiskView;
  /** Name of the snapshot of what the view was; null: that goes. */
  keepAs: string | null;
}

/** Errors: `Invalid`, `ReadOnly`, `Unsupported`, `Exists`. */
export function checkRollback({ view, to, keepAs }: RollbackPlan): void {
  const { store } = view.core;
  const what = view.isOrigin ? "the origin" : `@${view.name}`;
  if (store.capabilities.fixed) {
    const instead = "merge brings its snapshot back into the origin";
    throw new MultisnapError("Unsupported", `a store of kind ${store.kind}: ${instead}`);
  }
  if (view.id === to.id) {
    throw new MultisnapError("Invalid", `${what} cannot be rolled back to itself`);
  }
  if (view.readOnly) {
    throw new MultisnapError("ReadOnly", `${what} is read-only, and is not rolled back`);
  }
  if (keepAs !== null && !view.isOrigin && !store.capabilities.ofSnapshots) {
    const message = `a store of kind ${store.kind} has no snapshots of snapshots: keep nothing`;
    throw new MultisnapError("Unsupported", message);
  }
  if (keepAs !== null && view.volume.has(keepAs)) {
    const name = JSON.stringify(keepAs);
    throw new MultisnapError("Exists", `a snapshot is called ${name} already`);
  }
}
