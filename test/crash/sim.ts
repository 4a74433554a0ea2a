/**
 * Crashes for as long as you like: `npm run sim -- --seed 1 --minutes 10`. Prints what it did;
 * stops at the first failure, with the line that replays it.
 */
import { parseArgs } from "node:util";
import { subjects } from "../model/openers.ts";
import { runCrashes, thorough } from "./crashes.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    steps: { type: "string" },
    minutes: { type: "string", default: "1" },
  },
});

async function main(): Promise<void> {
  const first = Number(values.seed);
  const steps = values.steps === undefined ? undefined : Number(values.steps);
  const end = Date.now() + Number(values.minutes) * 60_000;
  let shown = Date.now();
  let crashes = 0;
  let seed = first;
  for (; Date.now() < end; seed++) {
    for (const subject of subjects) {
      crashes += await runCrashes(subject, seed, thorough, steps);
    }
    if (Date.now() - shown < 10_000) continue;
    shown = Date.now();
    console.log(`seeds ${first} to ${seed}: ${crashes} crashes`);
  }
  console.log(`done: seeds ${first} to ${seed - 1}, ${crashes} crashes survived`);
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
