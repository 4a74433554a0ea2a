/**
 * Continuous replication of a view: an incremental snapshot to another place in every interval of
 * the wall clock, whoever is restarted, for as long as somebody takes the events.
 */
import { type Env, systemEnv } from "../env.ts";
import { MultisnapError } from "../errors.ts";
import { type KeepRule, parseKeep } from "../schedule/keep.ts";
import { AUTO, type Mark } from "../schedule/mark.ts";
import { bucketOf, bucketStart, formatTime, wholeSecond } from "../schedule/period.ts";
import type { Compression } from "../stream/compression.ts";
import { endIfAborted } from "../task.ts";
import type { ProgressOptions, Volume } from "../volume/types.ts";
import { isSeries } from "./request.ts";
import { Replication, type Sent } from "./round.ts";
import type { ReplicaTarget } from "./target.ts";

export interface ReplicateOptions extends ProgressOptions {
  /** Name of a snapshot that is replicated, as somebody writes to it. The default is the origin. */
  of?: string;
  /** Milliseconds, whole seconds. Without it, one snapshot is taken and sent, now. */
  every?: number;
  /**
   * Which snapshots of the replication stay over there (`12x5m,24x1h,30x1d`), by the rules of
   * rolling snapshots. Without it, all of them. The newest always stays, and what is held.
   */
  keep?: string;
  /** The same for this side; the default is `keep`. */
  keepHere?: string;
  /** What stands before the time in the names of its snapshots: `replica`. */
  series?: string;
  /** The default is none. */
  compress?: Compression;
  /** Goes on where the two sides have gone different ways: REPLICA.md, section 4. */
  force?: boolean;
  env?: Env;
  /** Answers after so many milliseconds, or, in whatever way, once the signal is aborted. */
  sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** A plain object: a round came to nothing, and is tried again. */
export interface Failed {
  type: "failed";
  /** ISO 8601. */
  time: string;
  code: string;
  message: string;
  /** Until then. */
  retryMs: number;
}

export type ReplicaEvent = Sent | Failed;

/** A volume, or what opens it for a round, runs that, and closes it again. */
export type ReplicaSource = Volume | (<T>(body: (volume: Volume) => Promise<T>) => Promise<T>);

const SERIES = "replica";
const RETRY_MS = 1000;
const RETRY_MS_MAX = 5 * 60_000;
/** A timer takes no more than 24 days. */
const SLEEP_MS_MAX = 86_400_000;

/**
 * An event for each round. With `every` it goes on until its signal is aborted: what fails is told
 * and tried again, later each time (from a second to five minutes); without it, it throws.
 *
 * Errors: `Invalid` (options; the two sides have gone different ways), `Unsupported`, `Internal`;
 * without `every` also those of both volumes and of the target.
 */
export async function* replicate(
  source: ReplicaSource,
  target: ReplicaTarget,
  options: ReplicateOptions = {},
): AsyncGenerator<ReplicaEvent, void, undefined> {
  const { every, env = systemEnv, sleep = sleepFor } = options;
  const signal = options.signal ?? new AbortController().signal;
  const isDue = (last: Mark | null) => {
    if (every === undefined || last === null) return true;
    return bucketOf(last.time, every) !== bucketOf(wholeSecond(env.now()), every);
  };
  const replication = new Replication(target, { ...checked(options), env, signal, isDue });
  const body = (volume: Volume) => replication.round(volume);
  for (let failures = 0; ; ) {
    let wait: number;
    try {
      endIfAborted(signal);
      const sent = await (typeof source === "function" ? source(body) : body(source));
      failures = 0;
      if (sent) yield sent;
      if (replication.isBehind) continue;
      if (every === undefined) return;
      const now = env.now();
      wait = bucketStart(bucketOf(now, every) + 1, every) - now;
    } catch (error) {
      if (every === undefined || (!signal.aborted && replication.isFatal(error))) throw error;
      if (signal.aborted) return;
      wait = Math.min(RETRY_MS * 2 ** Math.min(failures++, 20), RETRY_MS_MAX);
      yield failed(error as MultisnapError, wait, env.now());
    }
    if (signal.aborted) return;
    await sleep(Math.max(1, Math.min(wait, SLEEP_MS_MAX)), signal);
    if (signal.aborted) return;
  }
}

function failed({ code, message }: MultisnapError, retryMs: number, now: number): Failed {
  return { type: "failed", time: formatTime(now), code, message, retryMs };
}

function checked(options: ReplicateOptions) {
  const { every, of = null, series = SERIES, compress = "none", force = false, progress } = options;
  if (every !== undefined && !(Number.isSafeInteger(every / 1000) && every >= 1000)) {
    throw new MultisnapError("Invalid", `every ${every} ms: give whole seconds, in milliseconds`);
  }
  if (!isSeries(series) || series === AUTO) {
    const wanted = "letters, digits, '.', '_' and '-', at most 64, and not auto";
    throw new MultisnapError("Invalid", `${JSON.stringify(series)} is no series: ${wanted}`);
  }
  const keep = options.keep ?? null;
  const rules = keep === null ? null : parseKeep(keep);
  const { keepHere } = options;
  const here: KeepRule[] | null = keepHere === undefined ? rules : parseKeep(keepHere);
  return { of, series, keep, keepHere: here, compress, force, progress };
}

function sleepFor(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
}
