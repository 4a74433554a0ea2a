/** Dumps, for callers of the library: what makes and takes them is loaded with the first. */
import type { DumpOptions, RestoreOptions } from "./dump-store.ts";
import { seldom } from "./part.ts";
import type { Loaded } from "./types.ts";

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
