/** A snapshot under the next name of a series. */
import type { View, Volume } from "../volume/types.ts";
import { AUTO, type Mark, markName, nextMark } from "./mark.ts";
import { wholeSecond } from "./period.ts";

export interface Taken {
  snapshot: View;
  mark: Mark;
}

/**
 * Taken at `now`, after the one with the mark `before`. Read-only: what is deleted by rule must not
 * hold anybody's writes. `of`: instead of the origin.
 */
export async function takeMarked(
  volume: Volume,
  before: Mark | null,
  now: number,
  series = AUTO,
  of = volume.origin,
): Promise<Taken> {
  const mark = freeMark(volume, before, now, series);
  const snapshot = await volume.snapshot(markName(mark, series), { of, readOnly: true });
  return { snapshot, mark };
}

/**
 * Long writes came before it, or the clock was set in between: the store's stamp is what counts.
 * After a crash just here it is a snapshot that the series does not know, and stays.
 */
export async function restamp(
  volume: Volume,
  before: Mark | null,
  snapshot: View,
  series = AUTO,
): Promise<Mark> {
  const mark = freeMark(volume, before, snapshot.created, series);
  await volume.rename(snapshot, markName(mark, series));
  return mark;
}

/** A name that somebody else has leads to another pass, as a clock that goes back does. */
function freeMark(volume: Volume, before: Mark | null, now: number, series: string): Mark {
  const mark = nextMark(before, wholeSecond(now));
  while (volume.has(markName(mark, series))) mark.pass++;
  return mark;
}
