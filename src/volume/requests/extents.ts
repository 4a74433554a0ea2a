/** What of a view has data and what are holes: a walk over the tree, not over the data. */
import { RUN_LOST, RUN_SHARED, RUN_UNMAPPED } from "../../engine/status.ts";
import { run, type Task } from "../../task.ts";
import type { Core } from "../core.ts";
import type { ByteRange, Extent } from "../types.ts";
import { runsOf } from "./runs.ts";

/** All of `range` in order; neighbours of the same kind are one. */
export async function* extentsOf(
  core: Core,
  view: { id: number },
  range: ByteRange,
  guard: <T>(work: Task<T>) => Task<T>,
): AsyncGenerator<Extent> {
  const end = range.offset + range.length;
  const lastChunk = Math.ceil(end / core.chunk);
  let open: Extent = { offset: range.offset, length: 0, data: false };
  let chunk = Math.floor(range.offset / core.chunk);
  while (open.offset + open.length < end) {
    for (const { kind, count } of await run(guard(runsOf(core, view.id, chunk, lastChunk)))) {
      chunk += count;
      // What is lost is no hole: who copies the view must meet it.
      const isData = kind >= RUN_SHARED || kind === RUN_LOST;
      const data = isData || (kind === RUN_UNMAPPED && isUnder(core));
      const at = open.offset + open.length;
      if (data !== open.data && open.length > 0) {
        yield open;
        open = { offset: at, length: 0, data };
      }
      open.data = data;
      open.length = Math.min(end, chunk * core.chunk) - open.offset;
    }
  }
  if (open.length > 0) yield open;
}

/** Whether an unmapped chunk is found on another device. */
function isUnder(core: Core): boolean {
  return core.origin !== null || core.base !== null;
}
