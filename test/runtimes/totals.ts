/** What a test file printed, counted. */
import type { Run } from "./runtime.ts";

export interface Outcome {
  passed: number;
  failed: number;
  skipped: number;
}

export function add(total: Outcome, more: Outcome): void {
  total.passed += more.passed;
  total.failed += more.failed;
  total.skipped += more.skipped;
}

/** `N passed, N failed[, N skipped]`. */
export function summary({ passed, failed, skipped }: Outcome): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/** Reads uvu's closing totals; without them the file did not run to its end. */
export function judge({ output, code }: Run): Outcome {
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

/** Tells of one file: how it went, what it skipped, and all of its output where it failed. */
export function tell(label: string, run: Run, outcome: Outcome, seconds: number): void {
  const { passed, failed, skipped } = outcome;
  const line = `${passed} passed, ${failed} failed, ${skipped} skipped`;
  console.log(`${failed > 0 ? "FAILED" : "ok"}  ${label}: ${line} (${seconds.toFixed(1)} s)`);
  if (failed > 0) console.log(`${run.output}\n${label} ended with ${run.code}\n`);
  else for (const [skip] of run.output.matchAll(/^skipped: .*$/gm)) console.log(`    ${skip}`);
}
