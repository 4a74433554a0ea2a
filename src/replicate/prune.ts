/** Deletes the snapshots of a series that rules do not keep. */
import type { KeepRule } from "../schedule/keep.ts";
import { planRetention } from "../schedule/retention.ts";
import type { View, Volume } from "../volume/types.ts";

/** Deleted in one commit, so that writes never wait long for it. */
const DELETES_MAX = 1000;

/** Names of those of `snapshots` that it deleted. What is held stays. */
export async function prune(
  volume: Volume,
  snapshots: readonly View[],
  rules: readonly KeepRule[],
  series: string,
): Promise<string[]> {
  const verdicts = planRetention(snapshots, rules, () => false, series);
  const doomed = verdicts.filter(({ keep }) => !keep).map(({ snapshot }) => snapshot);
  const names = doomed.map(({ name }) => name as string);
  for (let at = 0; at < doomed.length; at += DELETES_MAX) {
    await volume.delete(...doomed.slice(at, at + DELETES_MAX));
  }
  return names;
}
