/** A short run with tabs as a suite of two tests. The long one is main.ts. */
import type { Run } from "../../runtimes/runtime.ts";
import { type Plan, runTabs } from "./run.ts";
import { summary } from "./summary.ts";

const EVENTS = 6;
/** On a quiet machine it is under a second: the summary says what it was. */
const TAKE_OVER_MS_MAX = 10_000;

export async function shortRun(plan: Omit<Plan, "seed" | "events">): Promise<Run> {
  const seed = Number(process.env.SEED ?? (plan.isolated ? 2 : 1));
  const result = await runTabs({ ...plan, seed, events: EVENTS });
  const wrong = [...result.problems, ...result.errors];
  const slow = result.takeOvers.filter(({ ms }) => ms > TAKE_OVER_MS_MAX);
  const passed = Number(wrong.length === 0) + Number(slow.length === 0);
  const lines = [
    `seed ${seed}: ${summary(result)}`,
    ...wrong,
    ...slow.map(({ how, ms }) => `a tab was ${how}: ${ms.toFixed(0)} ms to the next`),
    "",
    "  Total:     2",
    `  Passed:    ${passed}`,
    "  Skipped:   0",
  ];
  return { output: `${lines.join("\n")}\n`, code: passed === 2 ? 0 : 1 };
}
