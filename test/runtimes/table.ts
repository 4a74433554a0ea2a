/** The table at the end of `npm run test:all`: runtimes by suites. */
import type { Runtime } from "./runtime.ts";
import type { Outcome } from "./totals.ts";

export interface Row {
  runtime: Runtime;
  version: string | null;
  /** By the name of a suite. */
  outcomes: ReadonlyMap<string, Outcome>;
}

function cellOf({ runtime, version, outcomes }: Row, suite: string): string {
  const outcome = outcomes.get(suite);
  if (outcome) return `${outcome.passed} / ${outcome.failed} / ${outcome.skipped}`;
  if (!runtime.suites.some(({ name }) => name === suite)) return "";
  return version === null ? "not here" : "not run";
}

/** Each cell: passed / failed / skipped. */
export function tableOf(rows: readonly Row[]): string {
  const suites = [
    ...new Set(rows.flatMap(({ runtime }) => runtime.suites.map(({ name }) => name))),
  ];
  const lines = [
    ["passed / failed / skipped", ...suites],
    ...rows.map((row) => [
      `${row.runtime.name} ${row.version ?? ""}`.trim(),
      ...suites.map((suite) => cellOf(row, suite)),
    ]),
  ];
  const widths = lines[0]?.map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  const text = lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths?.[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return text.join("\n");
}
