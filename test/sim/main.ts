/**
 * `npm run sim`: simulated machines, by seed.
 *
 *     npm run sim -- --seed 7 --steps 200      one seed, and what it comes to
 *     npm run sim -- --minutes 5               fresh seeds for so long
 *     npm run sim -- --crashes 1000000         or for so many power cuts
 *     npm run sim -- --replay FILE             a plan that failed: a file, or the JSON itself
 *
 * `--seed` with `--minutes` or `--crashes` is the first of the seeds; `--keep-going` does not end
 * with the first of them that fails; `--jobs`, `--kind`, `--trouble none|io|full|liar`, `--json`.
 * Exit code 1 where something is lost.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Trouble, Wanted } from "./draw.ts";
import { drawPlan } from "./draw.ts";
import { type Failed, runAndShrink } from "./job.ts";
import { Jobs } from "./jobs.ts";
import { describePlan, type Plan } from "./plan.ts";
import type { Outcome } from "./run.ts";
import { add, type Sums, sentence, sums } from "./sums.ts";

const SHOW_MS = 10_000;

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    steps: { type: "string" },
    minutes: { type: "string" },
    crashes: { type: "string" },
    jobs: { type: "string" },
    kind: { type: "string" },
    trouble: { type: "string" },
    replay: { type: "string" },
    json: { type: "boolean", default: false },
    "keep-going": { type: "boolean", default: false },
  },
});

function number(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new Error(`${text} is not a number`);
}

const wanted: Wanted = {
  steps: number(values.steps),
  kind: values.kind as Wanted["kind"],
  trouble: values.trouble as Trouble | undefined,
};

function say(text: string): void {
  if (!values.json) console.log(text);
}

function fail({ message, plan, tries }: Failed, seed: number): void {
  process.exitCode = 1;
  const file = join(tmpdir(), `multisnap-sim-${seed}.json`);
  writeFileSync(file, JSON.stringify(plan));
  if (values.json) console.log(JSON.stringify({ seed, message, plan, file }));
  say(`LOST with seed ${seed}: ${message}`);
  say(tries > 0 ? `What is left of it after ${tries} runs:` : "All of it:");
  say(describePlan(plan));
  say(`npm run sim -- --replay ${file}`);
}

/** One plan, here. */
async function one(plan: Plan): Promise<void> {
  const found = await runAndShrink(plan);
  if (!("hash" in found)) fail(found, plan.seed);
  else if (values.json) console.log(JSON.stringify({ seed: plan.seed, ...found }));
  else say(`seed ${plan.seed}: ${found.hash}, ${sentence(add(sums(), found))}`);
}

/** Fresh seeds, on all cores. */
async function many(minutes: number | undefined, crashes: number | undefined): Promise<void> {
  const begun = Date.now();
  const first = number(values.seed) ?? begun % 2 ** 31;
  const total: Sums = sums();
  let next = first;
  let stopped = false;
  const isOver = () =>
    stopped ||
    (minutes !== undefined && Date.now() - begun >= minutes * 60_000) ||
    (crashes !== undefined && total.crashes >= crashes);
  const jobs = new Jobs(number(values.jobs) ?? availableParallelism());
  const seconds = () => Math.round((Date.now() - begun) / 1000);
  const show = () =>
    say(`${seconds()} s, ${next - first} seeds from ${first} on: ${sentence(total)}`);
  const timer = setInterval(show, SHOW_MS);
  process.once("SIGINT", () => {
    stopped = true;
  });
  await jobs.run(
    () => (isOver() ? null : { seed: next++, wanted }),
    (seed: number, found: Outcome | Failed) => {
      if ("hash" in found) add(total, found);
      else {
        fail(found, seed);
        stopped ||= !values["keep-going"];
      }
    },
  );
  clearInterval(timer);
  const lost = process.exitCode === 1 ? "something LOST" : "nothing lost";
  const seeds = `seeds ${first} to ${next - 1}`;
  if (values.json)
    console.log(JSON.stringify({ first, seeds: next - first, seconds: seconds(), ...total, lost }));
  say(`done: ${seeds} in ${seconds()} s: ${sentence(total)}; ${lost}`);
}

async function main(): Promise<void> {
  const minutes = number(values.minutes);
  const crashes = number(values.crashes);
  if (values.replay !== undefined) {
    const text = values.replay.startsWith("{")
      ? values.replay
      : readFileSync(values.replay, "utf8");
    await one(JSON.parse(text));
  } else if (minutes !== undefined || crashes !== undefined) await many(minutes, crashes);
  else await one(drawPlan(number(values.seed) ?? 1, wanted));
}

main().catch((error) => {
  console.error(error.stack);
  process.exitCode = 2;
});
