/**
 * Those who watch one volume, each with a queue of his own. Bounded: `EVENTS_MAX` events wait for a
 * slow reader, then he gets a gap in their place.
 */
import { Signal } from "../../task.ts";
import type { VolumeEvent } from "./watchers.ts";

const EVENTS_MAX = 64;

export class Readers {
  readonly #readers = new Set<Reader>();
  readonly #deserted: () => void;

  /** `deserted`: nobody watches any more. */
  constructor(deserted: () => void) {
    this.#deserted = deserted;
  }

  get isEmpty(): boolean {
    return this.#readers.size === 0;
  }

  /** Until the signal is aborted, he leaves, or all is over. */
  add(signal: AbortSignal | undefined): AsyncIterableIterator<VolumeEvent> {
    const reader = new Reader(() => {
      signal?.removeEventListener("abort", end);
      if (this.#readers.delete(reader) && this.isEmpty) this.#deserted();
    });
    const end = () => reader.end(null);
    if (signal?.aborted) reader.end(null);
    else {
      this.#readers.add(reader);
      signal?.addEventListener("abort", end);
    }
    return reader;
  }

  /** Every reader may be given the same object. */
  put(event: VolumeEvent): void {
    for (const reader of this.#readers) reader.put(event);
  }

  /** Those who wait hear the end, or what it is for. */
  end(failure: unknown = null): void {
    for (const reader of [...this.#readers]) reader.end(failure);
  }
}

/** Of one who watches: begins when he asks for it, so that nothing is missed before he reads. */
class Reader implements AsyncIterableIterator<VolumeEvent> {
  #events: VolumeEvent[] = [];
  #isOver = false;
  #failure: unknown = null;
  readonly #moved = new Signal();
  readonly #leave: () => void;

  constructor(leave: () => void) {
    this.#leave = leave;
  }

  put(event: VolumeEvent): void {
    if (this.#events.length >= EVENTS_MAX) this.#events = [{ type: "gap" }];
    else if (event.type !== "gap" || this.#events.at(-1)?.type !== "gap") this.#events.push(event);
    this.#moved.wake();
  }

  end(failure: unknown): void {
    this.#isOver = true;
    this.#failure = failure;
    this.#leave();
    this.#moved.wake();
  }

  async next(): Promise<IteratorResult<VolumeEvent>> {
    for (;;) {
      const event = this.#events.shift();
      if (event) return { done: false, value: event };
      if (this.#isOver) return this.#last();
      await this.#moved.wait();
    }
  }

  /** A failure is told once. */
  #last(): IteratorResult<VolumeEvent> {
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) throw failure;
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<VolumeEvent>> {
    this.#events = [];
    this.end(null);
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
