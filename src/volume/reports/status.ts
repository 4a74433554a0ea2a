/** What `status` and `usage` tell of a volume. */
import type { Quota } from "../../devices/device.ts";
import type { CheckProblem, Loss, StoreKind, StoreUsage } from "../../stores/store.ts";

/** Bytes, unless said otherwise. */
export interface Usage extends Omit<StoreUsage, "reclaiming"> {
  /**
   * What the store's device would still get from its platform; null where it does not tell (files,
   * memory). In a browser a figure of `navigator.storage`, as of the last flushes: it is an
   * estimate, and Chromium makes it a coarse one on purpose.
   */
  quota: Quota | null;
}

export interface Status extends StoreUsage {
  kind: StoreKind;
  uuid: string;
  chunk: number;
  size: number;
  originMode: "inline" | "base" | "attached";
  /** What snapshots keep is verified when it is read (`create.checksums`). */
  checksums: boolean;
  originPath: string | null;
  basePath: string | null;
  readOnly: boolean;
  /** Why the volume went read-only, or null. */
  error: string | null;
  /**
   * Status line of the device-mapper target that the kind of store comes from; one for each store
   * where several are attached.
   */
  dmStatus: string;
  /** In force: snapshots that may be deleted to make room. */
  victims: string | null;
  /** In force. */
  preserveOnError: boolean;
  /** Why and how many snapshots were given up since the volume was opened (`preserveOnError`). */
  givenUp: GivenUp | null;
  /** What was deleted to make room since the volume was opened (`victims`). */
  pruned: Pruned | null;
  /** Snapshot that a view is being rolled back to: in the background, or cut off by an error. */
  rollingBack: string | null;
  /** How far that is, where the origin is in use meanwhile: chunks. */
  rollback: { done: number; total: number } | null;
  /** Of a store that was opened `damaged`: what was found and is lost; null where nothing was. */
  damage: Damage | null;
  counters: Counters;
}

/** Parts of a `CheckReport`, and what had to be done to make the store readable. */
export interface Damage {
  problems: CheckProblem[];
  losses: Loss[];
  lossCount: number;
  repaired: string[];
}

export interface GivenUp {
  reason: string;
  snapshots: number;
}

export interface Pruned {
  snapshots: number;
  /** What the request met that the last one was deleted for. */
  reason: string;
  /** The last ones, at most 8, in the order of their going. Times: milliseconds since 1970. */
  last: { name: string; created: number; priority: number; time: number }[];
}

/** Since the volume was opened. */
export interface Counters {
  reads: number;
  writes: number;
  bytesRead: number;
  bytesWritten: number;
  copies: number;
  bytesCopied: number;
  commits: number;
  checkpoints: number;
  flushes: number;
  /** Requests that met a conflict or a full queue and waited. */
  waits: number;
  /** Snapshots that were deleted to make room. */
  pruned: number;
}
