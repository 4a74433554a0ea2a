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
  const spent: number[] = opened.map(() => 0);
  const timed = async (index: number, work: () => void | Promise<void>) => {
    const start = performance.now();
    const later = work();
    if (later) await later;
    spent[index]! += performance.now() - start;
  };
  for (let from = 0; from < course.count; from += course.slice) {
    const to = Math.min(course.count, from + course.slice);
    for (const [index, one] of opened.entries()) await timed(index, () => one.work(from, to));
  }
  for (const [index, one] of opened.entries()) await timed(index, () => one.finish?.());
  for (const one of opened) await one.close();
  return spent.map((milliseconds) => course.count / (milliseconds / 1000));
}
