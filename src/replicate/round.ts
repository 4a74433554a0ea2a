/**
 * Rounds of a replication: each brings one snapshot to the other side.
 *
 * Invariants
 * - A snapshot is held before its stream begins, and until a later one has arrived: what both sides
 *   have is never deleted by rule.
 * - At most one snapshot has been taken and has not arrived: none is taken before that one has.
 * - What is known of the other side is forgotten before anything is sent, and known again when that
 *   has been answered: whatever goes wrong, the next round asks.
 */
import { type Env, monotonic } from "../env.ts";
import { MultisnapError } from "../errors.ts";
import type { KeepRule } from "../schedule/keep.ts";
import { isStamped, type Mark } from "../schedule/mark.ts";
import { formatTime } from "../schedule/period.ts";
import { prune } from "../schedule/prune.ts";
import { Series, viewOf } from "../schedule/series.ts";
import { restamp, takeMarked } from "../schedule/take.ts";
import type { Compression } from "../stream/compression.ts";
import { sendStream } from "../stream/send.ts";
import { endIfAborted } from "../task.ts";
import type { ProgressOptions, View, Volume } from "../volume/types.ts";
import type { ReplicaAnswer } from "./answer.ts";
import { candidates, type Standing, standing } from "./both.ts";
import { encodeRequest, type ReplicaRequest } from "./request.ts";
import { checkAnswer, type ReplicaTarget } from "./target.ts";

export interface RoundOptions extends ProgressOptions {
  /** Name of the view; null: the origin. */
  of: string | null;
  series: string;
  /** Rules for the other side, as text, and for this one. */
  keep: string | null;
  keepHere: readonly KeepRule[] | null;
  compress: Compression;
  force: boolean;
  env: Env;
  signal: AbortSignal;
  /** Whether to take a snapshot after that one (null: it would be the first). */
  isDue: (last: Mark | null) => boolean;
}

/** A plain object: one snapshot has arrived and is durable over there. */
export interface Sent {
  type: "sent";
  /** ISO 8601. */
  time: string;
  snapshot: string;
  /** What the stream stood on; null: all of it was sent. */
  from: string | null;
  /** It went on where another stream broke off. */
  resumed: boolean;
  /** Of the stream. */
  bytes: number;
  seconds: number;
  /** The copy's origin has become what the snapshot is. */
  follows: boolean;
  /** Snapshots that rules deleted. */
  deleted: { here: string[]; there: number };
  /** What failed once the snapshot was durable, and is tried again with the next one. */
  problem: string | null;
}

/** Snapshots name their volume's places by number and time: another volume's are others. */
interface Acknowledged {
  id: number;
  created: number;
  name: string;
  /** Id of the view that is replicated. */
  of: number;
}

/** Letters: marks of a snapshot have 400 bytes, of which one has four at most. */
const REASON_MAX = 80;

export class Replication {
  readonly target: ReplicaTarget;
  readonly #options: RoundOptions;
  readonly #reason: string;
  /** What is known to be there, and newest; null: nothing is known. */
  #acknowledged: Acknowledged | null = null;
  /** Of the view, since the other side was asked. */
  #own: Series;
  /** A token that did not help. */
  #useless: string | null = null;
  /** Nothing was asked, or what was asked was answered: see `isFatal`. */
  #isSending = false;
  /** The last round sent what one before it had taken. */
  #isBehind = false;

  constructor(target: ReplicaTarget, options: RoundOptions) {
    this.target = target;
    this.#options = options;
    this.#reason = reasonOf(options.series, target.name);
    this.#own = new Series(options.series);
  }

  /** Another round may follow at once. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** Null: nothing was due. */
  async round(volume: Volume): Promise<Sent | null> {
    this.#isSending = false;
    this.#isBehind = false;
    mustTake(volume);
    const { of: name } = this.#options;
    const of = name === null ? volume.origin : volume.get(name);
    const stands = this.#known(volume, of) ?? (await this.#ask(volume, of));
    const { base } = stands;
    const snapshot = stands.pending ?? (await this.#take(volume, of));
    if (!snapshot) {
      await this.#letGo(volume, base, stands.held);
      return null;
    }
    if (!snapshot.holds.includes(this.#reason)) await volume.addHold(snapshot, this.#reason);
    this.#acknowledged = null;
    this.#isSending = true;
    const { answer, bytes, seconds } = await this.#send(volume, of, snapshot, stands);
    this.#acknowledged = acknowledged(snapshot, of);
    this.#isBehind = stands.pending !== null;
    const { problem, here } = await this.#settle(volume, snapshot, stands.held);
    return {
      type: "sent",
      time: formatTime(this.#options.env.now()),
      snapshot: snapshot.name as string,
      from: base?.name ?? null,
      resumed: stands.resume !== null,
      bytes,
      seconds,
      follows: answer.follows ?? false,
      deleted: { here, there: answer.deleted },
      problem: answer.problem ?? problem,
    };
  }

  /** Whether trying again would come to the same: what it is about, somebody has to change. */
  isFatal(error: unknown): boolean {
    if (!(error instanceof MultisnapError)) return true;
    const { code } = error;
    // A stream that is refused is one that does not fit any more: asking tells what would.
    return (
      code === "Unsupported" || code === "Internal" || (code === "Invalid" && !this.#isSending)
    );
  }

  /** Without asking, as long as everything went well. */
  #known(volume: Volume, of: View): Standing | null {
    const last = this.#acknowledged;
    if (last?.of !== of.id) return null;
    const base = viewOf(volume, last);
    if (!base?.readOnly || base.created !== last.created) return null;
    return { base, pending: null, resume: null, held: [base] };
  }

  async #ask(volume: Volume, of: View): Promise<Standing> {
    mustBeOfKind(volume);
    const { series, force, signal } = this.#options;
    this.#own = new Series(series, of.id);
    const asked = await candidates(volume, this.#reason);
    const have = asked.map(({ identity }) => identity);
    const request = await encodeRequest(this.#request(volume, of, { do: "ask", have }));
    const answer = await this.#exchange(one(request), signal);
    const how = { of, series, reason: this.#reason, force };
    const stands = standing(volume, asked, answer, how);
    const { base, pending, resume } = stands;
    if (base && !pending) this.#acknowledged = acknowledged(base, of);
    return { ...stands, resume: resume === this.#useless ? null : resume };
  }

  async #take(volume: Volume, of: View): Promise<View | null> {
    const { series, env, isDue } = this.#options;
    const last = this.#own.lastMark(volume);
    if (!isDue(last)) return null;
    const { snapshot, mark } = await takeMarked(volume, last, env.now(), series, of);
    if (!isStamped(mark, snapshot.created)) await restamp(volume, last, snapshot, series);
    return volume.get(snapshot.name as string);
  }

  async #send(
    volume: Volume,
    of: View,
    snapshot: View,
    { base, resume }: Standing,
  ): Promise<{ answer: ReplicaAnswer; bytes: number; seconds: number }> {
    const { compress, signal, progress } = this.#options;
    const { name } = snapshot;
    const request = this.#request(volume, of, { do: "receive", resume: resume !== null, name });
    const begin = await encodeRequest(request);
    const how = { compress, signal, progress };
    const stream = resume
      ? sendStream(volume, null, { ...how, resume })
      : sendStream(volume, snapshot, { ...how, from: base ?? undefined });
    let bytes = 0;
    async function* counted() {
      yield begin;
      for await (const part of stream) {
        bytes += part.length;
        yield part;
      }
    }
    const since = monotonic();
    try {
      const answer = await this.#exchange(counted(), signal);
      return { answer, bytes, seconds: Math.round(monotonic() - since) / 1000 };
    } catch (error) {
      if (!isBroken(error)) this.#useless = resume;
      throw error;
    }
  }

  #request(
    volume: Volume,
    { size }: View,
    what: Pick<ReplicaRequest, "do"> & Partial<ReplicaRequest>,
  ): ReplicaRequest {
    const { series, keep } = this.#options;
    const { uuid, chunk } = volume;
    const facts = { volume: uuid, series, size, chunk, keep };
    return { ...facts, have: [], resume: false, name: null, ...what };
  }

  async #exchange(bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<ReplicaAnswer> {
    endIfAborted(signal);
    const { target } = this;
    let answer: unknown;
    try {
      answer = await target.exchange(bytes, signal);
    } catch (error) {
      throw asIo(target.name, error);
    }
    return checkAnswer(target, answer);
  }

  /** It has arrived: what it stood on may go. What fails here is done again after the next one. */
  async #settle(
    volume: Volume,
    snapshot: View,
    held: readonly View[],
  ): Promise<{ problem: string | null; here: string[] }> {
    const { series, keepHere } = this.#options;
    try {
      await this.#letGo(volume, snapshot, held);
      const here: string[] = [];
      if (keepHere) {
        const snapshots = [...this.#own.newestFirst(volume)].reverse();
        for await (const names of prune(volume, keepHere, { snapshots, series }))
          here.push(...names);
      }
      return { problem: null, here };
    } catch (error) {
      // All that is held is looked for again.
      this.#acknowledged = null;
      return { problem: error instanceof Error ? error.message : String(error), here: [] };
    }
  }

  /** Of all that is held for the other side, only `base` stays so. */
  async #letGo(volume: Volume, base: View | null, held: readonly View[]): Promise<void> {
    if (!base) return;
    const reason = this.#reason;
    if (!base.holds.includes(reason)) await volume.addHold(base, reason);
    const others = held.filter(({ id, holds }) => id !== base.id && holds.includes(reason));
    for (const view of others) await volume.removeHold(view, reason);
  }
}

function acknowledged({ id, created, name }: View, of: View): Acknowledged {
  return { id, created, name: name as string, of: of.id };
}

function mustTake({ readOnly }: Volume): void {
  if (!readOnly) return;
  throw new MultisnapError("ReadOnly", "to replicate a volume, it has to take snapshots");
}

function mustBeOfKind(volume: Volume): void {
  const { kind } = volume.status();
  if (kind === "range" || kind === "bitmap") return;
  throw new MultisnapError(
    "Unsupported",
    `a store of kind ${kind} takes no snapshots to replicate`,
  );
}

/** The stream did not come through; the same bytes may the next time. */
function isBroken(error: unknown): boolean {
  const codes = ["Io", "Closed", "Busy", "NoSpace", "Corrupt", "ReadOnly"];
  return error instanceof MultisnapError && codes.includes(error.code);
}

/** What carries the bytes fails in its own ways, which are not about the volumes: see `isFatal`. */
function asIo(name: string, cause: unknown): MultisnapError {
  if (cause instanceof MultisnapError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new MultisnapError("Io", `${name}: ${message}`, { cause });
}

/** Why a snapshot is held here, as `list` shows it: the same over restarts. */
export function reasonOf(series: string, target: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a hold has none
  const text = `${series} to ${target}`.replace(/[\u0000-\u001f\u007f]/g, " ");
  const letters = Array.from(text);
  if (letters.length <= REASON_MAX) return text;
  const half = REASON_MAX / 2 - 2;
  return `${letters.slice(0, half).join("")}...${letters.slice(-half).join("")}`;
}

async function* one(part: Uint8Array): AsyncGenerator<Uint8Array> {
  yield part;
}
