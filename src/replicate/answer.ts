/**
 * The other side of a replication: takes a stream in, holds what both sides have, prunes by the
 * rules that it is given, and says what is there (REPLICA.md).
 *
 * Memory: that of `receiveStream`, and the names of a series' snapshots.
 */
import { MultisnapError } from "../errors.ts";
import { parseKeep } from "../schedule/keep.ts";
import { prune } from "../schedule/prune.ts";
import { Series, viewOf } from "../schedule/series.ts";
import { halfReceived } from "../stream/half-way.ts";
import { receiveStream } from "../stream/receive.ts";
import { encodeIdentity, textOf } from "../volume/identity/identity.ts";
import { countSnapshots } from "../volume/newest.ts";
import type { ProgressOptions, View, Volume } from "../volume/types.ts";
import { type ReplicaRequest, takeRequest } from "./request.ts";

export interface AnswerOptions extends ProgressOptions {
  /** False: whatever rules come with a request, nothing is deleted. */
  prune?: boolean;
}

/** A plain object. */
export interface ReplicaAnswer {
  replica: 1;
  error: { code: string; message: string } | null;
  /** uuid of the copy. */
  volume: string;
  /** How many it has. */
  snapshots: number;
  /** Indexes into the `have` of the request. */
  has: number[];
  /** The last one of the series that came; its identity in base64url. */
  newest: { name: string; identity: string } | null;
  /** Token of a stream that is half there. */
  half: string | null;
  /** The origin has become what the last snapshot is; null: there was no stream. */
  follows: boolean | null;
  /** How many the rules deleted. */
  deleted: number;
  /** What failed after the snapshots were durable. */
  problem: string | null;
}

/**
 * Does what the `bytes` of one exchange ask for; what it answers goes back to who sent them.
 * Errors: `Invalid` (no request), those of `receiveStream`: views are as they were before.
 */
export async function answerReplica(
  volume: Volume,
  bytes: AsyncIterable<Uint8Array>,
  options: AnswerOptions = {},
): Promise<ReplicaAnswer> {
  const { request, stream } = await takeRequest(bytes);
  if (!request) {
    throw new MultisnapError("Invalid", "this is no request to replicate: `replicate` makes one");
  }
  return answerRequest(volume, request, stream, options);
}

/** The same, for a request that has been taken from its bytes. */
export async function answerRequest(
  volume: Volume,
  request: ReplicaRequest,
  stream: AsyncIterable<Uint8Array>,
  { signal, progress, prune: mayPrune = true }: AnswerOptions,
): Promise<ReplicaAnswer> {
  let follows: boolean | null = null;
  if (request.do === "receive") {
    const { resume } = request;
    const name = freeName(volume, request.name);
    follows = (await receiveStream(volume, stream, { resume, name, signal, progress })).follows;
  }
  const side = sideOf(volume, request);
  const identities = new Identities(volume, side.series);
  let deleted = 0;
  let problem: string | null = null;
  try {
    await holdNewest(volume, request, identities, side);
    if (mayPrune && request.keep !== null) {
      const snapshots = (await identities.arrived(request)).map(({ view }) => view);
      const how = { snapshots, series: request.series };
      for await (const names of prune(volume, parseKeep(request.keep), how))
        deleted += names.length;
    }
  } catch (error) {
    // The snapshot is there: to say that it is not would have it sent again.
    if (request.do === "ask") throw error;
    problem = error instanceof Error ? error.message : String(error);
  }
  return { ...(await stateOf(volume, request, identities)), follows, deleted, problem };
}

/**
 * A name that another snapshot has here, since the two sides went different ways or a clock went
 * back, leads to another pass of the clock, as on the side where it was taken.
 */
function freeName(volume: Volume, name: string | null): string | undefined {
  if (name === null || !volume.has(name)) return undefined;
  const [first] = name.split(/\.[0-9]+$/);
  let pass = 2;
  while (volume.has(`${first}.${pass}`)) pass++;
  return `${first}.${pass}`;
}

/** What is known of a series that comes to a volume, from one exchange to the next. */
interface Side {
  series: Series;
  /** What is held for the next increment; null: all are to be looked at. */
  held: { id: number; name: string }[] | null;
}

/** Series that are remembered of a volume. */
const SIDES_MAX = 16;
const sides = new WeakMap<Volume, Map<string, Side>>();

function sideOf(volume: Volume, request: ReplicaRequest): Side {
  const all = sides.get(volume) ?? new Map<string, Side>();
  sides.set(volume, all);
  const reason = reasonOf(request);
  const side = all.get(reason) ?? { series: new Series(request.series), held: null };
  all.delete(reason);
  all.set(reason, side);
  if (all.size > SIDES_MAX) all.delete(all.keys().next().value as string);
  return side;
}

/** Why a snapshot is held. */
function reasonOf({ series, volume }: ReplicaRequest): string {
  return `${series} of ${volume}`;
}

interface Known {
  view: View;
  /** In base64url. */
  identity: string;
  /** uuid. */
  from: string;
}

/** Identities of read-only snapshots, each asked for once: of those, none changes. */
class Identities {
  readonly #volume: Volume;
  readonly #series: Series;
  readonly #found = new Map<number, Known>();

  constructor(volume: Volume, series: Series) {
    this.#volume = volume;
    this.#series = series;
  }

  /** To ask for the identity of one that can be written would have its writes watched. */
  async of(views: readonly View[]): Promise<Known[]> {
    const all: Known[] = [];
    for (const view of views) if (view.readOnly) all.push(await this.#one(view));
    return all;
  }

  /** The last of those that `arrived`, as a rule found at the first look. */
  async newest({ volume: from }: ReplicaRequest): Promise<Known | null> {
    for (const snapshot of this.#series.newestFirst(this.#volume)) {
      const known = await this.#one(snapshot);
      if (known.from === from) return known;
    }
    return null;
  }

  /** Those of the series that came from the volume, in the order of their coming. */
  async arrived({ volume: from }: ReplicaRequest): Promise<Known[]> {
    const own = [...this.#series.newestFirst(this.#volume)].reverse();
    return (await this.of(own)).filter((one) => one.from === from);
  }

  async #one(view: View): Promise<Known> {
    const known = this.#found.get(view.id);
    if (known) return { ...known, view };
    const identity = await this.#volume.identity(view);
    const text = textOf(encodeIdentity(identity));
    const found = { view, identity: text, from: identity.volume };
    this.#found.set(view.id, found);
    return found;
  }
}

/** Nobody deletes what the next increment stands on. */
async function holdNewest(
  volume: Volume,
  request: ReplicaRequest,
  identities: Identities,
  side: Side,
): Promise<void> {
  const reason = reasonOf(request);
  const newest = (await identities.newest(request))?.view;
  if (!newest) return;
  const held = side.held?.flatMap((one) => viewOf(volume, one) ?? []) ?? volume.snapshots;
  // Should it end before its end, they are all looked at again.
  side.held = null;
  if (!newest.holds.includes(reason)) await volume.addHold(newest, reason);
  for (const view of held) {
    if (view.id !== newest.id && view.holds.includes(reason)) await volume.removeHold(view, reason);
  }
  side.held = [{ id: newest.id, name: newest.name as string }];
}

async function stateOf(
  volume: Volume,
  request: ReplicaRequest,
  identities: Identities,
): Promise<Omit<ReplicaAnswer, "follows" | "deleted" | "problem">> {
  const { uuid } = volume;
  const wanted = new Set(request.have);
  const asked = wanted.size > 0 ? await identities.of(volume.snapshots) : [];
  const there = new Set(asked.map(({ identity }) => identity));
  const has = request.have.flatMap((identity, index) => (there.has(identity) ? [index] : []));
  const newest = await identities.newest(request);
  const half = await halfReceived(volume);
  return {
    replica: 1,
    error: null,
    volume: uuid,
    snapshots: countSnapshots(volume),
    has,
    newest: newest ? { name: newest.view.name!, identity: newest.identity } : null,
    half: half?.token ?? null,
  };
}
