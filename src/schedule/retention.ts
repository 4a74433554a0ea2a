/**
 * Which snapshots stay, as a pure function of the snapshots and the rules: no clock, no state.
 *
 * A bucket of a rule is what the schedule took in one pass of the clock within one period. Its
 * first snapshot stands for it. A rule keeps the last `count` buckets that have snapshots, counted
 * from the newest in the order in which they were taken, never by age. So:
 *
 * - The newest stays; what the schedule did not make stays; what a client has open stays, and what
 *   is held.
 * - The first of a bucket is so from the moment it is taken: a fine rule never deletes what a
 *   coarse one wants later. restic and borg keep the last of each, which for a coarse rule is a
 *   different one every time; so they keep the very oldest as well, as long as a rule has too few.
 * - Deleting changes neither what is first in the last `count` buckets nor how many come after:
 *   deleting twice is deleting once, and after every snapshot is the same as once in the end.
 * - A pause and a clock that jumps forward look the same, and the next bucket begins whatever their
 *   length. They can cut a bucket in two, and so cost a rule one bucket. sanoid deletes by age once
 *   the count is there; zfs-auto-snapshot takes a snapshot for each of its labels and counts those.
 * - A clock that goes back begins a new pass (mark.ts) and cuts a bucket in two, too. These count
 *   as one: the last bucket of an ended pass needs room, but takes none. So going back by whole
 *   periods costs what it cuts one bucket and all else nothing, however far and however often;
 *   by other amounts the two parts can together be shorter than one. Where it goes back all the
 *   time that would keep everything: a rule stops at twice its count, which up to `count` jumps
 *   back do not reach.
 */
import type { KeepRule } from "./keep.ts";
import { AUTO, type Candidate, type Mark, ownSnapshots } from "./mark.ts";
import { bucketOf } from "./period.ts";

/** Buckets kept, counted or not, for each that a rule counts. */
const BUCKETS_PER_COUNT = 2;

/** What one rule says of one snapshot. */
export interface Place {
  rule: KeepRule;
  bucket: number;
  /** It stands for its bucket. */
  first: boolean;
  /** From the newest on, from 1: it comes after `nth - 1` buckets that are counted. */
  nth: number;
  /** False: the last before the clock went back. */
  counted: boolean;
  keeps: boolean;
}

export interface Verdict<S> {
  snapshot: S;
  keep: boolean;
  /** The schedule made it. Only then do the others say something. */
  own: boolean;
  newest: boolean;
  inUse: boolean;
  /** Somebody holds it, whether a rule wants it or not. */
  held: boolean;
  /** In the order of the rules. */
  places: Place[];
}

/**
 * One verdict for each of the snapshots, in their order. Without rules everything stays. A client
 * has the snapshot open where `inUse` says so of its name. `series`: see mark.ts.
 */
export function planRetention<S extends Candidate>(
  snapshots: readonly S[],
  rules: readonly KeepRule[],
  inUse: (name: string) => boolean = () => false,
  series = AUTO,
): Verdict<S>[] {
  const own = ownSnapshots(snapshots, series);
  const marks = own.map(({ mark }) => mark);
  const columns = rules.map((rule) => placesOf(marks, rule));
  const verdicts = new Map<S, Verdict<S>>();
  for (const [index, { snapshot }] of own.entries()) {
    const places = columns.map((column) => column[index] as Place);
    const newest = index === own.length - 1;
    const opened = inUse(snapshot.name as string);
    const held = (snapshot.holds ?? []).length > 0;
    const ruled = rules.length === 0 || places.some(({ keeps }) => keeps);
    const keep = newest || opened || held || ruled;
    verdicts.set(snapshot, { snapshot, keep, own: true, newest, inUse: opened, held, places });
  }
  return snapshots.map((snapshot) => verdicts.get(snapshot) ?? foreign(snapshot));
}

function foreign<S>(snapshot: S): Verdict<S> {
  return { snapshot, keep: true, own: false, newest: false, inUse: false, held: false, places: [] };
}

/** Walks from the newest to the oldest; `marks` are in the order in which they were taken. */
function placesOf(marks: readonly Mark[], rule: KeepRule): Place[] {
  const bucketAt = (index: number) => bucketOf((marks[index] as Mark).time, rule.period);
  const samePass = (index: number) => marks[index]?.pass === marks[index + 1]?.pass;
  /** Whether one and the one taken after it are of the same bucket. */
  const joined = (index: number) => samePass(index) && bucketAt(index) === bucketAt(index + 1);
  const newest = marks.length - 1;
  const places: Place[] = new Array(marks.length);
  let buckets = 0;
  let before = 0;
  let counted = false;
  for (let index = newest; index >= 0; index--) {
    if (index === newest || !joined(index)) {
      if (counted) before++;
      counted = index === newest || samePass(index);
      buckets++;
    }
    const first = index === 0 || !joined(index - 1);
    const within = before < rule.count && buckets <= rule.count * BUCKETS_PER_COUNT;
    const [bucket, nth] = [bucketAt(index), before + 1];
    places[index] = { rule, bucket, first, nth, counted, keeps: first && within };
  }
  return places;
}
