/** Answers that come as rows, put together again. */
import type { CheckProblem, CheckReport, Loss } from "../volume/types.ts";

/** A row of a check: one of the three. */
export interface Finding {
  problem?: CheckProblem;
  note?: string;
  loss?: Loss;
}

/** Rows of one kind, as the protocol promises them. */
export function collect<T>(target: T[], rows: unknown[]): void {
  for (const row of rows) target.push(row as T);
}

export function reportOf(report: CheckReport, found: readonly Finding[]): CheckReport {
  const { clean, lossCount, blocks, exceptions, chunks } = report;
  const problems = found.flatMap(({ problem }) => problem ?? []);
  const notes = found.flatMap(({ note }) => note ?? []);
  const losses = found.flatMap(({ loss }) => loss ?? []);
  return { clean, problems, notes, losses, lossCount, blocks, exceptions, chunks };
}
