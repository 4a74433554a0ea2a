/** A stream that a client sends in parts, as what receives it wants to read it. */
import { MultisnapError } from "../errors.ts";

interface Waiting {
  resolve: (result: IteratorResult<Uint8Array, undefined>) => void;
  reject: (error: unknown) => void;
}

/** Holds one part at most: who brings one waits until it is taken. */
export class Intake implements AsyncIterableIterator<Uint8Array, undefined> {
  #part: { bytes: Uint8Array | null; taken: () => void } | null = null;
  #waiting: Waiting | null = null;
  #failure: unknown = null;
  #isOver = false;

  /** Ends when it has been taken. Null: the stream ends here. */
  put(bytes: Uint8Array | null): Promise<void> {
    if (this.#isOver || this.#part) {
      const why = this.#part ? "a part is under way already" : "nobody reads the stream any more";
      return Promise.reject(new MultisnapError("Closed", `control request: ${why}`));
    }
    return new Promise((taken) => {
      this.#part = { bytes, taken };
      this.#give();
    });
  }

  /** What reads it fails. */
  fail(error: unknown): void {
    this.#failure ??= error;
    this.#waiting?.reject(error);
    this.#waiting = null;
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#give();
    });
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#isOver = true;
    this.#part?.taken();
    this.#part = null;
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #give(): void {
    const [part, waiting] = [this.#part, this.#waiting];
    if (!part || !waiting) return;
    this.#part = null;
    this.#waiting = null;
    waiting.resolve(
      part.bytes ? { done: false, value: part.bytes } : { done: true, value: undefined },
    );
    part.taken();
  }
}
