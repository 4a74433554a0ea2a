/**
 * What a page measures: contestants that do the same work in small slices, by turns, so that what
 * disturbs the machine disturbs all of them.
 */

export type Measure = "firstWrites" | "sequential" | "reads" | "flushes" | "blobs";

export interface Contestant {
  name: string;
  measure: Measure;
  /** Makes its files anew, filled as the measure has it. */
  open(): Promise<Opened>;
}

export interface Opened {
  /** Does the operations from `from` up to, without, `to`. */
  work(from: number, to: number): void | Promise<void>;
  /** Makes all of it durable, where the slices do not. */
  finish?(): void | Promise<void>;
  close(): Promise<void>;
}

export interface Course {
  /** Operations of a turn. */
  count: number;
  /** Operations after which it is another one's turn. */
  slice: number;
  /**
   * The typical slice counts, not the sum: where each is durable, a disk that others use as well
   * makes single ones a hundred times as long.
   */
  typical?: boolean;
}

/** Operations a second, turn by turn, without the first, which only warms up. */
export interface Figures {
  measure: Measure;
  name: string;
  turns: number[];
}

export async function takeTurns(
  contestants: readonly Contestant[],
  course: Course,
  turns: number,
): Promise<Figures[]> {
  const figures = contestants.map(({ measure, name }): Figures => ({ measure, name, turns: [] }));
  for (let turn = 0; turn <= turns; turn++) {
    const rates = await takeTurn(contestants, course);
    if (turn > 0) for (const [index, rate] of rates.entries()) figures[index]!.turns.push(rate);
  }
  return figures;
}

async function takeTurn(contestants: readonly Contestant[], course: Course): Promise<number[]> {
  const opened: Opened[] = [];
  for (const contestant of contestants) opened.push(await contestant.open());
  const spent = opened.map((): number[] => []);
  const timed = async (index: number, work: () => void | Promise<void>) => {
    const start = performance.now();
    const later = work();
    if (later) await later;
    spent[index]!.push(performance.now() - start);
  };
  for (let from = 0, first = 0; from < course.count; from += course.slice, first++) {
    const to = Math.min(course.count, from + course.slice);
    for (let i = 0; i < opened.length; i++) {
      // Another one first each time: what a flush costs depends on whose was before it.
      const index = (first + i) % opened.length;
      await timed(index, () => opened[index]!.work(from, to));
    }
  }
  for (const [index, { finish }] of opened.entries()) if (finish) await timed(index, finish);
  for (const one of opened) await one.close();
  return spent.map((times) => (1000 * course.count) / milliseconds(times, course));
}

/** Of all slices; or so many as the typical one. */
function milliseconds(times: number[], { typical }: Course): number {
  if (!typical) return times.reduce((sum, time) => sum + time, 0);
  return times.sort((a, b) => a - b)[times.length >> 1]! * times.length;
}
