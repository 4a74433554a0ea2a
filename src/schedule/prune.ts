/** Deletes the snapshots of a series that rules do not keep. */
import type { View, Volume } from "../volume/types.ts";
import type { KeepRule } from "./keep.ts";
import { planRetention } from "./retention.ts";

/** Deleted in one commit, so that writes never wait long for it. */
const DELETES_MAX = 1000;

export interface PruneOptions {
  /** Those of the volume that are looked at; by default all. */
  snapshots?: readonly View[];
  /** See `planRetention`, of both. */
  inUse?: (name: string) => boolean;
  series?: string;
  /** Aborted, nothing more is deleted. */
  signal?: AbortSignal;
}

/** Names of those that it has deleted, commit by commit. What is held stays. */
export async function* prune(
  volume: Volume,
  rules: readonly KeepRule[],
  { snapshots = volume.snapshots, inUse, series, signal }: PruneOptions = {},
): AsyncGenerator<string[]> {
  const verdicts = planRetention(snapshots, rules, inUse, series);
  const doomed = verdicts.filter(({ keep }) => !keep).map(({ snapshot }) => snapshot);
  for (let at = 0; at < doomed.length && !signal?.aborted; at += DELETES_MAX) {
    const some = doomed.slice(at, at + DELETES_MAX);
    const names = some.map(({ name }) => name as string);
    await volume.delete(...some);
    yield names;
  }
}
