/**
 * Runs the test files, each in a process of its own, and ends with one line: `N passed, N failed[,
 * N skipped]`.
 *
 *     tsx test/run.ts [PART...]    only files whose path contains a PART
 *
 * A file that crashes, hangs, or registers no test counts as one failure.
 */
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const FILES_AT_A_TIME = 2;
const FILE_SECONDS_MAX = 900;

interface Outcome {
  passed: number;
  failed: number;
  skipped: number;
}

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");
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
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
process.exitCode = total.failed > 0 ? 1 : 0;

async function work(): Promise<void> {
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    const outcome = await runFile(file);
    total.passed += outcome.passed;
    total.failed += outcome.failed;
    total.skipped += outcome.skipped;
  }
}

async function runFile(file: string): Promise<Outcome> {
  const before = performance.now();
  const { output, code } = await runProcess(file);
  const seconds = ((performance.now() - before) / 1000).toFixed(1);
  const outcome = judge(output, code);
  const line = `${outcome.passed} passed, ${outcome.failed} failed, ${outcome.skipped} skipped`;
  console.log(`${outcome.failed > 0 ? "FAILED" : "ok"}  ${file}: ${line} (${seconds} s)`);
  if (outcome.failed > 0) console.log(`${output}\n${file} ended with ${code}\n`);
  else for (const [skip] of output.matchAll(/^skipped: .*$/gm)) console.log(`    ${skip}`);
  return outcome;
}

/** Standard output and error in one, as they came; `code` is the exit code or the signal's name. */
function runProcess(file: string): Promise<{ output: string; code: number | string }> {
  const child = spawn(
    process.execPath,
    ["--import", "tsx", "--import", "./test/show-skips.ts", file],
    {
      cwd: root,
      env: { ...process.env, FORCE_COLOR: "0" },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: FILE_SECONDS_MAX * 1000,
    },
  );
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (output += text));
  return new Promise((resolve) => {
    child.on("error", (error) => resolve({ output: output + error.message, code: "error" }));
    child.on("close", (code, signal) => resolve({ output, code: code ?? signal ?? "error" }));
  });
}

/** Reads uvu's closing totals; without them the file did not run to its end. */
function judge(output: string, code: number | string): Outcome {
  const count = (label: string) => {
    const found = [...output.matchAll(new RegExp(`^  ${label}: +(\\d+)$`, "gm"))].at(-1);
    return found === undefined ? Number.NaN : Number(found[1]);
  };
  const passed = count("Passed");
  const failed = count("Total") - passed;
  const skipped = count("Skipped");
  if (Number.isNaN(failed + skipped)) return { passed: 0, failed: 1, skipped: 0 };
  const broken = passed + failed + skipped === 0 || (code !== 0 && failed === 0);
  return { passed, failed: broken ? failed + 1 : failed, skipped };
}
