/** Checksums of the stores in the tree: the engine keeps and computes them. */
import type { EngineExports } from "../../engine/exports.ts";
import type { Sums } from "../store.ts";

/** Places that are verified or summed at once, at most. */
export const SUMS_MAX = 64;

export class TreeSums implements Sums {
  readonly #x: EngineExports;

  constructor(x: EngineExports) {
    this.#x = x;
  }

  run(place: number, count: number): number {
    return this.#x.sumRun(place, count);
  }

  verify(place: number, count: number, address: number): number {
    return this.#x.sumVerify(place, count, address);
  }

  sum(place: number, count: number, address: number): number {
    return this.#x.sumStep(place, count, address);
  }
}
