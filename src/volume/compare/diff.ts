/**
 * What differs between two views: a walk over the metadata along both, not over the data. Chunks at
 * the same place are the same.
 */
import { RUN_LOST, RUN_SHARED } from "../../engine/status.ts";
import { endIfAborted, run, type Task } from "../../task.ts";
import { type Core, ORIGIN } from "../core.ts";
import { type Run, runsOf } from "../requests/runs.ts";
import type { ByteRange, DiffOptions, ProgressOptions } from "../types.ts";
import type { DiskView } from "../view.ts";
import { byContent } from "./diff-content.ts";

type Guard = <T>(work: Task<T>) => Task<T>;

/** Chunks that one look covers, at most. */
const LOOK_CHUNKS = 2 ** 30;
const SAME = 0;

/** See `Volume.diff`; `within` lies in the larger view. */
export function diffWithin(
  from: DiskView,
  to: DiskView,
  within: ByteRange,
  { content, signal, progress }: DiffOptions,
): AsyncIterable<ByteRange> {
  const looked = content ? undefined : progress;
  const ranges = one(diffInBatches(from, to, within, { signal, progress: looked }));
  const chunk = Math.max(from.core.chunk, to.core.chunk);
  const how = { chunk, within, signal, progress };
  return content ? byContent(from, to, ranges, how) : ranges;
}

async function* one<T>(batches: AsyncIterable<T[]>): AsyncGenerator<T> {
  for await (const batch of batches) for (const item of batch) yield item;
}

/**
 * As `diffWithin`, some ranges at a time: a promise for each takes longer than what it is for. In
 * order; ranges that touch are one. Both views stay in use as long as somebody takes them.
 */
export async function* diffInBatches(
  from: DiskView,
  to: DiskView,
  within: ByteRange,
  options: ProgressOptions,
): AsyncGenerator<ByteRange[]> {
  const { volume } = from;
  const end = within.offset + within.length;
  const guard: Guard = (work) => volume.guard(work);
  const holds = [from, to].map(({ id }) => volume.holds.take(id));
  let open: ByteRange | null = null;
  try {
    for await (const ranges of changes(from, to, within, guard, options)) {
      const batch: ByteRange[] = [];
      for (const { offset, length } of ranges) {
        const first = Math.max(offset, within.offset);
        const last = Math.min(offset + length, end);
        if (last <= first) continue;
        if (open && open.offset + open.length === first) {
          open.length += last - first;
        } else {
          if (open) batch.push(open);
          open = { offset: first, length: last - first };
        }
      }
      if (batch.length > 0) yield batch;
    }
    if (open) yield [open];
  } finally {
    for (const { release } of holds) release();
  }
}

/** Whole chunks, a look at a time, and what only the longer view has: that is changed. */
async function* changes(
  from: DiskView,
  to: DiskView,
  within: ByteRange,
  guard: Guard,
  { signal, progress }: ProgressOptions,
): AsyncGenerator<ByteRange[]> {
  const common = Math.min(from.size, to.size);
  const end = within.offset + within.length;
  const last = Math.min(common, end);
  const [a, b] = sides(from, to);
  const chunk = Math.max(a.core.chunk, b.core.chunk);
  let at = within.offset - (within.offset % chunk);
  while (at < last) {
    endIfAborted(signal);
    const canAtOnce = a.core === b.core && a.core.store.compare && !isMissing(a) && !isMissing(b);
    const look = canAtOnce ? compareAtOnce : compare;
    const piece = await run(guard(look(a, b, at, last)));
    for (const range of piece.ranges) {
      range.length = Math.min(range.offset + range.length, common) - range.offset;
    }
    yield piece.ranges;
    at = piece.next;
    progress?.(Math.min(at, last) - within.offset, within.length);
  }
  const rest = Math.max(common, within.offset);
  if (rest < end) yield [{ offset: rest, length: end - rest }];
  progress?.(within.length, within.length);
}

/** A view, and the store that it is looked up in. */
interface Side {
  id: number;
  core: Core;
}

/** An attached origin is seen from every store; beside a snapshot it is looked up in that one's. */
function sides(from: DiskView, to: DiskView): [Side, Side] {
  const core = (view: DiskView, other: DiskView) =>
    view.isOrigin && !view.core.merging ? other.core : view.core;
  return [
    { id: from.id, core: core(from, to) },
    { id: to.id, core: core(to, from) },
  ];
}

/** Parts of it are another view's for now, which the engine does not know. */
function isMissing({ id, core }: Side): boolean {
  return id === ORIGIN && core.missing !== null;
}

interface Look {
  ranges: ByteRange[];
  /** Where the next look begins. */
  next: number;
}

/** Two views of one store whose engine walks along both. */
function* compareAtOnce(a: Side, b: Side, at: number, end: number): Task<Look> {
  const { chunk } = a.core;
  const [first, last] = [Math.floor(at / chunk), Math.ceil(end / chunk)];
  const { ranges, next } = yield* differentChunks(a.core, a.id, b.id, first, last);
  const bytes = ranges.map(([from, count]) => ({ offset: from * chunk, length: count * chunk }));
  return { ranges: bytes, next: next * chunk };
}

/** Runs of chunks that are not at the same place in two views, as far as one look goes. */
export function* differentChunks(
  core: Core,
  a: number,
  b: number,
  first: number,
  end: number,
): Task<{ ranges: [first: number, count: number][]; next: number }> {
  const { store } = core;
  const most = Math.min(LOOK_CHUNKS, end - first);
  const visit = store.enter();
  try {
    for (;;) {
      yield* store.gate(visit);
      const runs = store.compare!(a, b, first, most);
      if (runs < 0) {
        yield* store.serve(runs, visit);
        continue;
      }
      const ranges: [number, number][] = [];
      let next = first;
      for (let i = 0; i < runs; i++) {
        const count = store.runCount(i);
        if (store.runKind(i) !== SAME) ranges.push([next, count]);
        next += count;
      }
      return { ranges, next };
    }
  } finally {
    store.leave(visit);
  }
}

/** Bytes up to `end` that are of one run. */
interface Stretch {
  end: number;
  kind: number;
  /** Position in the store of the byte `end`. */
  target: number;
}

function* compare(a: Side, b: Side, at: number, end: number): Task<Look> {
  const ranges: ByteRange[] = [];
  const left = yield* stretches(a, at, end);
  const right = yield* stretches(b, at, end);
  let [i, j] = [0, 0];
  while (i < left.length && j < right.length) {
    const [x, y] = [left[i]!, right[j]!];
    const next = Math.min(x.end, y.end);
    if (!isSame(a.core, x, b.core, y)) ranges.push({ offset: at, length: next - at });
    at = next;
    if (x.end === next) i++;
    if (y.end === next) j++;
  }
  return { ranges, next: at };
}

function* stretches({ id, core }: Side, at: number, end: number): Task<Stretch[]> {
  const { chunk } = core;
  let next = Math.floor(at / chunk);
  const runs: Run[] = yield* runsOf(core, id, next, Math.ceil(end / chunk));
  return runs.map(({ kind, count, place }) => {
    next += count;
    return { kind, end: next * chunk, target: (place + count) * chunk };
  });
}

function isSame(a: Core, x: Stretch, b: Core, y: Stretch): boolean {
  // Nobody knows what was there: who relies on the answer must look, and is told.
  if (x.kind === RUN_LOST || y.kind === RUN_LOST) return false;
  if (x.kind >= RUN_SHARED || y.kind >= RUN_SHARED) {
    return a === b && x.kind === y.kind && x.end - x.target === y.end - y.target;
  }
  return x.kind === y.kind || (!a.origin && !a.base);
}
