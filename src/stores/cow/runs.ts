/** Runs of chunks, as the table of exceptions has them: what a lookup and a plan answer. */
import { RUN_COPY, RUN_PRIVATE, RUN_READY, RUN_UNMAPPED } from "../../engine/status.ts";
import type { Exceptions } from "./exceptions.ts";

const RUNS_MAX = 512;
/** Chunks that are looked up for one answer: a short piece of time. */
const LOOKUPS_MAX = 65536;

export class Runs {
  readonly kinds = new Uint8Array(RUNS_MAX);
  readonly counts = new Float64Array(RUNS_MAX);
  readonly places = new Float64Array(RUNS_MAX);
  readonly #table: Exceptions;

  constructor(table: Exceptions) {
    this.#table = table;
  }

  /** Where chunks lie, from the first on; answers the number of runs, which may not reach all. */
  lookup(chunk: number, count: number): number {
    const table = this.#table;
    const end = chunk + count;
    let runs = 0;
    let budget = LOOKUPS_MAX;
    while (chunk < end && runs < RUNS_MAX && budget > 0) {
      const index = table.find(chunk);
      const place = index < 0 ? 0 : table.place(index);
      let next = chunk + 1;
      if (index < 0) {
        while ((next = table.skip(next, end)) < end && --budget > 0 && table.find(next) < 0) next++;
      } else {
        while (next < end && --budget > 0 && this.#placeOf(next) === place + next - chunk) next++;
      }
      this.#put(runs++, index < 0 ? RUN_UNMAPPED : RUN_PRIVATE, next - chunk, place);
      chunk = next;
    }
    return runs;
  }

  #placeOf(chunk: number): number {
    const index = this.#table.find(chunk);
    return index < 0 ? -1 : this.#table.place(index);
  }

  /** Which chunks have no exception and are to be copied; answers as `lookup`. */
  plan(chunk: number, count: number): number {
    const table = this.#table;
    const end = chunk + Math.min(count, LOOKUPS_MAX);
    let runs = 0;
    while (chunk < end && runs < RUNS_MAX) {
      const isMapped = table.find(chunk) >= 0;
      let next = chunk + 1;
      while (next < end && table.find(next) >= 0 === isMapped) next++;
      this.#put(runs++, isMapped ? RUN_READY : RUN_COPY, next - chunk, 0);
      chunk = next;
    }
    return runs;
  }

  /** A plan where nothing is to be copied. */
  ready(count: number): number {
    this.#put(0, RUN_READY, count, 0);
    return 1;
  }

  #put(run: number, kind: number, count: number, place: number): void {
    this.kinds[run] = kind;
    this.counts[run] = count;
    this.places[run] = place;
  }
}
