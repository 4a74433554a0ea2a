/** Rows of a long answer: collected, and sent as parts of a bounded length. */
import { PART_LENGTH_MAX } from "./limits.ts";

export class Rows {
  readonly #send: (rows: unknown[]) => undefined | void | Promise<void>;
  #rows: unknown[] = [];
  #length = 0;

  constructor(send: (rows: unknown[]) => undefined | void | Promise<void>) {
    this.#send = send;
  }

  /** A promise where a part is full and has to be taken before there may be more. */
  add(row: unknown): undefined | void | Promise<void> {
    const { length } = JSON.stringify(row);
    const later = this.#length + length > PART_LENGTH_MAX ? this.flush() : undefined;
    this.#rows.push(row);
    this.#length += length + 1;
    return later;
  }

  flush(): undefined | void | Promise<void> {
    if (this.#rows.length === 0) return undefined;
    const rows = this.#rows;
    this.#rows = [];
    this.#length = 0;
    return this.#send(rows);
  }
}
