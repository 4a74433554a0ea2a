/** Of the random histories: what a volume says of differences and of holes, held to the model. */
import { firstDifference } from "./explain.ts";
import type { History, Range } from "./history.ts";

/** Ranges in order, not touching, and nothing outside of them differs. */
export async function compareDiff(history: History, from: number, to: number): Promise<void> {
  history.note(`diff ${from} ${to}`);
  const ranges: Range[] = [];
  const views = [history.view(from), history.view(to)] as const;
  for await (const range of history.volume.diff(...views)) ranges.push(range);
  let end = -1;
  for (const { offset, length } of ranges) {
    if (offset <= end || length <= 0) throw new Error(`diff: ${offset}+${length} after ${end}`);
    end = offset + length;
  }
  const longest = Math.max(history.model.sizeOf(from), history.model.sizeOf(to));
  if (end > longest) throw new Error(`diff: a range ends at ${end}`);
  nothingElseDiffers(history, from, to, history.random.pick(history.world.spots), ranges);
  await diffWithin(history, from, to, ranges);
}

/** All of the range, neighbours of different kinds, and a hole is all zeros. */
export async function compareExtents(history: History, id: number, range: Range): Promise<void> {
  history.note(`extents ${id} ${range.offset}+${range.length}`);
  const extents = history.view(id).extents(range.offset, range.length);
  let end = range.offset;
  let before: boolean | null = null;
  for await (const { offset, length, data } of extents) {
    if (offset !== end || length <= 0 || data === before) {
      throw new Error(`extents: ${offset}+${length} (${data}) after ${end} (${before})`);
    }
    [end, before] = [offset + length, data];
    if (data) continue;
    const at = history.model.read(id, offset, length).findIndex((byte) => byte !== 0);
    if (at >= 0) throw new Error(`extents: ${id} has data at ${offset + at}, not a hole`);
  }
  if (end !== range.offset + range.length) throw new Error(`extents: end at ${end}`);
}

/** A diff of a part is that part of the diff. */
async function diffWithin(history: History, from: number, to: number, ranges: Range[]) {
  const { model } = history;
  const within = history.range(model.sizeOf(from) > model.sizeOf(to) ? from : to);
  const [first, last] = [within.offset, within.offset + within.length];
  const wanted = ranges
    .map(({ offset, length }) => [Math.max(first, offset), Math.min(last, offset + length)])
    .filter(([start = 0, end = 0]) => start < end);
  const found: number[][] = [];
  const views = [history.view(from), history.view(to)] as const;
  for await (const { offset, length } of history.volume.diff(...views, within)) {
    found.push([offset, offset + length]);
  }
  if (JSON.stringify(found) === JSON.stringify(wanted)) return;
  throw new Error(`diff within ${first} to ${last}: ${found.join(" ")}, not ${wanted.join(" ")}`);
}

function nothingElseDiffers(
  history: History,
  from: number,
  to: number,
  spot: number,
  ranges: Range[],
): void {
  const { model, world } = history;
  const bytes = (id: number) => {
    const length = Math.max(0, Math.min(world.reach, model.sizeOf(id) - spot));
    return model.read(id, spot, length);
  };
  const [shown, other] = [bytes(from), bytes(to)];
  const length = Math.max(shown.length, other.length);
  const [before, after] = [shown, other].map((one) => {
    const all = new Uint8Array(length);
    all.set(one);
    return all;
  }) as [Uint8Array, Uint8Array];
  for (const { offset, length } of ranges) {
    const [first, end] = [Math.max(0, offset - spot), Math.max(0, offset + length - spot)];
    after.set(before.subarray(first, end), Math.min(first, before.length));
  }
  const at = firstDifference(before, after);
  if (at >= 0) throw new Error(`diff ${from} ${to} says nothing of byte ${spot + at}`);
}
