/** Bytes that come in parts of any size, taken in pieces of the wanted one. */
import { endIfAborted } from "../task.ts";

/** The same parts. Once the signal is aborted nobody waits for the next one any more. */
export async function* untilAborted<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T> {
  const parts = source[Symbol.asyncIterator]();
  let isWaiting = false;
  const next = () =>
    new Promise<IteratorResult<T>>((resolve, reject) => {
      const leave = () => reject(signal?.reason);
      const over = () => signal?.removeEventListener("abort", leave);
      signal?.addEventListener("abort", leave);
      parts.next().then(resolve, reject).finally(over);
    });
  try {
    for (;;) {
      endIfAborted(signal);
      isWaiting = true;
      const { done, value } = await next();
      isWaiting = false;
      if (done) return;
      yield value;
    }
  } catch (error) {
    endIfAborted(signal);
    throw error;
  } finally {
    // A source that does not come on does not come to its end either.
    const ended = parts.return?.();
    if (!isWaiting) await ended;
  }
}

export class ByteSource {
  readonly #parts: AsyncIterator<Uint8Array>;
  #part: Uint8Array = new Uint8Array(0);

  constructor(parts: AsyncIterable<Uint8Array>) {
    this.#parts = parts[Symbol.asyncIterator]();
  }

  /** The next bytes where they lie, good until more are asked for; null: `fill` is needed. */
  peek(bytes: number): Uint8Array | null {
    return this.#part.length < bytes ? null : this.#part.subarray(0, bytes);
  }

  /** Goes past bytes that were peeked at. */
  skip(bytes: number): void {
    this.#part = this.#part.subarray(bytes);
  }

  /** Fills `target`; answers how many bytes there were. */
  async fill(target: Uint8Array): Promise<number> {
    let filled = 0;
    while (filled < target.length) {
      if (this.#part.length === 0 && !(await this.#next())) break;
      const taken = this.#part.subarray(0, target.length - filled);
      target.set(taken, filled);
      filled += taken.length;
      this.#part = this.#part.subarray(taken.length);
    }
    return filled;
  }

  /** Lets go of what the bytes come from. */
  async close(): Promise<void> {
    await this.#parts.return?.();
  }

  async #next(): Promise<boolean> {
    for (;;) {
      const { done, value } = await this.#parts.next();
      if (done) return false;
      if (value.length === 0) continue;
      this.#part = value;
      return true;
    }
  }
}
