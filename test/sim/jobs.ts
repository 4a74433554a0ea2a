/** Processes that work on seeds; one that says nothing for long is ended: its seed has failed. */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { drawPlan } from "./draw.ts";
import type { Failed, Report, Task } from "./job.ts";
import type { Outcome } from "./run.ts";

/** A seed takes a second; a failed one is shrunk, which takes a few hundred runs. */
const SILENCE_MS = 600_000;

export class Jobs {
  readonly #count: number;

  constructor(count: number) {
    this.#count = Math.max(1, count);
  }

  /** `next` answers null when there is no more to do. */
  async run(
    next: () => Task | null,
    ended: (seed: number, found: Outcome | Failed) => void,
  ): Promise<void> {
    await Promise.all(Array.from({ length: this.#count }, () => this.#one(next, ended)));
  }

  #one(
    next: () => Task | null,
    ended: (seed: number, found: Outcome | Failed) => void,
  ): Promise<void> {
    return new Promise((resolve) => {
      const file = fileURLToPath(new URL("./job.ts", import.meta.url));
      const child = fork(file, [], { execArgv: ["--import", "tsx"] });
      let task: Task | null = null;
      let timer: NodeJS.Timeout | undefined;
      const go = () => {
        clearTimeout(timer);
        task = next();
        if (task === null) {
          child.disconnect();
          return;
        }
        timer = setTimeout(() => child.kill("SIGKILL"), SILENCE_MS);
        child.send(task);
      };
      child.on("message", (report: Report) => {
        if ("outcome" in report) ended(report.seed, report.outcome);
        if ("failed" in report) ended(report.seed, report.failed);
        go();
      });
      child.on("exit", (code, signal) => {
        clearTimeout(timer);
        if (task !== null) ended(task.seed, hung(task, `${code ?? signal}`));
        resolve();
      });
    });
  }
}

function hung({ seed, wanted }: Task, how: string): Failed {
  return { message: `its process ended (${how}) or hung`, plan: drawPlan(seed, wanted), tries: 0 };
}
