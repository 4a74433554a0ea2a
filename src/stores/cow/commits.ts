/** One at a time changes what is durable; a commit serves all who asked for one before it began. */
import { Lock, type Task } from "../../task.ts";

export class Commits {
  readonly #lock = new Lock();
  #started = 0;
  #finished = 0;

  /** Work during which nothing is committed. */
  *alone<T>(work: () => Task<T>): Task<T> {
    yield* this.#lock.acquire();
    try {
      return yield* work();
    } finally {
      this.#lock.release();
    }
  }

  /** Runs a commit, unless one that began after this call has ended meanwhile. */
  *shared(work: () => Task<void>): Task<void> {
    const wanted = this.#started + 1;
    yield* this.#lock.acquire();
    try {
      if (this.#finished >= wanted) return;
      const started = ++this.#started;
      yield* work();
      this.#finished = started;
    } finally {
      this.#lock.release();
    }
  }
}
