/**
 * What differs between two views: a walk over the tree along both, not over the data. Chunks at the
 * same place are the same.
 */
import { RUN_SHARED } from "../engine/status.ts";
import { run, type Task } from "../task.ts";
import type { Core } from "./core.ts";
import { runsOf } from "./runs.ts";
import type { ByteRange } from "./types.ts";
import type { DiskView } from "./view.ts";

/**
 * Changed ranges in order; ranges that touch are one. Bytes past the end of the shorter view are
 * changed.
 */
export async function* diffViews(
  core: Core,
  from: DiskView,
  to: DiskView,
  within: ByteRange,
  guard: <T>(work: Task<T>) => Task<T>,
): AsyncGenerator<ByteRange> {
  const end = within.offset + within.length;
  let open: ByteRange | null = null;
  for await (const { offset, length } of changes(core, from, to, within, guard)) {
    const first = Math.max(offset, within.offset);
    const last = Math.min(offset + length, end);
    if (last <= first) continue;
    if (open && open.offset + open.length === first) {
      open.length += last - first;
    } else {
      if (open) yield open;
      open = { offset: first, length: last - first };
    }
  }
  if (open) yield open;
}

/** Whole chunks, and what only the longer view has. */
async function* changes(
  core: Core,
  from: DiskView,
  to: DiskView,
  within: ByteRange,
  guard: <T>(work: Task<T>) => Task<T>,
): AsyncGenerator<ByteRange> {
  const common = Math.min(from.size, to.size);
  const end = within.offset + within.length;
  const last = Math.ceil(Math.min(common, end) / core.chunk);
  let at = Math.floor(within.offset / core.chunk);
  while (at < last) {
    const piece = await run(guard(compare(core, from.id, to.id, at, last)));
    for (const { offset, length } of piece.ranges) {
      yield { offset, length: Math.min(offset + length, common) - offset };
    }
    at = piece.next;
  }
  const rest = Math.max(common, within.offset);
  if (rest < end) yield { offset: rest, length: end - rest };
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
