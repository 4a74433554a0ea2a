/** Kills, shared out over stores of every kind and origin. */
import { Random } from "../../../model/prng.ts";
import { isThere } from "../../../needs.ts";
import { type Around, endWell, liveAndDie, type Tally } from "./lives.ts";
import { canTrace } from "./server.ts";
import { makeWorld, SHAPES } from "./world.ts";

export interface KillOptions {
  kills: number;
  seed: number;
  /** Kills that one store goes through. */
  kept: number;
  /** Told what has been done so far, after each store. */
  progress?: (tally: Tally) => void;
}

export async function runKills({ kills, seed, kept, progress }: KillOptions): Promise<Tally> {
  const tally: Tally = { kills: 0, opening: 0, writes: 0, changes: 0 };
  const random = new Random(seed);
  const around: Around = {
    random,
    canTrace: await canTrace(),
    hasFio: isThere("fio"),
    hasQemuIo: isThere("qemu-io"),
  };
  for (let stores = 0; tally.kills < kills; stores++) {
    const shape = SHAPES[stores % SHAPES.length] as (typeof SHAPES)[0];
    const world = await makeWorld(shape);
    try {
      const last = Math.min(kills, tally.kills + kept);
      while (tally.kills < last) await liveAndDie(world, around, tally);
      await endWell(world);
    } catch (error) {
      const where = `after ${tally.kills} kills, ${JSON.stringify(shape)}, seed ${seed}`;
      throw new Error(`${where}: ${(error as Error).stack}`, { cause: error });
    }
    progress?.(tally);
  }
  return tally;
}
