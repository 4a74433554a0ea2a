/**
 * Runs the test files, each in a process of its own, and ends with one line: `N passed, N failed[,
 * N skipped]`.
 *
 *     tsx test/run.ts [PART...]    only files whose path contains a PART
 *
 * A file that crashes, hangs, or registers no test counts as one failure.
 */
import fs from "node:fs";
import path from "node:path";
import { runProcess } from "./runtimes/process.ts";
import { root } from "./runtimes/programs.ts";
import { add, judge, type Outcome, summary, tell } from "./runtimes/totals.ts";

const FILES_AT_A_TIME = 2;
const FILE_SECONDS_MAX = 900;

const parts = process.argv.slice(2);
const files = fs
  .readdirSync(path.join(root, "test"), { recursive: true, encoding: "utf8" })
  .map((file) => path.join("test", file))
  .filter((file) => file.endsWith(".test.ts"))
  .filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)))
  .sort();

const total: Outcome = { passed: 0, failed: 0, skipped: 0 };
const queue = [...files];
await Promise.all(Array.from({ length: FILES_AT_A_TIME }, work));
if (files.length === 0) {
  console.log(`no test file matches ${parts.join(", ")}`);
  total.failed = 1;
}
console.log(summary(total));
process.exitCode = total.failed > 0 ? 1 : 0;

async function work(): Promise<void> {
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    add(total, await runFile(file));
  }
}

async function runFile(file: string): Promise<Outcome> {
  const before = performance.now();
  const args = ["--import", "tsx", "--import", "./test/show-skips.ts", file];
  const run = await runProcess(process.execPath, args, {}, FILE_SECONDS_MAX);
  const outcome = judge(run);
  tell(file, run, outcome, (performance.now() - before) / 1000);
  return outcome;
}
