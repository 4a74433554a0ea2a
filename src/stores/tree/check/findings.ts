/**
 * What a check finds: damage, what that loses, and remarks that are no damage. Bounded, whatever
 * the store says: so many of each are kept, all are counted.
 */
import { endIfAborted } from "../../../task.ts";
import type { CheckProblem, CheckReport, Loss, ProgressOptions } from "../../store.ts";

const PROBLEMS_MAX = 1000;
const NOTES_MAX = 100;
const LOSSES_MAX = 1000;

export class Findings {
  readonly problems: CheckProblem[] = [];
  readonly notes: string[] = [];
  readonly losses: Loss[] = [];
  problemCount = 0;
  lossCount = 0;
  /** What was looked at. */
  blocks = 0;
  exceptions = 0;
  chunks = 0;
  /** Entries that there should be. */
  total = 0;
  readonly #options: ProgressOptions;

  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  problem(where: string, message: string): void {
    this.problemCount++;
    if (this.problems.length < PROBLEMS_MAX) this.problems.push({ where, message });
  }

  note(message: string): void {
    if (this.notes.length < NOTES_MAX) this.notes.push(message);
  }

  /** Joined with the one before where it goes on from that. */
  loss(loss: Loss): void {
    const before = this.losses.at(-1);
    if (before && goesOn(before, loss)) {
      before.count += loss.count;
      before.length += loss.length;
      return;
    }
    this.lossCount++;
    if (this.losses.length < LOSSES_MAX) this.losses.push(loss);
  }

  /** Between two steps of long work. Errors: as of an aborted signal. */
  step(): void {
    endIfAborted(this.#options.signal);
    this.#options.progress?.(Math.min(this.exceptions, this.total), this.total);
  }

  report(): CheckReport {
    this.#options.progress?.(this.total, this.total);
    const { problems, notes, losses, blocks, exceptions, chunks } = this;
    if (this.problemCount > problems.length) {
      const more = `${this.problemCount - problems.length} more problems are not listed`;
      problems.push({ where: "check", message: more });
    }
    const clean = this.problemCount === 0;
    const { lossCount } = this;
    return { clean, problems, notes, losses, lossCount, blocks, exceptions, chunks };
  }
}

function goesOn(before: Loss, loss: Loss): boolean {
  if (before.chunk + before.count !== loss.chunk) return false;
  if (typeof before.views === "string" || typeof loss.views === "string") {
    return before.views === loss.views;
  }
  const { views } = loss;
  if (before.viewCount !== loss.viewCount || before.views.length !== views.length) return false;
  return before.views.every(({ id }, index) => id === views[index]!.id);
}
