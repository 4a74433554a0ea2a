/** What few volumes ever do, loaded when one does it. */
import { Part } from "../task.ts";
import type { diffViews } from "./diff.ts";
import type { extentsOf as extentsNow } from "./extents.ts";
import type { ByteRange, Extent } from "./types.ts";

export const seldom = new Part(() => import("./seldom.ts"));

/** See `diffViews`. */
export function diffOf(...given: Parameters<typeof diffViews>): AsyncGenerator<ByteRange> {
  return seldom.loaded?.diffViews(...given) ?? diffLater(given);
}

async function* diffLater(given: Parameters<typeof diffViews>): AsyncGenerator<ByteRange> {
  const { diffViews } = await seldom.load();
  yield* diffViews(...given);
}

/** See `extentsOf` of extents.ts. */
export function extentsOf(...given: Parameters<typeof extentsNow>): AsyncGenerator<Extent> {
  return seldom.loaded?.extentsOf(...given) ?? extentsLater(given);
}

async function* extentsLater(given: Parameters<typeof extentsNow>): AsyncGenerator<Extent> {
  yield* (await seldom.load()).extentsOf(...given);
}
