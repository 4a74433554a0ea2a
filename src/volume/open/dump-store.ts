/**
 * A store's metadata as text, and back. The data stays where it is: a dump is small, and rebuilds
 * what damage took of a store whose data is still there.
 */
import type { Device } from "../../devices/device.ts";
import { MultisnapError } from "../../errors.ts";
import { dumpOf, loadStore, openStore } from "../../stores/kinds.ts";
import { endIfAborted, run } from "../../task.ts";
import type { Loaded, ProgressOptions } from "../types.ts";
import { readable } from "./readable.ts";
import { smallSetup } from "./small-setup.ts";

export interface DumpOptions extends ProgressOptions {
  /** Stays open; only read. */
  store: Device;
  /** What can be read of a store that is damaged: what is lost is in the dump as lost. */
  damaged?: boolean;
}

/**
 * Pieces of some lines of JSON (see DUMP.md). What the journal adds is in it. Errors: as of opening
 * the store for reading.
 */
export async function* dumpStore(options: DumpOptions): AsyncGenerator<string> {
  const setup = await smallSetup();
  const { device, facts } = await readable(options.store, options.damaged ?? false, setup);
  const attached = { originBytes: facts.size ?? 0, index: 0, maxSize: null };
  if (facts.kind === "persistent") {
    const why = "its metadata is the kernel's: copy its file";
    throw new MultisnapError("Unsupported", `a store of kind persistent is not dumped: ${why}`);
  }
  const store = await run(openStore(device, facts, setup, false, attached));
  const dumper = await run(dumpOf(store, setup.module));
  const total = store.usage().exceptions;
  for (;;) {
    endIfAborted(options.signal);
    const text = await run(dumper.next());
    if (text === null) return;
    yield text;
    options.progress?.(dumper.entries, total);
  }
}

export interface RestoreOptions extends ProgressOptions {
  /** The store, or a copy of its data; written. Stays open. */
  store: Device;
  /** The dump from its beginning: called twice, to examine it first. */
  dump: () => AsyncIterable<Uint8Array>;
  /** Also onto a store that says it is another one, or has gone on since. */
  force?: boolean;
}

/**
 * Makes a store's metadata anew from a dump. A dump that is wrong changes nothing, and neither does
 * a crash before the end. Errors: `Invalid` (the dump), `Exists` (without `force`), `NoSpace`,
 * `Io`.
 */
export async function restoreStore(options: RestoreOptions): Promise<Loaded> {
  const { store, dump, force = false, signal, progress } = options;
  const how = { force, ...(signal && { signal }), ...(progress && { progress }) };
  return run(loadStore(store, dump, await smallSetup(), how));
}
