/** What many runs come to. */
import { addLies, describeLies, noLies } from "./lies.ts";
import type { Outcome } from "./run.ts";

export interface Sums extends Omit<Outcome, "hash"> {
  runs: number;
}

export function sums(): Sums {
  return { runs: 0, crashes: 0, operations: 0, refused: 0, events: 0, lies: noLies() };
}

/** Adds to `total`, and answers it. */
export function add(total: Sums, { crashes, operations, refused, events, lies }: Outcome): Sums {
  total.runs++;
  total.crashes += crashes;
  total.operations += operations;
  total.refused += refused;
  total.events += events;
  addLies(total.lies, lies);
  return total;
}

export function sentence({ crashes, operations, refused, events, lies }: Sums): string {
  const parts = [
    `${crashes} crashes`,
    `${operations} operations (${refused} refused)`,
    `${events} device events`,
    ...describeLies(lies),
  ];
  return parts.join(", ");
}
