/** Which pages of the shared memory are taken: in runs, the lowest first, so that few are used. */
import { PAGES } from "./layout.ts";

export class Pages {
  readonly #taken = new Uint8Array(PAGES);
  /** No page below it is free. */
  #first = 0;

  /** The first page of `count` in a row; -1 where there are none. */
  take(count: number): number {
    const taken = this.#taken;
    let run = 0;
    for (let page = this.#first; page < PAGES; page++) {
      run = taken[page] === 0 ? run + 1 : 0;
      if (run < count) continue;
      const start = page + 1 - count;
      taken.fill(1, start, page + 1);
      if (start === this.#first) this.#first = page + 1;
      return start;
    }
    return -1;
  }

  give(start: number, count: number): void {
    this.#taken.fill(0, start, start + count);
    if (start < this.#first) this.#first = start;
  }
}
