/**
 * Fuzzes the library with hostile stores for as long as you like:
 * `npm run fuzz:stores -- --seed 1 --cases 100000`. `--jobs` says how many run at a time (the cases
 * are the same), `--case JSON` (or `--case @FILE`) replays one.
 */
import fs from "node:fs";
import os from "node:os";
import { parseArgs } from "node:util";
import { type Found, type FuzzReport, fuzz, replay } from "./run.ts";

const SHOW_MS = 10_000;
const OUTCOMES_SHOWN = 40;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    cases: { type: "string", default: "100000" },
    only: { type: "string" },
    case: { type: "string" },
    engine: { type: "string" },
    first: { type: "boolean", default: false },
    jobs: { type: "string", default: String(Math.min(4, os.availableParallelism())) },
  },
});

function show({ cases, edges, corpus, found }: FuzzReport): string {
  const seconds = (performance.now() - began) / 1000;
  const rate = `${Math.round(seconds)} s, ${(cases / seconds).toFixed(1)} a second`;
  return (
    `${cases} of ${values.cases} cases, ${edges} pairs of blocks, corpus of ${corpus}, ` +
    `${found.size} findings, ${rate}`
  );
}

function tell({ finding, detail, one, times }: Found): void {
  console.log(`\n${times} times: ${finding}`);
  for (const { what, at } of one.steps) console.log(`  ${what} at ${at}`);
  console.log(detail.split("\n").slice(0, 24).join("\n"));
  console.log(`replay: npx tsx test/hostile/fuzz.ts --case '${JSON.stringify(one)}'`);
}

function outcomes({ outcomes: counts }: FuzzReport): void {
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  for (const [outcome, count] of sorted.slice(0, OUTCOMES_SHOWN)) {
    console.log(`${String(count).padStart(8)}  ${outcome}`);
  }
  const rest = sorted.slice(OUTCOMES_SHOWN).reduce((sum, [, count]) => sum + count, 0);
  if (rest > 0) console.log(`${String(rest).padStart(8)}  others`);
}

const began = performance.now();

async function main(): Promise<void> {
  if (values.case !== undefined) {
    const text = values.case.startsWith("@")
      ? fs.readFileSync(values.case.slice(1), "utf8")
      : values.case;
    const [found] = await replay([JSON.parse(text)], values.engine);
    if (found) tell(found);
    else console.log("nothing is found");
    process.exitCode = found ? 1 : 0;
    return;
  }
  let shown = began;
  const report = await fuzz({
    seed: Number(values.seed),
    cases: Number(values.cases),
    only: values.only,
    engine: values.engine,
    first: values.first,
    jobs: Number(values.jobs),
    tell,
    progress: (report) => {
      if (performance.now() - shown < SHOW_MS) return;
      shown = performance.now();
      console.log(show(report));
    },
  });
  outcomes(report);
  for (const found of report.found.values()) tell(found);
  console.log(`done: ${show(report)}`);
  process.exitCode = report.found.size > 0 ? 1 : 0;
}

await main();
