/** Where a view's chunks lie, a stretch at a time: what walks along views stand on. */
import { RUN_UNMAPPED } from "../engine/status.ts";
import type { Task } from "../task.ts";
import { type Core, ORIGIN } from "./core.ts";

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
  if (core.origin && view === ORIGIN) return [{ kind: RUN_UNMAPPED, count: end - at, place: 0 }];
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
