/**
 * `npm run test:all [-- OPTION...]`: the suites in every runtime, then one table, and a last line
 * `N passed, N failed[, N skipped]`.
 *
 *     --runtime NAME,...  only these
 *     --suite NAME,...    only these
 *     --node-log FILE     what `npm test` printed: Node's outcomes are taken from there, not run
 *                         again, and not in the last line
 */
import fs from "node:fs";
import { parseArgs } from "node:util";
import { runtimes } from "./list.ts";
import type { Runtime, Suite } from "./runtime.ts";
import { type Row, tableOf } from "./table.ts";
import { add, judge, type Outcome, summary, tell } from "./totals.ts";

const FILES_AT_A_TIME = 2;
/** A busy machine takes several times as long as a quiet one. */
const FILE_SECONDS_MAX = 900;

interface Job {
  runtime: Runtime;
  suite: Suite;
  file: string;
  total: Outcome;
}

const { values: options } = parseArgs({
  options: {
    runtime: { type: "string" },
    suite: { type: "string" },
    "node-log": { type: "string" },
  },
});
const isAsked = (asked: string | undefined, name: string) =>
  asked === undefined || asked.split(",").includes(name);

const own: Outcome = { passed: 0, failed: 0, skipped: 0 };
const jobs: Job[] = [];
const rows: Row[] = [];
for (const runtime of runtimes) {
  if (!isAsked(options.runtime, runtime.name)) continue;
  const version = await runtime.version();
  const outcomes = new Map<string, Outcome>();
  rows.push({ runtime, version, outcomes });
  if (version === null) console.log(`skipped: ${runtime.name} is not here`);
  for (const suite of runtime.suites) {
    if (!isAsked(options.suite, suite.name)) continue;
    if (version === null) {
      own.skipped++;
      continue;
    }
    const log = options["node-log"];
    if (log !== undefined && runtime.name === "node") {
      outcomes.set(suite.name, outcomeIn(fs.readFileSync(log, "utf8"), suite));
      continue;
    }
    const total: Outcome = { passed: 0, failed: 0, skipped: 0 };
    outcomes.set(suite.name, total);
    for (const file of suite.files) jobs.push({ runtime, suite, file, total });
  }
}
const suites = runtimes.flatMap((runtime) => runtime.suites);
for (const [what, asked, there] of [
  ["runtime", options.runtime, runtimes],
  ["suite", options.suite, suites],
] as const) {
  const names = new Set(there.map(({ name }) => name));
  for (const name of asked?.split(",") ?? []) {
    if (names.has(name)) continue;
    console.log(`no ${what} ${name}; there are ${[...names].join(", ")}`);
    own.failed++;
  }
}

const busy = new Map<Runtime, number>();
try {
  await Promise.all(Array.from({ length: FILES_AT_A_TIME }, work));
} finally {
  for (const { runtime } of rows) await runtime.end?.();
}
console.log(`\n${tableOf(rows)}\n\n${summary(own)}`);
process.exitCode = own.failed > 0 ? 1 : 0;

/** Whoever frees a runtime goes on with it, so none is left waiting for a place. */
async function work(): Promise<void> {
  for (;;) {
    const index = jobs.findIndex(({ runtime }) => (busy.get(runtime) ?? 0) < runtime.atATime);
    const [job] = index < 0 ? [] : jobs.splice(index, 1);
    if (!job) return;
    busy.set(job.runtime, (busy.get(job.runtime) ?? 0) + 1);
    await runJob(job);
    busy.set(job.runtime, (busy.get(job.runtime) ?? 0) - 1);
  }
}

async function runJob({ runtime, suite, file, total }: Job): Promise<void> {
  const before = performance.now();
  const run = await runtime.run(file, suite.env ?? {}, FILE_SECONDS_MAX);
  const outcome = judge(run);
  tell(`${runtime.name}: ${file}`, run, outcome, (performance.now() - before) / 1000);
  add(total, outcome);
  add(own, outcome);
}

/** The lines that test/run.ts printed of the suite's files, added up. */
function outcomeIn(log: string, { files }: Suite): Outcome {
  const total: Outcome = { passed: 0, failed: 0, skipped: 0 };
  for (const file of files) {
    const line = log.split("\n").find((text) => text.includes(`  ${file}: `));
    const [passed, failed, skipped] = [
      ...(line ?? "").matchAll(/(\d+) (?=passed|failed|skipped)/g),
    ];
    add(total, {
      passed: Number(passed?.[1] ?? 0),
      failed: Number(failed?.[1] ?? 0),
      skipped: Number(skipped?.[1] ?? 0),
    });
  }
  return total;
}
