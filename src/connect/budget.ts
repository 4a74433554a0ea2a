/**
 * Bytes that a server holds for all its clients: frames half there, requests under way, answers not
 * taken yet. Who finds none left waits, in the order of coming.
 *
 * Invariants: at most `total` bytes are given out, and small ones, which nobody waits for; so what
 * is small (a snapshot, a delete) goes on while large transfers stand still.
 */

/** Not counted: heads of requests, and pages. */
const SMALL_BYTES = 4096 + 1024;

interface Waiter {
  bytes: number;
  go: () => void;
}

export class Budget {
  readonly #total: number;
  #left: number;
  readonly #waiting: Waiter[] = [];

  constructor(total: number) {
    this.#total = total;
    this.#left = total;
  }

  /** Ends when the bytes are there; or when the signal aborts, and none are taken. */
  async take(bytes: number, signal: AbortSignal): Promise<Grant> {
    if (bytes <= SMALL_BYTES) return NO_GRANT;
    const wanted = Math.min(bytes, this.#total);
    if (this.#waiting.length === 0 && wanted <= this.#left) this.#left -= wanted;
    else if (!(await this.#wait(wanted, signal))) return NO_GRANT;
    let given = false;
    return {
      end: () => {
        if (!given) this.#give(wanted);
        given = true;
      },
    };
  }

  /** False: aborted. */
  #wait(bytes: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const waiter = {
        bytes,
        go: () => {
          signal.removeEventListener("abort", abort);
          resolve(true);
        },
      };
      const abort = () => {
        const index = this.#waiting.indexOf(waiter);
        if (index >= 0) this.#waiting.splice(index, 1);
        resolve(false);
        this.#serve();
      };
      if (signal.aborted) return resolve(false);
      this.#waiting.push(waiter);
      signal.addEventListener("abort", abort, { once: true });
    });
  }

  #give(bytes: number): void {
    this.#left += bytes;
    this.#serve();
  }

  #serve(): void {
    for (let next = this.#waiting[0]; next && next.bytes <= this.#left; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#left -= next.bytes;
      next.go();
    }
  }
}

/** Bytes taken; given back once, whoever does it. */
export interface Grant {
  end(): void;
}

export const NO_GRANT: Grant = { end: () => {} };
