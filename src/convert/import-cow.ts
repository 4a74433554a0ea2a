/**
 * A set of old dm-snapshots of one origin becomes snapshots of one store. Their COW devices hold
 * copies of the same chunks of the origin, one each; here equal chunks are stored once.
 *
 * What has its name is whole: a snapshot is called `NAME.partial` until all of them are.
 */
import type { Device } from "../devices/device.ts";
import { MultisnapError } from "../errors.ts";
import { endIfAborted } from "../task.ts";
import { differing, grouped, isSame } from "../volume/compare/compare.ts";
import { openVolume } from "../volume/open/open.ts";
import type { Hold, ProgressOptions, View, Volume } from "../volume/types.ts";
import { viewDevice } from "./borrowed.ts";
import { differences, type Piece } from "./differences.ts";
import { freeName, freeNames } from "./names.ts";

export interface CowSource {
  /** What the snapshot is to be called; changed where that is taken. */
  name: string;
  /** Called twice; the device is closed each time. */
  open(): Promise<Device>;
}

/** What becomes of a chunk: it is the origin's, zeros, data, or what an earlier snapshot has. */
type Content = "same" | "zero" | "data" | View;

/**
 * Makes a snapshot of each, in the order given: oldest first. All of them or, where one is damaged
 * or anything fails, none. `volume` has the attached origin that the COW devices are of, as it was
 * when they were used last.
 *
 * Errors: `Invalid` (not a COW device, no attached origin), `Corrupt`, `Unsupported` (version;
 * a store that takes no snapshots), `NoSpace`, `Closed` (the signal).
 */
export async function importCows(
  volume: Volume,
  cows: readonly CowSource[],
  options: ProgressOptions = {},
): Promise<View[]> {
  if (volume.status().originMode !== "attached") {
    throw new MultisnapError("Invalid", "the volume has no attached origin that they could be of");
  }
  let total = 0;
  for (const cow of cows) {
    endIfAborted(options.signal);
    total += await withCow(volume, cow, async ({ usage }) => usage.dataBytes);
  }
  const names = freeNames(
    volume,
    cows.map(({ name }) => name),
  );
  const made: View[] = [];
  const holds: Hold[] = [];
  try {
    let before = 0;
    for (const [index, cow] of cows.entries()) {
      const partial = freeName(`${names[index]}.partial`, (name) => volume.has(name));
      const view = await volume.snapshot(partial);
      made.push(view);
      holds.push(view.hold());
      const progress = (done: number) =>
        options.progress?.(Math.min(total, before + done), Math.max(1, total));
      await withCow(volume, cow, async ({ cows, snapshot, usage }) => {
        const earlier = made.slice(0, -1).reverse();
        for await (const piece of differences(cows, snapshot, volume.chunk, options.signal)) {
          await put(view, piece, volume.chunk, earlier);
          progress(Math.min(piece.done, usage.dataBytes));
        }
        before += usage.dataBytes;
      });
    }
    for (const [index, view] of made.entries()) await volume.rename(view, names[index]!);
    await volume.flush();
    return made;
  } catch (error) {
    // What went wrong first counts more; an interrupted store keeps partial ones, named so.
    await volume.delete(...made).catch(() => {});
    throw error;
  } finally {
    for (const hold of holds) hold.release();
  }
}

interface OpenCow {
  /** Of the COW device alone. */
  cows: Volume;
  snapshot: View;
  usage: { dataBytes: number };
}

/** Opens a COW device for reading only, on the origin of `volume`. */
async function withCow<T>(
  volume: Volume,
  cow: CowSource,
  body: (open: OpenCow) => Promise<T>,
): Promise<T> {
  const store = await cow.open();
  try {
    const origin = viewDevice(volume.origin, true);
    const cows = await openVolume({ store, origin, readOnly: true });
    try {
      const [snapshot] = cows.snapshots;
      if (cows.status().kind !== "persistent" || !snapshot) throw notCow(store);
      return await body({ cows, snapshot, usage: cows.usage() });
    } finally {
      await cows.close();
    }
  } finally {
    await store.close();
  }
}

function notCow({ name }: Device): MultisnapError {
  return new MultisnapError("Invalid", `${name} is a store of ours, not a dm-snapshot COW device`);
}

async function put(view: View, piece: Piece, chunk: number, earlier: View[]): Promise<void> {
  const contents = await contentsOf(piece, chunk, earlier);
  for (const { value, from, to } of grouped(contents)) {
    const end = Math.min(to * chunk, piece.bytes.length);
    const [offset, length] = [piece.offset + from * chunk, end - from * chunk];
    if (value === "same") continue;
    else if (value === "zero") await view.writeZeroes(offset, length);
    else if (value === "data") await view.write(offset, piece.bytes.subarray(from * chunk, end));
    else await view.cloneFrom(value, offset, length);
  }
}

/** For each chunk, the first of `earlier` that has the same bytes there. */
async function contentsOf(piece: Piece, chunk: number, earlier: View[]): Promise<Content[]> {
  const { offset, bytes, differs } = piece;
  const zeros = new Uint8Array(chunk);
  const contents: Content[] = differs.map((isOther, index) => {
    const mine = bytes.subarray(index * chunk, (index + 1) * chunk);
    if (!isOther) return "same";
    return isSame(mine, zeros.subarray(0, mine.length)) ? "zero" : "data";
  });
  const theirs = new Uint8Array(earlier.length > 0 ? bytes.length : 0);
  for (const view of earlier) {
    const first = contents.indexOf("data");
    if (first < 0) break;
    const from = first * chunk;
    const end = Math.min(bytes.length, (contents.lastIndexOf("data") + 1) * chunk);
    await view.read(offset + from, theirs.subarray(from, end));
    const differ = differing(bytes.subarray(from, end), theirs.subarray(from, end), chunk);
    for (const [index, isOther] of differ.entries()) {
      if (!isOther && contents[first + index] === "data") contents[first + index] = view;
    }
  }
  return contents;
}
