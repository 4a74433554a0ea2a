/** What few callers of the library ask for: loaded with the first of them. */

import type { GroupMember } from "./life/snapshot-all.ts";
import type { DumpOptions, RestoreOptions } from "./open/dump-store.ts";
import { seldom } from "./part.ts";
import type { Loaded, View } from "./types.ts";

/**
 * Pieces of some lines of JSON (see DUMP.md). What the journal adds is in it. Errors: as of opening
 * the store for reading.
 */
export async function* dumpStore(options: DumpOptions): AsyncGenerator<string> {
  yield* (await seldom.load()).dumpStore(options);
}

/**
 * Makes a store's metadata anew from a dump. A dump that is wrong changes nothing, and neither does
 * a crash before the end. Errors: `Invalid` (the dump), `Exists` (without `force`), `NoSpace`,
 * `Io`.
 */
export async function restoreStore(options: RestoreOptions): Promise<Loaded> {
  return (await seldom.load()).restoreStore(options);
}

/**
 * Snapshots of several volumes at one instant: writes to all of them wait while they are made. All
 * of them or none, durable when it answers; in the order of `members`. A crash while it runs can
 * leave some: each store has a journal of its own.
 *
 * Errors: as `Volume.snapshot`; `Unsupported` for a volume that another process or thread has open.
 */
export async function snapshotAll(members: readonly GroupMember[]): Promise<View[]> {
  return (seldom.loaded ?? (await seldom.load())).snapshotAll(members);
}
