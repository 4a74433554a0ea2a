/**
 * Rolling snapshots: takes one in every period of the wall clock and deletes those that the rules
 * no longer keep, beside whatever else the volume does.
 *
 * Invariants: one turn at a time; one snapshot a period, over restarts too, as what is there says
 * when the last one was taken; a period is over when the clock shows another one, later or earlier,
 * so that a clock that goes back does not stop the schedule and a sleep of days takes one snapshot
 * instead of a hundred. A failure is told once and tried again; it ends nothing.
 */
import { setTimeout as wait } from "node:timers/promises";
import { type Env, systemEnv } from "../env.ts";
import { MultisnapError } from "../errors.ts";
import type { Volume } from "../volume/types.ts";
import { formatKeep, type KeepRule } from "./keep.ts";
import { isStamped, type Mark, markName, ownSnapshots } from "./mark.ts";
import { bucketOf, bucketStart, formatPeriod, formatTime, wholeSecond } from "./period.ts";
import { prune } from "./prune.ts";
import { restamp, takeMarked } from "./take.ts";

/** The longest sleep: a clock that was set is noticed, and what failed is tried again, after it. */
const SLEEP_MS_MAX = 10_000;

/** Answers after `ms` milliseconds, or, in whatever way, once the signal is aborted. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

export interface RollerOptions {
  /** Milliseconds, whole seconds; see `parsePeriod`. */
  every: number;
  /** Without rules nothing is ever deleted. */
  keep?: readonly KeepRule[];
  /** The one that the volume was opened with. */
  env?: Env;
  /** Whether a client has the snapshot open; it then stays until a later turn. */
  inUse?: (name: string) => boolean;
  /** Takes a line for the people who run it. */
  say?: (line: string) => void;
  sleep?: Sleep;
}

/** A plain object. */
export interface RollerStatus {
  every: string;
  keep: string | null;
  /** Since the start. */
  taken: number;
  deleted: number;
  /** The last one taken, also before the start. */
  newest: string | null;
  /** ISO 8601: when the next period begins. */
  next: string;
  /** What fails at the moment. */
  failures: string[];
}

export interface Roller {
  status(): RollerStatus;
  /** Answers when what is under way has ended; nothing begins afterwards. */
  stop(): Promise<void>;
}

/**
 * Takes the first snapshot at once, unless one of this period is there. Stop it before the volume
 * is closed. Errors: `ReadOnly`, `Closed`.
 */
export function startRoller(volume: Volume, options: RollerOptions): Roller {
  if (volume.readOnly) {
    throw new MultisnapError("ReadOnly", "rolling snapshots need a volume that takes writes");
  }
  return new RollingSnapshots(volume, options);
}

type Step = "take" | "delete";

class RollingSnapshots implements Roller {
  readonly #volume: Volume;
  readonly #options: RollerOptions;
  readonly #env: Env;
  readonly #stop = new AbortController();
  readonly #failures = new Map<Step, { code: string; line: string }>();
  readonly #running: Promise<void>;
  #last: Mark | null;
  #taken = 0;
  #deleted = 0;

  constructor(volume: Volume, options: RollerOptions) {
    this.#volume = volume;
    this.#options = options;
    this.#env = options.env ?? systemEnv;
    this.#last = ownSnapshots(volume.snapshots).at(-1)?.mark ?? null;
    this.#running = this.#run();
  }

  status(): RollerStatus {
    const { every, keep } = this.#options;
    return {
      every: formatPeriod(every),
      keep: keep === undefined ? null : formatKeep(keep),
      taken: this.#taken,
      deleted: this.#deleted,
      newest: this.#last && markName(this.#last),
      next: formatTime(this.#nextPeriod()),
      failures: [...this.#failures.values()].map(({ line }) => line),
    };
  }

  stop(): Promise<void> {
    this.#stop.abort();
    return this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const sleep = this.#options.sleep ?? sleepFor;
    while (!signal.aborted) {
      if (this.#isDue()) {
        await this.#attempt("take", () => this.#take());
        await this.#attempt("delete", () => this.#prune());
      }
      if (signal.aborted) break;
      const left = this.#nextPeriod() - this.#env.now();
      await sleep(Math.max(1, Math.min(left, SLEEP_MS_MAX)), signal);
    }
  }

  #isDue(): boolean {
    const { every } = this.#options;
    const now = bucketOf(wholeSecond(this.#env.now()), every);
    return this.#last === null || bucketOf(this.#last.time, every) !== now;
  }

  #nextPeriod(): number {
    const { every } = this.#options;
    return bucketStart(bucketOf(this.#env.now(), every) + 1, every);
  }

  async #take(): Promise<void> {
    const before = this.#last;
    const { snapshot, mark } = await takeMarked(this.#volume, before, this.#env.now());
    this.#last = mark;
    this.#taken++;
    if (isStamped(mark, snapshot.created)) return;
    this.#last = await restamp(this.#volume, before, snapshot);
  }

  async #prune(): Promise<void> {
    const { keep, inUse } = this.#options;
    if (keep === undefined) return;
    const { signal } = this.#stop;
    for await (const names of prune(this.#volume, keep, { inUse, signal })) {
      this.#deleted += names.length;
    }
  }

  async #attempt(step: Step, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      if (this.#failures.delete(step)) this.#options.say?.(`rolling snapshots: ${RECOVERED[step]}`);
    } catch (error) {
      this.#fail(step, error);
    }
  }

  #fail(step: Step, error: unknown): void {
    const code = error instanceof MultisnapError ? error.code : "Internal";
    // Somebody else was first to delete one, or a full store was: the next turn looks anew.
    if (code === "NotFound") return;
    const message = error instanceof Error ? error.message : String(error);
    const line = `${FAILED[step]}: ${code}: ${message}`;
    const isNew = this.#failures.get(step)?.code !== code;
    this.#failures.set(step, { code, line });
    if (isNew) this.#options.say?.(`rolling snapshots: ${line}; trying again`);
  }
}

const FAILED: Readonly<Record<Step, string>> = {
  take: "no snapshot was taken",
  delete: "the old ones were not deleted",
};
const RECOVERED: Readonly<Record<Step, string>> = {
  take: "taken again",
  delete: "the old ones are deleted again",
};

/** Holds no process. */
async function sleepFor(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await wait(ms, undefined, { signal, ref: false });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
