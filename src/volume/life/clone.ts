/**
 * Makes a range of a view what another view has there, without copying what lies in the store: the
 * chunks are shared, as if both were snapshots of the same past.
 *
 * Between two writes (`Core.between`), because a place that is private is written without an entry
 * in the table: who shares it meanwhile would see that write, too.
 */
import { RUN_LOST, RUN_SHARED, RUN_UNMAPPED } from "../../engine/status.ts";
import { MultisnapError } from "../../errors.ts";
import { run, type Task } from "../../task.ts";
import { differing, grouped } from "../compare/compare.ts";
import { type Core, ORIGIN } from "../core.ts";
import { checkInside } from "../requests/bounds.ts";
import { lostError } from "../requests/lost.ts";
import { pairs, type Run, runsOf } from "../requests/runs.ts";
import { sumLeft } from "../requests/sum-left.ts";
import type { DiskView } from "../view.ts";

/** Bytes of a piece that is copied, at least a chunk. */
const COPY_BYTES = 2 ** 20;

type Pair = [Uint8Array, Uint8Array];

/** Chunks up to `next` are done; then `copy` chunks come that lie under the store. */
interface Step {
  next: number;
  copy: number;
}

/** Errors: `Invalid` for a range that is not of whole chunks of the target. */
export async function cloneRange(
  target: DiskView,
  source: DiskView,
  offset: number,
  length: number,
): Promise<void> {
  const { core } = target.volume;
  const end = offset + length;
  checkInside(offset, length, target.size);
  checkInside(offset, length, source.size);
  if (offset % core.chunk !== 0 || (end % core.chunk !== 0 && end !== target.size)) {
    const asked = `${length} bytes at ${offset} are not whole chunks of ${core.chunk} bytes`;
    throw new MultisnapError("Invalid", `${asked}: only such can be cloned`);
  }
  if (target.id === source.id) return;
  const holds = [source.hold(), target.hold()];
  try {
    await cloneHeld(target, source, offset, length);
  } finally {
    for (const hold of holds) hold.release();
  }
}

async function cloneHeld(
  target: DiskView,
  source: DiskView,
  offset: number,
  length: number,
): Promise<void> {
  const { core } = target.volume;
  const end = offset + length;
  // Stores of the old kinds have a snapshot each, and nothing to share.
  if (core.store.capabilities.fixed) return copyBytes(target, source, offset, end);
  const last = Math.ceil(end / core.chunk);
  for (let at = offset / core.chunk; at < last; ) {
    const { volume } = target;
    const work = () => shareOrCopy(core, target.id, source.id, at, last);
    const moved = () => volume.given.moved(core, target.id, work);
    const shared = volume.room.between(target.id, moved);
    const { next, copy } = await run(volume.guard(shared));
    const from = next * core.chunk;
    const to = Math.min(end, from + copy * core.chunk);
    if (to > from) await copyBytes(target, source, from, to);
    at = next + copy;
  }
}

/** What an origin that is being rolled back has is not always its own. */
function* shareOrCopy(
  core: Core,
  target: number,
  source: number,
  at: number,
  last: number,
): Task<Step> {
  const { missing, chunk } = core;
  if (missing && source === ORIGIN) return { next: at, copy: last - at };
  if (missing) yield* missing.ready(target, at * chunk, (last - at) * chunk);
  return yield* share(core, target, source, at, last);
}

/** Shares chunks from `at` on, as far as one look goes, or until some must be copied. */
export function* share(
  core: Core,
  target: number,
  source: number,
  at: number,
  last: number,
): Task<Step> {
  const theirs = yield* runsOf(core, source, at, last);
  const ours = yield* runsOf(core, target, at, last);
  for (const { count, a, b } of pairs(theirs, ours)) {
    if (!isSame(a, b)) {
      if (mustCopy(core, target, a)) return { next: at, copy: count };
      yield* mapRun(core, target, source, at, at + count);
    }
    at += count;
  }
  return { next: at, copy: 0 };
}

/** Both views see the same, now and later. */
function isSame(a: Run, b: Run): boolean {
  return a.kind === b.kind && (a.kind < RUN_SHARED || a.place === b.place);
}

/** What lies under the store has no place in it; and an attached origin takes bytes alone. */
function mustCopy(core: Core, target: number, source: Run): boolean {
  if (target === ORIGIN && core.origin !== null) return true;
  return source.kind === RUN_UNMAPPED && (core.origin ?? core.base) !== null;
}

/** The source is looked up before each step: what the last one waited for may have moved it. */
export function* mapRun(
  core: Core,
  target: number,
  source: number,
  at: number,
  end: number,
): Task<void> {
  const { store } = core;
  const visit = store.enter();
  try {
    yield* sumLeft(core, target, at, end - at, visit, false);
    while (at < end) {
      yield* store.gate(visit);
      const found = store.lookup(source, at, end - at, false);
      let status = found;
      if (found > 0) {
        const [count, place] = [Math.min(end - at, store.runCount(0)), store.runPlace(0)];
        if (store.runKind(0) === RUN_LOST) {
          throw lostError(core, source, "cloning", at * core.chunk, count * core.chunk);
        }
        status =
          store.runKind(0) >= RUN_SHARED
            ? store.mapShared(target, at, count, place)
            : store.map(target, at, count, 0, true);
      }
      if (status < 0) {
        yield* store.serve(status, visit);
        continue;
      }
      at += status;
      if (core.origin) core.changes++;
    }
  } finally {
    store.leave(visit);
  }
}

/** Writes the chunks that differ. */
async function copyBytes(
  target: DiskView,
  source: DiskView,
  from: number,
  end: number,
): Promise<void> {
  const { chunk } = target.volume;
  const most = Math.max(COPY_BYTES, chunk);
  const theirs = new Uint8Array(Math.min(most, end - from));
  const ours = new Uint8Array(theirs.length);
  for (let at = from; at < end; at += most) {
    const [bytes, old] = [theirs, ours].map((buffer) => buffer.subarray(0, end - at)) as Pair;
    await source.read(at, bytes);
    await target.read(at, old);
    for (const { value, from, to } of grouped(differing(bytes, old, chunk))) {
      if (value) await target.write(at + from * chunk, bytes.subarray(from * chunk, to * chunk));
    }
  }
}
