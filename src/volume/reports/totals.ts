/** What the stores of a volume have and have done, added up: one mostly, several where attached. */
import type { Quota } from "../../devices/device.ts";
import type { ExceptionStore, StoreUsage } from "../../stores/store.ts";
import type { Usage } from "../types.ts";

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
