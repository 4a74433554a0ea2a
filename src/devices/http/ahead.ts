/**
 * Finds readers that go through an image in order, and says what to ask for before they do. A
 * reader that has read two neighbours is one; what is asked for doubles with each step.
 */

/** Readers that are told apart: several streams at once, and what comes between them. */
const STREAMS_MAX = 8;

interface Stream {
  /** Block after the last one that was read, and after the last one that was asked for. */
  next: number;
  asked: number;
  /** Blocks to ask for. */
  depth: number;
}

export class ReadAhead {
  readonly #depthMax: number;
  /** The one that moved last is the last. */
  readonly #streams: Stream[] = [];

  constructor(depthMax: number) {
    this.#depthMax = depthMax;
  }

  /** Blocks from `first` to before `end` are read; calls `ask` for those that will be. */
  look(first: number, end: number, ask: (first: number, end: number) => void): void {
    if (this.#depthMax === 0) return;
    const stream = this.#take(first) ?? { next: end, asked: end, depth: 0 };
    this.#streams.push(stream);
    if (end <= stream.next) return;
    stream.next = end;
    stream.depth = Math.min(this.#depthMax, Math.max(1, stream.depth * 2));
    // In halves, so that a request asks for several blocks.
    if (stream.asked - end > stream.depth / 2) return;
    const from = Math.max(stream.asked, end);
    stream.asked = end + stream.depth;
    ask(from, stream.asked);
  }

  /** The one that has come to block `first`, or none: then there is room for one more. */
  #take(first: number): Stream | undefined {
    const index = this.#streams.findIndex(({ next }) => first === next || first === next - 1);
    if (index >= 0) return this.#streams.splice(index, 1)[0];
    if (this.#streams.length >= STREAMS_MAX) this.#streams.shift();
  }
}
