/**
 * A replica's origin follows what was received: it is rolled back to a snapshot, as long as nobody
 * has written to it. Nothing is copied; all of it happens between two writes.
 */

import { RUN_HOLE, RUN_UNMAPPED } from "../engine/status.ts";
import { run, type Task } from "../task.ts";
import { differentChunks } from "../volume/compare/diff.ts";
import { type Core, ORIGIN } from "../volume/core.ts";
import { runsOf } from "../volume/requests/runs.ts";
import type { DiskView } from "../volume/view.ts";

/**
 * `from`: what the origin still has to be; null: empty. False, and nothing has changed: it is not,
 * or it is a disk of its own, which is never written behind its user's back.
 */
export async function followSnapshot(from: DiskView | null, to: DiskView): Promise<boolean> {
  const { volume } = to;
  const { core, origin, timeline } = volume;
  if (core.origin !== null || (core.base !== null && from === null)) return false;
  function* isReady(): Task<boolean> {
    if (from && from.size !== origin.size) return false;
    return yield* isSame(core, from?.id ?? null, Math.ceil(origin.size / core.chunk));
  }
  const follows = await run(volume.guard(timeline.rollback(ORIGIN, to.id, null, {}, isReady)));
  if (follows) volume.reclaimer.start();
  return follows;
}

/** Whether the origin has what the view has; null: nothing, and nothing lies under it. */
function* isSame(core: Core, view: number | null, end: number): Task<boolean> {
  for (let at = 0; at < end; ) {
    const { same, next } =
      view === null ? yield* isEmpty(core, at, end) : yield* isAlike(core, view, at, end);
    if (!same) return false;
    at = next;
  }
  return true;
}

function* isEmpty(core: Core, at: number, end: number): Task<{ same: boolean; next: number }> {
  const runs = yield* runsOf(core, ORIGIN, at, end);
  const same = runs.every(({ kind }) => kind === RUN_UNMAPPED || kind === RUN_HOLE);
  return { same, next: runs.reduce((next, { count }) => next + count, at) };
}

function* isAlike(
  core: Core,
  view: number,
  at: number,
  end: number,
): Task<{ same: boolean; next: number }> {
  const { ranges, next } = yield* differentChunks(core, ORIGIN, view, at, end);
  return { same: ranges.length === 0, next };
}
