/** Lines out of pieces of bytes, as files and pipes give them. Memory: one line, one piece. */
import { MultisnapError } from "../../../errors.ts";
import type { Task } from "../../../task.ts";
import { LINE_MAX } from "./lines.ts";

const NEWLINE = 10;
const NOTHING = new Uint8Array(0);

export interface TextLine {
  /** Without its end. */
  text: string;
  /** With its end. */
  bytes: Uint8Array;
  /** From 1 on. */
  number: number;
}

export class LineReader {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #rest: Uint8Array = NOTHING;
  #number = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next line; null at the end. Errors: `Invalid` for what is no line of UTF-8. */
  *next(): Task<TextLine | null> {
    let from = 0;
    for (;;) {
      const end = this.#rest.indexOf(NEWLINE, from);
      if (end >= 0) return this.#line(end + 1);
      from = this.#rest.length;
      if (from > LINE_MAX) throw this.#wrong(`has more than ${LINE_MAX} bytes`);
      const step = (yield this.#source.next()) as IteratorResult<Uint8Array>;
      if (step.done && from === 0) return null;
      if (step.done) throw this.#wrong("has no end: the dump is cut off");
      this.#rest = joined(this.#rest, step.value);
    }
  }

  /** Nothing more is read. */
  *end(): Task<void> {
    if (this.#source.return) yield this.#source.return();
  }

  #line(length: number): TextLine {
    const bytes = this.#rest.slice(0, length);
    this.#rest = this.#rest.subarray(length);
    if (length - 1 > LINE_MAX) throw this.#wrong(`has more than ${LINE_MAX} bytes`);
    this.#number++;
    try {
      const text = this.#decoder.decode(bytes.subarray(0, length - 1));
      return { text, bytes, number: this.#number };
    } catch {
      throw this.#wrong("is no UTF-8", 0);
    }
  }

  #wrong(what: string, ahead = 1): MultisnapError {
    return new MultisnapError("Invalid", `line ${this.#number + ahead} of the dump ${what}`);
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b;
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}
