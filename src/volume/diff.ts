/**
 * What differs between two views: a walk over the tree along both, not over the data. Chunks at the
 * same place are the same.
 */
import { RUN_SHARED, RUN_UNMAPPED } from "../engine/status.ts";
import { run, type Task } from "../task.ts";
import type { Core } from "./core.ts";
import type { ByteRange } from "./types.ts";
import type { DiskView } from "./view.ts";

const PLAN_CHUNKS = 2 ** 30;
/** Runs of one look at a view. */
const RUNS = 256;

/**
 * A run of chunks of one view. `under`: what an unmapped chunk reads as, where that is no device of
 * its own.
 */
interface Run {
  kind: number;
  count: number;
  place: number;
}

/**
 * Changed ranges in order; ranges that touch are one. Bytes past the end of the shorter view are
 * changed.
 */
export async function* diffViews(
  core: Core,
  from: DiskView,
  to: DiskView,
  guard: <T>(work: Task<T>) => Task<T>,
): AsyncGenerator<ByteRange> {
  const common = Math.min(from.size, to.size);
  const end = Math.ceil(common / core.chunk);
  let open: ByteRange | null = null;
  let at = 0;
  while (at < end) {
    const piece = await run(guard(compare(core, from.id, to.id, at, end)));
    for (const { offset, length } of piece.ranges) {
      if (open && open.offset + open.length === offset) {
        open.length += length;
      } else {
        if (open) yield open;
        open = { offset, length };
      }
    }
    at = piece.next;
  }
  if (open) open.length = Math.min(open.length, common - open.offset);
  const longer = Math.max(from.size, to.size);
  if (longer > common) {
    if (open && open.offset + open.length === common) open.length += longer - common;
    else {
      if (open) yield open;
      open = { offset: common, length: longer - common };
    }
  }
  if (open) yield open;
}

function* compare(
  core: Core,
  a: number,
  b: number,
  at: number,
  end: number,
): Task<{ ranges: ByteRange[]; next: number }> {
  const ranges: ByteRange[] = [];
  const left = yield* runsOf(core, a, at, end);
  const right = yield* runsOf(core, b, at, end);
  let i = 0;
  let j = 0;
  let skipA = 0;
  let skipB = 0;
  while (i < left.length && j < right.length) {
    const x = left[i]!;
    const y = right[j]!;
    const count = Math.min(x.count - skipA, y.count - skipB);
    const same =
      x.kind >= RUN_SHARED || y.kind >= RUN_SHARED
        ? x.kind === y.kind && x.place + skipA === y.place + skipB
        : x.kind === y.kind || (!core.origin && !core.base);
    if (!same) ranges.push({ offset: at * core.chunk, length: count * core.chunk });
    at += count;
    skipA += count;
    skipB += count;
    if (skipA === x.count) {
      i++;
      skipA = 0;
    }
    if (skipB === y.count) {
      j++;
      skipB = 0;
    }
  }
  return { ranges, next: at };
}

function* runsOf(core: Core, view: number, at: number, end: number): Task<Run[]> {
  const { store } = core;
  if (core.origin && view === 1) return [{ kind: RUN_UNMAPPED, count: end - at, place: 0 }];
  const visit = store.enter();
  try {
    for (;;) {
      yield* store.gate(visit);
      const n = store.lookup(view, at, Math.min(PLAN_CHUNKS, end - at), false);
      if (n < 0) {
        yield* store.serve(n, visit);
        continue;
      }
      return Array.from({ length: Math.min(n, RUNS) }, (_, i) => ({
        kind: store.runKind(i),
        count: store.runCount(i),
        place: store.runPlace(i),
      }));
    }
  } finally {
    store.leave(visit);
  }
}
