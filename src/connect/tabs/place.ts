/**
 * A page's place in the line of those that share a volume: the page stands there for its worker,
 * which may have the volume when the turn comes. A page that is about to be frozen is told and
 * steps out; its worker is frozen without a word, and what it waits for would be given to it, and
 * to nobody else.
 *
 * Invariants: the turn is given back when the worker says that it is over, not before; a worker
 * that was given the turn says so once, however it ends its term.
 */
import type { Locks } from "../../devices/neighbours.ts";

export class Place {
  readonly #locks: Locks;
  readonly #name: string;
  readonly #tell: (stands: boolean) => void;
  #wants = false;
  #closed = false;
  #asking: AbortController | null = null;
  /** Gives the turn back. */
  #release: (() => void) | null = null;
  /** The worker has been told to end its term. */
  #ends = false;

  /** `tell`: the worker, that it has the turn, or has to hand over. */
  constructor(locks: Locks, name: string, tell: (stands: boolean) => void) {
    this.#locks = locks;
    this.#name = name;
    this.#tell = tell;
  }

  enter(): void {
    this.#wants = true;
    if (!this.#closed && !this.#asking && !this.#release) this.#ask();
  }

  /** At once where it waits; where it has the turn, as soon as the worker has handed over. */
  leave(): void {
    this.#wants = false;
    this.#asking?.abort();
    this.#asking = null;
    if (!this.#release || this.#ends) return;
    this.#ends = true;
    this.#tell(false);
  }

  /** The worker says that its term is over: if nobody told it to, it can serve nobody. */
  over(): void {
    if (!this.#ends) this.#closed = true;
    this.#release?.();
    this.#release = null;
    this.#ends = false;
    if (this.#wants) this.enter();
  }

  /** The worker has ended. */
  close(): void {
    this.#closed = true;
    this.#asking?.abort();
    this.#asking = null;
    this.#release?.();
    this.#release = null;
  }

  #ask(): void {
    const asking = new AbortController();
    this.#asking = asking;
    this.#locks.take(this.#name, { signal: asking.signal }).then(
      (release) => {
        if (asking.signal.aborted) return release();
        this.#asking = null;
        this.#release = release;
        this.#tell(true);
      },
      () => {},
    );
  }
}
