/** What a volume says of differences and holes, held to what its views have. Nothing else runs. */
import type { View } from "../../src/volume/types.ts";
import type { Life } from "./life.ts";

/** Ranges in order, not touching, and nothing outside of them differs. */
export async function compareDiff(life: Life, from: View, to: View): Promise<void> {
  const [first, second] = [await life.adopt(from, 0, from.size), await life.adopt(to, 0, to.size)];
  if (first === null || second === null) return;
  const size = Math.max(from.size, to.size);
  const [before, after] = [new Uint8Array(size), new Uint8Array(size)];
  before.set(first);
  after.set(second);
  await life.attempt(async () => {
    let end = -1;
    for await (const { offset, length } of life.volume.diff(from, to)) {
      if (offset <= end || length <= 0) throw new Error(`diff: ${offset}+${length} after ${end}`);
      end = offset + length;
      after.set(before.subarray(offset, end), offset);
    }
    if (life.isLiar || Buffer.compare(before, after) === 0) return;
    throw new Error(`diff of ${from.id} and ${to.id} does not say all`);
  });
}

/** All of the range, neighbours of different kinds, and a hole is all zeros. */
export async function compareExtents(
  life: Life,
  view: View,
  from: number,
  bytesWanted: number,
): Promise<void> {
  const bytes = await life.adopt(view, 0, view.size);
  if (bytes === null) return;
  await life.attempt(async () => {
    let end = from;
    let before: boolean | null = null;
    for await (const { offset, length, data } of view.extents(from, bytesWanted)) {
      if (offset !== end || length <= 0 || data === before) {
        throw new Error(`extents: ${offset}+${length} (${data}) after ${end} (${before})`);
      }
      [end, before] = [offset + length, data];
      if (data || life.isLiar) continue;
      const at = bytes.subarray(offset, end).findIndex((byte) => byte !== 0);
      if (at >= 0) throw new Error(`extents: ${view.id} has data at ${offset + at}, not a hole`);
    }
    if (end !== from + bytesWanted) throw new Error(`extents: end at ${end}`);
  });
}
