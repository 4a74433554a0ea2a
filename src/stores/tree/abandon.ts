/**
 * Deletes every snapshot of a store that has failed: in memory nothing of it may be changed any
 * more, so what its last commit left is opened beside it, as after a crash.
 *
 * That does not try a failed flush again: recovery ends with a checkpoint, which writes to new
 * places whatever that flush may have lost.
 */
import type { Task } from "../../task.ts";
import { openTree, type Setup, type TreeKind } from "./open.ts";
import type { TreeStore } from "./tree-store.ts";

const ORIGIN = 1;
/** The least that a cache may have: it is for a short while. */
const CACHE_BYTES = 2 ** 20;

/** Durable when it ends. Nobody begins to use `failed` any more; who does yet is waited for. */
export function abandonTree(failed: TreeStore, kind: TreeKind, setup: Setup): Task<void> {
  return failed.log.still(deleteAll(failed, kind, setup));
}

function* deleteAll(failed: TreeStore, kind: TreeKind, setup: Setup): Task<void> {
  const { engine, log, device, chunkShift } = failed;
  yield* log.visits.drained();
  if (engine.busy) yield engine.idle();
  const small = { ...setup, cacheBytes: CACHE_BYTES, copyBytes: () => 0 };
  const store = yield* openTree(kind, device, 2 ** chunkShift, small, true);
  for (const { id } of store.views()) {
    let status = id === ORIGIN ? 0 : store.deleteSnapshot(id);
    while (status < 0) {
      yield* store.serve(status, null);
      status = store.deleteSnapshot(id);
    }
  }
  yield* store.checkpoint(false);
}
