/**
 * Snapshots are taken, renamed and deleted while the store is served: by our command-line program,
 * and over a connection that is there already, which is fast enough to die in the middle.
 */

import type { RemoteVolume } from "../../../../src/connect/remote-volume.ts";
import { connectControl } from "../../../../src/control/client.ts";
import { run } from "../../../cli/program.ts";
import type { Random } from "../../../model/prng.ts";
import { type Entry, exportOf } from "./shelf.ts";
import type { World } from "./world.ts";

const SNAPSHOTS_MAX = 4;

/** How one change is made; false: it was not answered well. */
interface Hands {
  /** Whether it was made by a server that had lost nothing: not by the program alone. */
  isServers(): boolean;
  snapshot(name: string, of: string | null): Promise<boolean>;
  delete(name: string): Promise<boolean>;
  rename(name: string, to: string): Promise<boolean>;
}

/**
 * Ends when a change is not answered, or the server `isGone`: the program alone would then go on
 * with the store itself. Answers how many changes were made.
 */
export async function changeTimeline(
  world: World,
  random: Random,
  isGone: () => boolean,
): Promise<number> {
  if (world.shape.kind === "persistent") return 0;
  const volume = await connectControl(world.store).catch(() => null);
  const near = volume ? handsOf(volume) : null;
  let done = 0;
  try {
    while (!isGone()) {
      const hands = near && random.chance(0.7) ? near : program(world, isGone);
      if (!(await change(world, random, hands))) break;
      done++;
    }
  } finally {
    await volume?.close().catch(() => {});
  }
  return done;
}

function program({ store }: World, isGone: () => boolean): Hands {
  const ask = async (...args: string[]) => (await run(...args)).code === 0;
  return {
    isServers: () => !isGone(),
    snapshot: (name, of) => ask("snapshot", store, name, ...(of === null ? [] : ["--of", of])),
    delete: (name) => ask("delete", store, name),
    rename: (name, to) => ask("rename", store, name, to),
  };
}

function handsOf(volume: RemoteVolume): Hands {
  const ask = async (work: () => Promise<unknown>): Promise<boolean> => {
    try {
      await volume.refresh();
      await work();
      return true;
    } catch {
      return false;
    }
  };
  return {
    isServers: () => true,
    snapshot: (name, of) =>
      ask(() => volume.snapshot(name, { of: of === null ? volume.origin : volume.get(of) })),
    delete: (name) => ask(() => volume.delete(name)),
    rename: (name, to) => ask(() => volume.rename(name, to)),
  };
}

function change(world: World, random: Random, hands: Hands): Promise<boolean> {
  const { snapshots, entries, origin } = world.shelf;
  const what = random.weighted({ snapshot: 5, delete: 3, rename: 2 });
  if (snapshots.length === 0 || (what === "snapshot" && snapshots.length < SNAPSHOTS_MAX)) {
    return take(world, world.shape.kind === "range" ? random.pick(entries) : origin, hands);
  }
  const entry = random.pick(snapshots);
  return what === "rename" ? rename(world, entry, hands) : remove(world, entry, hands);
}

async function take({ shelf }: World, of: Entry, hands: Hands): Promise<boolean> {
  const name = shelf.newName();
  const settle = of.book.beginFlush();
  const { book, hasAll } = of.book.beginSnapshot();
  const entry: Entry = { book, names: new Set([name]), maybe: true, closed: true };
  shelf.snapshots.push(entry);
  if (!(await hands.snapshot(name, of.names && exportOf(of).slice(1)))) return false;
  of.book.endSnapshot(book);
  entry.maybe = false;
  if (hands.isServers()) {
    hasAll();
    // It is durable with all that it shows, which its parent shows, too.
    settle();
  }
  return true;
}

async function remove({ shelf }: World, entry: Entry, hands: Hands): Promise<boolean> {
  entry.closed = true;
  entry.maybe = true;
  if (!(await hands.delete(exportOf(entry).slice(1)))) return false;
  shelf.snapshots = shelf.snapshots.filter((other) => other !== entry);
  return true;
}

async function rename({ shelf }: World, entry: Entry, hands: Hands): Promise<boolean> {
  const [name, to] = [exportOf(entry).slice(1), shelf.newName()];
  entry.names = new Set([name, to]);
  if (!(await hands.rename(name, to))) return false;
  entry.names = new Set([to]);
  return true;
}
