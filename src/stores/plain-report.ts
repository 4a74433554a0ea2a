/**
 * The report of a check that finds problems and cannot say what they cost: formats without
 * checksums, where damage to an entry looks like another entry.
 */
import type { CheckProblem, CheckReport } from "./store.ts";

export function plainReport(
  problems: CheckProblem[],
  looked: { blocks: number; exceptions: number; chunks: number },
): CheckReport {
  const { blocks, exceptions, chunks } = looked;
  const clean = problems.length === 0;
  return { clean, problems, notes: [], losses: [], lossCount: 0, blocks, exceptions, chunks };
}
