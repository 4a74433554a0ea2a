/** What the first kernel does with each world, in lines of shell for `init.sh`. */
import { ORIGIN } from "../../cow/attached.ts";
import type { Random } from "../../model/prng.ts";
import type { World } from "./world.ts";

/** Looks at all views, writes all of them at once, and looks again. */
export function readAndWrite(world: World, random: Random): string[] {
  return [
    ...[...world.attach(), ...world.tell("before"), ...world.writes(random, 25)],
    ...[...world.tell("after"), world.detach()],
  ];
}

/** More of the origin is written than the second snapshot has room for. */
export function fill(world: World): string[] {
  const ask = (when: string, number: number) => {
    const disk = world.disk(number);
    return `answer ${when}.${disk} $(status ${disk})`;
  };
  const writes = [500, 1000, 1500].map((sector) => world.writeAt(ORIGIN, sector, 64, sector));
  return [
    ...[...world.attach(), ask("loaded", 1), ...writes, ask("full", 2)],
    ...[...world.tell("after", [ORIGIN, 3]), world.detach()],
  ];
}

/** Merges the first snapshot to its end, while the origin and the other one are written. */
export function endMerge(world: World, random: Random): string[] {
  const views = [ORIGIN, 2];
  // From the beginning on, the origin shows the snapshot.
  world.becomes(ORIGIN, world.content(1));
  return [
    ...[...world.snapshots(2), world.merge(), ...world.writes(random, 20, views)],
    `until_merged ${world.disk(ORIGIN)}`,
    ...[...world.tell("after", views), world.detach(views)],
  ];
}

/** Begins to merge the first snapshot, and is made to stop; `status`: before it begins. */
export function beginMerge(world: World, status: string): string[] {
  return [
    ...[...world.snapshots(2), world.merge()],
    `until_changed ${world.disk(ORIGIN)} '${status}'`,
    ...[world.detach([ORIGIN]), ...world.tell("after", [2]), world.detach([2])],
  ];
}
