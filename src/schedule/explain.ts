/** What retention would do to each snapshot, and why, for people and for programs. */
import { formatRule, type KeepRule } from "./keep.ts";
import type { Candidate } from "./mark.ts";
import { formatBucket } from "./period.ts";
import { type Place, planRetention, type Verdict } from "./retention.ts";

export interface Explanation {
  name: string;
  id: number;
  /** ISO 8601. */
  created: string;
  keep: boolean;
  /** What keeps it; for one that is to be deleted, what each rule has against it. */
  why: string[];
}

/** In the order of `snapshots`. Nothing is changed. */
export function keepDryRun(
  snapshots: readonly Candidate[],
  rules: readonly KeepRule[],
  inUse?: (name: string) => boolean,
): Explanation[] {
  return planRetention(snapshots, rules, inUse).map((verdict) => {
    const { name, id, created } = verdict.snapshot;
    const time = new Date(created).toISOString();
    return { name: name ?? "", id, created: time, keep: verdict.keep, why: reasons(verdict) };
  });
}

function reasons(verdict: Verdict<Candidate>): string[] {
  if (!verdict.own) return ["not made by the schedule"];
  if (!verdict.keep) return verdict.places.map(against);
  const found = verdict.places.filter(({ keeps }) => keeps).map(inFavour);
  if (verdict.newest) found.unshift("the newest");
  if (verdict.inUse) found.push("a client has it open");
  if (verdict.held) found.push("it is held");
  if (found.length === 0) found.push("there are no rules");
  return found;
}

function inFavour(place: Place): string {
  const { rule, nth, counted } = place;
  const rank = `${nth} of ${rule.count}${counted ? "" : ", before the clock went back"}`;
  return `${formatRule(rule)}: first of ${bucketName(place)} (${rank})`;
}

function against(place: Place): string {
  const { rule, first } = place;
  const name = formatRule(rule);
  if (!first) return `${name}: not the first of ${bucketName(place)}`;
  return `${name}: older than what it keeps`;
}

function bucketName({ bucket, rule }: Place): string {
  return formatBucket(bucket, rule.period);
}
