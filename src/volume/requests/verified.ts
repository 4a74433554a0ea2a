/** Reads of chunks that have checksums: whole, and compared before anybody sees them. */
import { RUN_SHARED } from "../../engine/status.ts";
import { MultisnapError } from "../../errors.ts";
import type { ExceptionStore, Visit } from "../../stores/store.ts";
import type { Task } from "../../task.ts";
import type { Core } from "../core.ts";
import { endOf, type Piece, SUMMED, stretchesOf } from "./stretches.ts";

/**
 * At once: fills `target` from a chunk that has a checksum, `within` bytes behind its beginning.
 * False: take the long way, which says what is wrong.
 */
export function readSummedNow(core: Core, place: number, within: number, target: Uint8Array) {
  const { store, chunk } = core;
  const { memory, copies } = store;
  store.device.read(memory, copies, chunk, place * chunk);
  if (store.sums!.verify(place, 1, copies) !== 1) return false;
  target.set(memory.subarray(copies + within, copies + within + target.length));
  return true;
}

/** Pieces just read to `address` are what was written, else `Corrupt`. */
export function* verifyAll(
  core: Core,
  pieces: readonly Piece[],
  address: number,
  visit: Visit,
): Task<void> {
  const { store, chunk } = core;
  if (!store.sums) return;
  for (const { view, at, place, count } of pieces) {
    let good: number;
    while ((good = store.sums.verify(place, count, address)) < 0) yield* store.serve(good, visit);
    if (good < count) throw lost(core, view, at + good, place + good);
    address += count * chunk;
  }
}

function lost({ store, chunk }: Core, view: number, at: number, place: number): MultisnapError {
  const size = store.view(view)?.size ?? Infinity;
  const [from, end] = [at * chunk, Math.min(size, (at + 1) * chunk)];
  const where = `place ${place} of ${store.device.name} (byte ${place * chunk})`;
  return new MultisnapError(
    "Corrupt",
    `bytes ${from}..${end - 1} are lost: ${where} does not have its checksum; ` +
      'write them anew, and see "check --data" for what else is',
  );
}

/** What a read finds: chunks that have no checksums, then some that do. Or a status. */
export interface Summed {
  before: number;
  pieces: Piece[];
}

/** In the runs of a lookup from chunk `first` on, as far as `wanted` chunks. */
export function firstSummed(
  store: ExceptionStore,
  runs: number,
  view: number,
  first: number,
  wanted: number,
): Summed | number {
  const found = stretchesOf(store, runs, view, first, wanted, isStored);
  if (typeof found === "number") return found;
  const from = found.findIndex(({ state }) => state === SUMMED);
  if (from < 0) return { before: endOf(found) - first, pieces: [] };
  const rest = found.slice(from);
  const end = rest.findIndex(({ state }) => state !== SUMMED);
  const pieces = end < 0 ? rest : rest.slice(0, end);
  return { before: pieces[0]!.at - first, pieces };
}

function isStored(kind: number): boolean {
  return kind >= RUN_SHARED;
}
