/** A run with tabs in a line. */
import type { Result } from "./run.ts";

export function summary({ takeOvers, counts, tabs, problems, errors }: Result): string {
  const times = takeOvers.map(({ ms }) => ms).sort((a, b) => a - b);
  const median = times[Math.floor(times.length / 2)] ?? 0;
  const done = `${counts.writes} writes, ${counts.reads} reads, ${counts.flushes} flushes`;
  const over = `${times.length} take-overs, median ${median.toFixed(0)} ms`;
  const most = `at most ${(times.at(-1) ?? 0).toFixed(0)} ms`;
  const found = `${problems.length} problems, ${errors.length} failed requests`;
  return `${tabs} tabs; ${done}, ${counts.names} names; ${over}, ${most}; ${found}`;
}
