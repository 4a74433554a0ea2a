/** The table that ends the job. */
import type { Usage } from "../../src/index.ts";
import { median } from "../measure.ts";
import type { Day, Round } from "./day.ts";

/** Rounds of a line of the throughput table: one round alone says little. */
const ROUNDS_A_LINE = 10;

const MIB = 2 ** 20;

function sum(rounds: readonly Round[], field: keyof Round): number {
  return rounds.reduce((total, round) => total + round[field], 0);
}

function throughputLine(rounds: readonly Round[]): string[] {
  const [least, most] = [rounds[0].snapshots, rounds[rounds.length - 1].snapshots];
  const random = sum(rounds, "randomBytes") / MIB / (sum(rounds, "randomMs") / 1000);
  const sequential = sum(rounds, "sequentialBytes") / MIB / (sum(rounds, "sequentialMs") / 1000);
  return [
    least === most ? String(least) : `${least} to ${most}`,
    `${random.toFixed(0)} MiB/s`,
    `${sequential.toFixed(0)} MiB/s`,
    `${median(rounds.map(({ snapshotMs }) => snapshotMs)).toFixed(2)} ms`,
  ];
}

function aligned(lines: readonly string[][]): string[] {
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines.map((line) => line.map((cell, column) => cell.padStart(widths[column])).join("  "));
}

/** First without a snapshot, then the first, the middle and the last ten rounds. */
export function throughputTable(day: Day): string[] {
  const { rounds } = day;
  const middle = Math.floor((rounds.length - ROUNDS_A_LINE) / 2);
  const parts = [
    rounds.slice(0, 1),
    rounds.slice(1, 1 + ROUNDS_A_LINE),
    rounds.slice(middle, middle + ROUNDS_A_LINE),
    rounds.slice(-ROUNDS_A_LINE),
  ];
  return aligned([
    ["snapshots present", "random writes", "sequential writes", "snapshot (median)"],
    ...parts.map(throughputLine),
  ]);
}

/** Space in all, and what a snapshot took on average. */
export function spaceLines(imported: Usage, now: Usage): string[] {
  const grown = now.dataBytes + now.metadataBytes - imported.dataBytes - imported.metadataBytes;
  const mib = (bytes: number) => `${(bytes / MIB).toFixed(1)} MiB`;
  return [
    `space: ${mib(now.dataBytes)} data, ${mib(now.metadataBytes)} metadata, ` +
      `${mib(now.freeBytes)} free; ` +
      `${mib(imported.dataBytes)} data after the import`,
    `a snapshot took ${mib(grown / now.snapshots)} on average (${now.snapshots} snapshots)`,
  ];
}

/** What was done and what of it was proved. */
export function countLines(day: Day): string[] {
  const { rounds, forked, written, deleted, expected } = day;
  return [
    `${rounds.length} snapshots taken, ${forked} forks made and written, ` +
      `${written} older ones written, ${deleted} deleted`,
    `verified: ${expected.size} snapshots and the origin, byte for byte against SHA-256s taken ` +
      "outside the volume, after closing and opening it again",
  ];
}
