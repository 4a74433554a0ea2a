/** What is told of all stores of a volume: one mostly, several where several are attached. */
import type { Quota } from "../devices/device.ts";
import { plainReport } from "../stores/plain-report.ts";
import type { ExceptionStore, StoreUsage } from "../stores/store.ts";
import type { Task } from "../task.ts";
import { snapshotUsage } from "./snapshot-usage.ts";
import type { CheckOptions, CheckReport, ProgressOptions, SnapshotUsage, Usage } from "./types.ts";

export function usageOf(stores: readonly ExceptionStore[]): StoreUsage {
  // Asked for after a change that others wait for, see ring/host.ts: mostly there is one store.
  if (stores.length === 1) return stores[0]!.usage();
  return stores.map((store) => store.usage()).reduce(add);
}

/** One by one: to copy all but one of them takes five times as long. */
export function toldOf(usage: StoreUsage, quota: Quota | null): Usage {
  return {
    storeBytes: usage.storeBytes,
    maxBytes: usage.maxBytes,
    dataBytes: usage.dataBytes,
    metadataBytes: usage.metadataBytes,
    fixedBytes: usage.fixedBytes,
    freeBytes: usage.freeBytes,
    memoryBytes: usage.memoryBytes,
    snapshots: usage.snapshots,
    exceptions: usage.exceptions,
    quota,
  };
}

function add(a: StoreUsage, b: StoreUsage): StoreUsage {
  return {
    storeBytes: a.storeBytes + b.storeBytes,
    maxBytes: a.maxBytes === null || b.maxBytes === null ? null : a.maxBytes + b.maxBytes,
    dataBytes: a.dataBytes + b.dataBytes,
    metadataBytes: a.metadataBytes + b.metadataBytes,
    fixedBytes: a.fixedBytes + b.fixedBytes,
    freeBytes: a.freeBytes + b.freeBytes,
    memoryBytes: a.memoryBytes + b.memoryBytes,
    snapshots: a.snapshots + b.snapshots,
    exceptions: a.exceptions + b.exceptions,
    reclaiming: a.reclaiming + b.reclaiming,
  };
}

/** Counters of the stores, added up. */
export function countersOf(stores: readonly ExceptionStore[]): {
  commits: number;
  checkpoints: number;
  flushes: number;
} {
  const sum = { commits: 0, checkpoints: 0, flushes: 0 };
  for (const { commits, checkpoints, flushes } of stores) {
    sum.commits += commits;
    sum.checkpoints += checkpoints;
    sum.flushes += flushes;
  }
  return sum;
}

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
