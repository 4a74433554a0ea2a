/**
 * Metadata contexts, which block status tells of: `base:allocation`, and `multisnap:diff:NAME`,
 * what has changed since the snapshot NAME.
 */
import type { View, Volume } from "../volume/types.ts";
import type { Export } from "./exports.ts";
import { STATE_CHANGED, STATE_HOLE, STATE_ZERO } from "./protocol.ts";

const ALLOCATION = "base:allocation";
const DIFF = "multisnap:diff:";
/** Extents of one answer: 32 KiB of reply, at most. The client asks again for the rest. */
const EXTENTS_MAX = 4096;

export interface Context {
  id: number;
  name: string;
  /** The snapshot to compare with; null: allocation. */
  from: View | null;
}

/** A run of bytes with the same state; `flags` mean what their context says. */
export interface State {
  length: number;
  flags: number;
}

/** Names of contexts that a query of NBD_OPT_LIST_META_CONTEXT means: `base:` is all of those. */
export function* listContexts(volume: Volume, query: string | null): Generator<string> {
  if (query === null || query === "base:" || query === ALLOCATION) yield ALLOCATION;
  if (query === null || query === "multisnap:" || query === DIFF) {
    for (const { name } of volume.snapshots) yield DIFF + name;
  } else if (findContext(volume, query, 0)?.from) {
    yield query;
  }
}

/** The context of exactly that name. */
export function findContext(volume: Volume, name: string, id: number): Context | null {
  if (name === ALLOCATION) return { id, name, from: null };
  const snapshot = name.slice(DIFF.length);
  if (!name.startsWith(DIFF) || !volume.has(snapshot)) return null;
  return { id, name, from: volume.get(snapshot) };
}

/** States of the range from its beginning on, as far as they fit, at least one. */
export async function statesOf(
  volume: Volume,
  { view }: Export,
  { from }: Context,
  range: { offset: number; length: number },
  onlyOne: boolean,
): Promise<State[]> {
  const max = onlyOne ? 1 : EXTENTS_MAX;
  const states: State[] = [];
  if (!from) {
    for await (const { length, data } of view.extents(range.offset, range.length)) {
      states.push({ length, flags: data ? 0 : STATE_HOLE | STATE_ZERO });
      if (states.length === max) break;
    }
    return states;
  }
  let at = range.offset;
  for await (const { offset, length } of volume.diff(from, view, range)) {
    if (offset > at) states.push({ length: offset - at, flags: 0 });
    states.push({ length, flags: STATE_CHANGED });
    at = offset + length;
    if (states.length >= max) break;
  }
  const end = range.offset + range.length;
  if (at < end && states.length < max) states.push({ length: end - at, flags: 0 });
  return states.slice(0, max);
}
