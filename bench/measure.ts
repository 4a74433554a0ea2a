/**
 * How every comparison is made: the contestants run in turns, the first turn only warms up, and a
 * ratio is the median of the ratios within a turn, so that what disturbs the machine disturbs both.
 */

import { setImmediate } from "node:timers/promises";

export const TURNS = 5;

/** One run: its figures (operations a second, nanoseconds ...) by name. */
export type Contestant<Figure extends string> = () => Promise<Record<Figure, number>>;

export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("no values, no median");
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Runs all contestants in turns; the figures of each, turn by turn. `before` makes the machine the
 * same for each of them.
 */
export async function takeTurns<Figures extends Record<string, string>>(
  contestants: { [Name in keyof Figures]: Contestant<Figures[Name]> },
  turns = TURNS,
  before: () => void = () => {},
): Promise<{ [Name in keyof Figures]: Record<Figures[Name], number>[] }> {
  const names = Object.keys(contestants) as (keyof Figures)[];
  const taken = Object.fromEntries(names.map((name) => [name, []])) as unknown as {
    [Name in keyof Figures]: Record<Figures[Name], number>[];
  };
  for (let turn = 0; turn <= turns; turn++) {
    for (const name of names) {
      // Contestants may never wait for anything: signals are heard here.
      await setImmediate();
      before();
      const figures = await contestants[name]();
      if (turn > 0) taken[name].push(figures);
    }
  }
  return taken;
}

/** Median of one figure over the turns. */
export function medianOf<Figure extends string>(
  turns: readonly Record<Figure, number>[],
  figure: Figure,
): number {
  return median(turns.map((figures) => figures[figure]));
}

/** Median over the turns of one contestant's figure divided by another's. */
export function ratioOf<Ours extends string, Peer extends string>(
  ours: readonly Record<Ours, number>[],
  ourFigure: Ours,
  peer: readonly Record<Peer, number>[],
  peerFigure: Peer,
): number {
  return median(ours.map((figures, turn) => figures[ourFigure] / peer[turn][peerFigure]));
}

/** Nanoseconds since some start. */
export function nowNs(): number {
  return performance.now() * 1e6;
}
