/** Where a view's chunks lie, a stretch at a time: what walks along views stand on. */
import { RUN_UNMAPPED } from "../../engine/status.ts";
import type { Task } from "../../task.ts";
import { type Core, ORIGIN } from "../core.ts";

/** Chunks that one look covers, at most. */
const PLAN_CHUNKS = 2 ** 30;
/** Runs of one look at a view. */
const RUNS_MAX = 256;

/** `kind` is RUN_...; chunk `i` of a run that is in the store lies at `place + i`. */
export interface Run {
  kind: number;
  count: number;
  place: number;
}

/** The next runs of a view from chunk `at` on, none of them past `end`; at least one. */
export function* runsOf(core: Core, view: number, at: number, end: number): Task<Run[]> {
  const { store } = core;
  if (core.missing && view === ORIGIN) return yield* core.missing.runs(at, end);
  if (core.origin && view === ORIGIN && !core.merging)
    return [{ kind: RUN_UNMAPPED, count: end - at, place: 0 }];
  const visit = store.enter();
  try {
    for (;;) {
      yield* store.gate(visit);
      const n = store.lookup(view, at, Math.min(PLAN_CHUNKS, end - at), false);
      if (n < 0) {
        yield* store.serve(n, visit);
        continue;
      }
      return Array.from({ length: Math.min(n, RUNS_MAX) }, (_, i) => ({
        kind: store.runKind(i),
        count: store.runCount(i),
        place: store.runPlace(i),
      }));
    }
  } finally {
    store.leave(visit);
  }
}

/** Chunks whose run is `a` in one view and `b` in another, as many as both runs have there. */
export interface RunPair {
  count: number;
  a: Run;
  b: Run;
}

/** The runs of two views side by side, from the same chunk on, as far as both go. */
export function* pairs(left: readonly Run[], right: readonly Run[]): Generator<RunPair> {
  let [i, j] = [0, 0];
  let [a, b] = [left[0], right[0]];
  while (a && b) {
    const count = Math.min(a.count, b.count);
    yield { count, a, b };
    a = a.count > count ? behind(a, count) : left[++i];
    b = b.count > count ? behind(b, count) : right[++j];
  }
}

function behind({ kind, count, place }: Run, skip: number): Run {
  return { kind, count: count - skip, place: place + skip };
}
