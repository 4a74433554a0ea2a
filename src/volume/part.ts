/** What few volumes ever do, loaded when one does it. */
import { Part } from "../task.ts";
import type { diffViews } from "./diff.ts";
import type { ByteRange } from "./types.ts";

export const seldom = new Part(() => import("./seldom.ts"));

/** See `diffViews`. */
export function diffOf(...given: Parameters<typeof diffViews>): AsyncGenerator<ByteRange> {
  return seldom.loaded?.diffViews(...given) ?? diffLater(given);
}

async function* diffLater(given: Parameters<typeof diffViews>): AsyncGenerator<ByteRange> {
  const { diffViews } = await seldom.load();
  yield* diffViews(...given);
}
