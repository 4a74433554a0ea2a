/**
 * Who uses which snapshot: what is held is not deleted to make room (I8). Deleting it on purpose is
 * allowed as ever.
 *
 * Bounded: a number for each view that is held now.
 */
import type { Task } from "../task.ts";
import type { Hold } from "./types.ts";

export class Holds {
  readonly #counts = new Map<number, number>();

  has(id: number): boolean {
    return this.#counts.has(id);
  }

  /** Until it is released. */
  take(id: number): Hold {
    this.#add(id);
    let isHeld = true;
    const release = () => {
      if (isHeld) this.#drop(id);
      isHeld = false;
    };
    return { release, [Symbol.dispose]: release };
  }

  /** As long as a task runs. */
  *during<T>(id: number, work: Task<T>): Task<T> {
    this.#add(id);
    try {
      return yield* work;
    } finally {
      this.#drop(id);
    }
  }

  /** As long as a caller takes what `items` gives. */
  async *along<T>(id: number, items: AsyncIterable<T>): AsyncGenerator<T> {
    this.#add(id);
    try {
      yield* items;
    } finally {
      this.#drop(id);
    }
  }

  #add(id: number): void {
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
  }

  #drop(id: number): void {
    const left = this.#counts.get(id)! - 1;
    if (left > 0) this.#counts.set(id, left);
    else this.#counts.delete(id);
  }
}
