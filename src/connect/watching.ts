/** Operation that tells a client of commits: answered when there is something to tell. */
import type { VolumeEvent } from "../volume/reports/watchers.ts";
import type { HeldViews } from "./held.ts";
import type { Call, Operation, Result, Served } from "./operations.ts";

/** Of each connection: begins with its first request, ends with one that is taken back. */
const watching = new WeakMap<HeldViews, AsyncIterableIterator<VolumeEvent>>();

async function events({ volume }: Served, { head, held, signal }: Call): Promise<Result> {
  // One that begins anew left the last one without a request that could be taken back.
  if (head.more === false) leave(held);
  const known = watching.get(held);
  const iterator = known ?? volume.watch();
  watching.set(held, iterator);
  // Whoever goes on with another server has missed what came between.
  if (!known && head.more === true) return { head: { event: { type: "gap" } } };
  const end = () => leave(held);
  signal.addEventListener("abort", end);
  try {
    const { done, value } = await iterator.next();
    signal.throwIfAborted();
    return { head: { event: done ? null : value } };
  } finally {
    signal.removeEventListener("abort", end);
  }
}

function leave(held: HeldViews): void {
  void watching.get(held)?.return?.();
  watching.delete(held);
}

export const WATCHING: readonly [string, Operation][] = [["events", { run: events }]];
