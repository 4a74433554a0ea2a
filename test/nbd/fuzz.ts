/**
 * Fuzzes the server for as long as you like: `npx tsx test/nbd/fuzz.ts --seed 1 --cases 1000000`.
 * Stops at the first failure, with the line that replays it.
 */
import { parseArgs } from "node:util";
import { type FuzzReport, fuzz } from "./fuzz/run.ts";
import { MIB } from "./messages.ts";

const SHOW_MS = 10_000;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    cases: { type: "string", default: "1000000" },
    only: { type: "string" },
  },
});

function show({ cases, conversations, compared, answers, memory }: FuzzReport): string {
  const said = `${conversations} conversations (${compared} compared), ${answers} answers`;
  return `${cases} cases, ${said}, server memory ${Math.round(memory / MIB)} MiB at most`;
}

async function main(): Promise<void> {
  const began = performance.now();
  let shown = began;
  console.log(`seed ${values.seed}`);
  const report = await fuzz({
    seed: Number(values.seed),
    cases: Number(values.cases),
    only: values.only === undefined ? undefined : Number(values.only),
    progress: (report) => {
      if (performance.now() - shown < SHOW_MS) return;
      shown = performance.now();
      console.log(show(report));
    },
  });
  console.log(`done: ${show(report)}, ${Math.round((performance.now() - began) / 1000)} s`);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
