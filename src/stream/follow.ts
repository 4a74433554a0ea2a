/**
 * A replica's origin follows what was received: it becomes what a snapshot is, as long as nobody
 * has written to it. Nothing is copied; all of it happens between two writes.
 */

import { RUN_HOLE, RUN_UNMAPPED } from "../engine/status.ts";
import { run, type Task } from "../task.ts";
import { share } from "../volume/clone.ts";
import { type Core, ORIGIN } from "../volume/core.ts";
import { differentChunks } from "../volume/diff.ts";
import { runsOf } from "../volume/runs.ts";
import type { DiskView } from "../volume/view.ts";
import type { DiskVolume } from "../volume/volume.ts";

/**
 * `from`: what the origin still has to be; null: empty. False, and nothing has changed: it is not,
 * or it is a disk of its own, which is never written behind its user's back.
 */
export async function followSnapshot(from: DiskView | null, to: DiskView): Promise<boolean> {
  const { volume } = to;
  const { core, origin } = volume;
  if (core.origin || (core.base && !from)) return false;
  if (from && from.size !== origin.size) return false;
  const work = () => follow(volume, from?.id ?? null, to);
  const follows = await run(volume.guard(volume.room.between(ORIGIN, work)));
  if (follows) core.traffic.watchers?.wrote(ORIGIN, 0, to.size);
  return follows;
}

function* follow(volume: DiskVolume, from: number | null, to: DiskView): Task<boolean> {
  const { core, origin, timeline } = volume;
  if (!(yield* isSame(core, from, Math.ceil(origin.size / core.chunk)))) return false;
  if (origin.size !== to.size) yield* timeline.resizeNow(ORIGIN, to.size);
  const end = Math.ceil(to.size / core.chunk);
  for (let at = 0; at < end; ) {
    const { next, copy } = yield* share(core, ORIGIN, to.id, at, end);
    // A chunk that lies under the store was not written in either: the base is the same for both.
    at = next + copy;
  }
  yield* core.store.commit(null);
  return true;
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
