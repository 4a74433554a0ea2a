/** What the stores of a volume have and have done, added up: one mostly, several where attached. */
import type { ExceptionStore, StoreUsage } from "../stores/store.ts";

export function usageOf(stores: readonly ExceptionStore[]): StoreUsage {
  return stores.map((store) => store.usage()).reduce(add);
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
