/**
 * What a life of the crash test does, from its seed alone: the page does it, the oracle in Node
 * knows it, too, and has to be told only how far it went.
 *
 * Writes are whole sectors; each sector holds its writer's stamp over and over.
 */
import { Random } from "../../model/prng.ts";

export const SECTOR = 512;
export const SIZE = 2 ** 20;
const SECTORS_MAX = 160;
const SNAPSHOTS_MAX = 4;
const SYNC_SHARE = 0.06;

export type Step =
  | { do: "write"; view: string; sector: number; count: number }
  | { do: "flush" }
  | { do: "snapshot"; name: string }
  | { do: "delete"; name: string };

/** The name of the origin among views. */
export const ORIGIN = "";

/** Endless. `snapshots`: what is there at the beginning, oldest first. */
export function* stepsOf(life: number, snapshots: readonly string[]): Generator<Step> {
  const random = new Random(life);
  const there = [...snapshots];
  for (let made = 0; ; ) {
    if (random.chance(1 - SYNC_SHARE)) {
      const view = random.chance(0.7) ? ORIGIN : random.pick([ORIGIN, ...there]);
      const count = random.chance(0.5) ? 8 : random.between(1, SECTORS_MAX);
      const sector = random.below(SIZE / SECTOR - count);
      yield { do: "write", view, sector, count };
    } else if (random.chance(0.6)) {
      yield { do: "flush" };
    } else if (there.length < SNAPSHOTS_MAX) {
      const name = `life ${life}, ${++made}`;
      there.push(name);
      yield { do: "snapshot", name };
    } else {
      yield { do: "delete", name: there.shift()! };
    }
  }
}

/** Of the step `index` of a life: never 0. */
export function stampOf(life: number, index: number): number {
  return life * 2 ** 18 + index + 1;
}
