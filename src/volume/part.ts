/** What few volumes ever do, loaded when one does it. */
import { Part } from "../task.ts";
import type { VolumeEvent, WatchOptions } from "./reports/watchers.ts";
import { checkInside } from "./requests/bounds.ts";
import type { extentsOf as extentsNow } from "./requests/extents.ts";
import type { Traffic } from "./traffic.ts";
import type { ByteRange, DiffOptions, Extent } from "./types.ts";
import type { DiskView } from "./view.ts";

export type Seldom = typeof import("./seldom.ts");

export const seldom = new Part(() => import("./seldom.ts"));

/** See `Volume.diff`. */
export function diffOf(
  from: DiskView,
  to: DiskView,
  options: DiffOptions,
): AsyncIterable<ByteRange> {
  const size = Math.max(from.size, to.size);
  const { offset = 0, length = size - offset } = options;
  checkInside(offset, length, size);
  const given = [from, to, { offset, length }, options] as const;
  return seldom.loaded?.diffWithin(...given) ?? diffLater(given);
}

type Compared = readonly [DiskView, DiskView, ByteRange, DiffOptions];

async function* diffLater(given: Compared): AsyncGenerator<ByteRange> {
  yield* (await seldom.load()).diffWithin(...given);
}

/** See `extentsOf` of extents.ts. */
export function extentsOf(...given: Parameters<typeof extentsNow>): AsyncGenerator<Extent> {
  return seldom.loaded?.extentsOf(...given) ?? extentsLater(given);
}

async function* extentsLater(given: Parameters<typeof extentsNow>): AsyncGenerator<Extent> {
  yield* (await seldom.load()).extentsOf(...given);
}

/** See `Volume.watch`. Whoever has to wait for the code misses what is committed meanwhile. */
export function watchOf(
  traffic: Traffic,
  options: WatchOptions,
): AsyncIterableIterator<VolumeEvent> {
  return seldom.loaded?.watchersOf(traffic).watch(options) ?? watchLater(traffic, options);
}

async function* watchLater(traffic: Traffic, options: WatchOptions): AsyncGenerator<VolumeEvent> {
  const { watchersOf } = await seldom.load();
  yield { type: "gap" };
  if (!traffic.closed) yield* watchersOf(traffic).watch(options);
}
