/** What a walk over the metadata of all stores of a volume tells. */
import { plainReport } from "../../stores/plain-report.ts";
import type { ExceptionStore } from "../../stores/store.ts";
import type { Task } from "../../task.ts";
import type { CheckOptions, CheckReport, ProgressOptions, SnapshotUsage } from "../types.ts";
import { snapshotUsage } from "./snapshot-usage.ts";

/** The stores one after the other, each as it is at one moment. */
export function* checkStores(
  stores: readonly ExceptionStore[],
  options: CheckOptions,
): Task<CheckReport> {
  const sum = plainReport([], { blocks: 0, exceptions: 0, chunks: 0 });
  for (const store of stores) {
    const report = yield* store.check(options);
    const isNamed = stores.length > 1;
    const problems = report.problems.map(({ where, message }) => ({
      where,
      message: isNamed ? `${store.device.name}: ${message}` : message,
    }));
    sum.clean &&= report.clean;
    sum.problems.push(...problems);
    sum.notes.push(...report.notes);
    sum.losses.push(...report.losses);
    sum.lossCount += report.lossCount;
    sum.blocks += report.blocks;
    sum.exceptions += report.exceptions;
    sum.chunks += report.chunks;
  }
  return sum;
}

export function* usageOfSnapshots(
  stores: readonly ExceptionStore[],
  options: ProgressOptions,
): Task<SnapshotUsage[]> {
  const found: SnapshotUsage[] = [];
  for (const store of stores) found.push(...(yield* store.still(snapshotUsage(store, options))));
  return found;
}
