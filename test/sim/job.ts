/**
 * One process of a simulation: runs the seeds that it is given, and tells of each what came of it.
 * A plan that fails is shrunk here.
 */
import { subjects } from "../model/openers.ts";
import type { Subject } from "../model/subjects.ts";
import { drawPlan, type Wanted } from "./draw.ts";
import type { Plan } from "./plan.ts";
import { type Outcome, runPlan, SimFailure } from "./run.ts";
import { shrink } from "./shrink.ts";

export interface Failed {
  message: string;
  plan: Plan;
  /** Runs that it took to shrink it; 0: it was not. */
  tries: number;
}

export type Task = { seed: number; wanted: Wanted };
export type Report =
  | { seed: number; outcome: Outcome }
  | { seed: number; failed: Failed }
  | { ready: true };

export function subjectOf(plan: Plan): Subject {
  const subject = subjects.find(({ kind }) => kind === plan.world.kind);
  if (subject) return subject;
  throw new Error(`there is no store of kind ${plan.world.kind}`);
}

/** What a plan comes to; where it fails, the least that still does. */
export async function runAndShrink(plan: Plan): Promise<Outcome | Failed> {
  const subject = subjectOf(plan);
  try {
    return await runPlan(subject, plan);
  } catch (error) {
    if (!(error instanceof SimFailure)) throw error;
    return await shrink(subject, plan, error);
  }
}

async function work({ seed, wanted }: Task): Promise<Report> {
  const found = await runAndShrink(drawPlan(seed, wanted));
  return "hash" in found ? { seed, outcome: found } : { seed, failed: found };
}

if (process.send) {
  const answer = (report: Report) => process.send?.(report);
  process.on("message", (task: Task) => {
    work(task).then(answer, (error) => {
      const plan = drawPlan(task.seed, task.wanted);
      answer({
        seed: task.seed,
        failed: { message: String(error?.stack ?? error), plan, tries: 0 },
      });
    });
  });
  // Ctrl-C reaches all of the group; the parent says when it is over.
  process.on("SIGINT", () => {});
  // The parent is gone: so is its question.
  process.on("disconnect", () => process.exit(0));
  answer({ ready: true });
}
