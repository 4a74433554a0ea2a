/**
 * A replica's origin follows what was received: it becomes what a snapshot is, as long as nobody
 * has written to it. Nothing is copied; all of it happens between two writes.
 */

import { RUN_UNMAPPED } from "../engine/status.ts";
import { run, type Task } from "../task.ts";
import { isSameRun, share } from "./clone.ts";
import { type Core, ORIGIN } from "./core.ts";
import { pairs, type Run, runsOf } from "./runs.ts";
import type { DiskView } from "./view.ts";

const NOTHING: Run = { kind: RUN_UNMAPPED, count: Number.MAX_SAFE_INTEGER, place: 0 };

/**
 * `from`: what the origin still has to be; null: empty. False, and nothing has changed: it is not,
 * or it is a disk of its own, which is never written behind its user's back.
 */
export async function followSnapshot(from: DiskView | null, to: DiskView): Promise<boolean> {
  const { volume } = to;
  const { core, origin } = volume;
  if (core.origin || (core.base && !from) || origin.size !== to.size) return false;
  if (from && from.size !== origin.size) return false;
  const work = () => follow(core, from?.id ?? null, to.id, Math.ceil(to.size / core.chunk));
  return run(volume.guard(volume.room.between(ORIGIN, work)));
}

function* follow(core: Core, from: number | null, to: number, end: number): Task<boolean> {
  if (!(yield* isSame(core, from, end))) return false;
  for (let at = 0; at < end; ) {
    const { next, copy } = yield* share(core, ORIGIN, to, at, end);
    // A chunk that lies under the store was not written in either: the base is the same for both.
    at = next + copy;
  }
  yield* core.store.commit(null);
  return true;
}

/** Whether the origin has what the view has; null: nothing. */
function* isSame(core: Core, view: number | null, end: number): Task<boolean> {
  for (let at = 0; at < end; ) {
    const ours = yield* runsOf(core, ORIGIN, at, end);
    const theirs = view === null ? [NOTHING] : yield* runsOf(core, view, at, end);
    for (const { count, a, b } of pairs(ours, theirs)) {
      if (!isSameRun(a, b)) return false;
      at += count;
    }
  }
  return true;
}
