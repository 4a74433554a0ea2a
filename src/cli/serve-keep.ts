/** The options of `serve` for rolling snapshots, and what `--keep-dry-run` prints. */
import { type Command, Option } from "commander";
import { type Explanation, keepDryRun } from "../schedule/explain.ts";
import { formatKeep, type KeepRule, parseKeep } from "../schedule/keep.ts";
import type { Candidate } from "../schedule/mark.ts";
import { parsePeriod } from "../schedule/period.ts";
import { answer, type OutputOptions, oneLine } from "./output.ts";
import { table } from "./table.ts";
import { usage } from "./usage.ts";

export interface KeepOptions extends OutputOptions {
  /** Milliseconds. */
  every?: number;
  keep?: KeepRule[];
  keepDryRun?: boolean;
}

export function addKeepOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--every <period>", "take a snapshot every 5m (s, m, h, d, w)")
        .argParser(usage(parsePeriod))
        .conflicts("readOnly"),
    )
    .option("--keep <rules>", "of those keep 12x5m,24x1h,30x1d", usage(parseKeep))
    .option("--keep-dry-run", "serve nothing, say what --keep would delete now and why");
}

/** Wrong usage where options are there that mean nothing without another one. */
export function checkKeepOptions(command: Command, options: KeepOptions): void {
  if (options.keepDryRun && options.keep === undefined) {
    command.error("error: with --keep-dry-run give the rules, --keep 12x5m,24x1h,30x1d");
  }
  if (options.keep !== undefined && options.every === undefined && !options.keepDryRun) {
    command.error("error: with --keep give --every, or --keep-dry-run");
  }
}

/** Changes nothing. `snapshots` as the volume lists them. */
export async function answerKeepDryRun(
  snapshots: readonly Candidate[],
  options: KeepOptions,
): Promise<void> {
  const keep = options.keep ?? [];
  const explained = keepDryRun(snapshots, keep);
  const json = { keep: formatKeep(keep), snapshots: explained };
  await answer(options, json, explanationText(explained));
}

export function explanationText(explained: readonly Explanation[]): string {
  const rows = explained.map(({ name, created, keep, why }) => [
    keep ? "keep" : "delete",
    oneLine(name),
    created,
    why.join("; "),
  ]);
  const deleted = explained.filter(({ keep }) => !keep).length;
  const total = `${explained.length} snapshots: would delete ${deleted}`;
  return `${table([["", "name", "created", "why"], ...rows])}\n${total}`;
}
