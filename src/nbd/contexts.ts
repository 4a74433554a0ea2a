/**
 * Metadata contexts, which block status tells of: `base:allocation`, and `multisnap:diff:NAME`,
 * what has changed since the snapshot NAME.
 */
import { turn } from "../task.ts";
import type { ByteRange, View, Volume } from "../volume/types.ts";
import type { Export } from "./exports.ts";
import { STATE_CHANGED, STATE_HOLE, STATE_ZERO } from "./protocol.ts";

const ALLOCATION = "base:allocation";
const DIFF = "multisnap:diff:";
/** Extents of one answer: 32 KiB of reply, at most. The client asks again for the rest. */
const EXTENTS_MAX = 4096;

/** Looked at in one turn: others want to be served, too. 8,192 chunks of 4 KiB take some 5 ms. */
const WINDOW_BYTES = 32 * 2 ** 20;

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
  range: ByteRange,
  onlyOne: boolean,
): Promise<State[]> {
  const max = onlyOne ? 1 : EXTENTS_MAX;
  const states: State[] = [];
  const end = range.offset + range.length;
  for (let at = range.offset; at < end; ) {
    const next = Math.min(end, at - (at % WINDOW_BYTES) + WINDOW_BYTES);
    const window = { offset: at, length: next - at };
    const found = from ? changes(volume, from, view, window) : allocation(view, window);
    for await (const state of found) {
      const last = states.at(-1);
      if (last?.flags === state.flags) last.length += state.length;
      else if (states.length === max) return states;
      else states.push(state);
    }
    at = next;
    if (at < end) await turn();
  }
  return states;
}

async function* allocation(view: View, { offset, length }: ByteRange): AsyncGenerator<State> {
  for await (const extent of view.extents(offset, length)) {
    yield { length: extent.length, flags: extent.data ? 0 : STATE_HOLE | STATE_ZERO };
  }
}

async function* changes(
  volume: Volume,
  from: View,
  view: View,
  range: ByteRange,
): AsyncGenerator<State> {
  let at = range.offset;
  for await (const { offset, length } of volume.diff(from, view, range)) {
    if (offset > at) yield { length: offset - at, flags: 0 };
    yield { length, flags: STATE_CHANGED };
    at = offset + length;
  }
  const end = range.offset + range.length;
  if (at < end) yield { length: end - at, flags: 0 };
}
