/** Rows of a long answer: collected, and sent as parts that fit into a head. */
import { PART_LENGTH_MAX } from "./layout.ts";

export class Rows {
  readonly #send: (head: string) => Promise<void>;
  #rows: string[] = [];
  #length = 0;

  constructor(send: (head: string) => Promise<void>) {
    this.#send = send;
  }

  /** A promise where a part is full and has to be taken before there may be more. */
  add(row: unknown): Promise<void> | undefined {
    const text = JSON.stringify(row);
    const later = this.#length + text.length > PART_LENGTH_MAX ? this.flush() : undefined;
    this.#rows.push(text);
    this.#length += text.length + 1;
    return later;
  }

  flush(): Promise<void> | undefined {
    if (this.#rows.length === 0) return undefined;
    const head = `{"rows":[${this.#rows.join(",")}]}`;
    this.#rows = [];
    this.#length = 0;
    return this.#send(head);
  }
}
