/**
 * How the schedule knows its own snapshots: by a name that says when each was taken,
 * `auto-2026-11-22T10:05:00Z`, beside what the store itself noted. What stands before the time is
 * the series: `auto` is that of rolling snapshots, others are those of replication.
 *
 * A clock that goes back would take the schedule through the same time again. So a name has a
 * second part: the pass, `auto-2026-11-22T10:05:00Z.2` where the clock had gone back once before.
 * Within a pass, time only rises; so (pass, time) rises from snapshot to snapshot whatever the
 * clock does, no name comes twice, and both survive a restart, as the newest is never deleted.
 */
import { MultisnapError } from "../errors.ts";
import { formatTime } from "./period.ts";

/** When the schedule took a snapshot. */
export interface Mark {
  /** Milliseconds since 1970, a whole second. */
  time: number;
  /** From 1. */
  pass: number;
}

/** What is looked at of a snapshot; every `View` of one has it. */
export interface Candidate {
  readonly name: string | null;
  readonly id: number;
  /** Milliseconds since 1970, by the store. */
  readonly created: number;
  readonly readOnly: boolean;
  /** Why it must stay; a snapshot that is held is not deleted. */
  readonly holds?: readonly string[];
}

/** The store stamps a snapshot once the writes before it have ended. */
const STAMP_MS_MAX = 10_000;
const TIME = "([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)";
const NAME = new RegExp(`^(.+)-${TIME}(?:\\.([2-9]|[1-9][0-9]{1,8}))?$`);
/** Of rolling snapshots. */
export const AUTO = "auto";

/** `Invalid` for a time outside the years 0 to 9999: the clock is broken. */
export function markName({ time, pass }: Mark, series = AUTO): string {
  const name = `${series}-${formatTime(time)}${pass === 1 ? "" : `.${pass}`}`;
  if (NAME.test(name)) return name;
  throw new MultisnapError("Invalid", `${name} is no name for a snapshot: set the clock`);
}

/**
 * The mark of a snapshot that the schedule took, else null. One that was renamed, by whichever
 * hand, no longer agrees with its stamp; one that someone made under such a name is not read-only.
 */
export function markOf({ name, created, readOnly }: Candidate, series = AUTO): Mark | null {
  const match = name !== null && readOnly ? NAME.exec(name) : null;
  if (match === null || match[1] !== series) return null;
  const text = match[2] as string;
  const mark = { time: Date.parse(text), pass: Number(match[3] ?? 1) };
  // `Date.parse` takes February 30 for March 2.
  return isStamped(mark, created) && formatTime(mark.time) === text ? mark : null;
}

export function isStamped(mark: Mark, created: number): boolean {
  return Math.abs(created - mark.time) <= STAMP_MS_MAX;
}

/** The mark of a snapshot taken at `time` after `last`. */
export function nextMark(last: Mark | null, time: number): Mark {
  if (last === null) return { time, pass: 1 };
  return { time, pass: time > last.time ? last.pass : last.pass + 1 };
}

/** Those of the series, in the order in which they were taken. */
export function ownSnapshots<S extends Candidate>(
  snapshots: readonly S[],
  series = AUTO,
): { snapshot: S; mark: Mark }[] {
  const own: { snapshot: S; mark: Mark }[] = [];
  for (const snapshot of snapshots) {
    const mark = markOf(snapshot, series);
    if (mark !== null) own.push({ snapshot, mark });
  }
  return own.sort((a, b) => a.snapshot.id - b.snapshot.id);
}
