/**
 * Stays awake for a moment after a request: a client with one request at a time sends the next one
 * within some ten microseconds, and to wake a sleeping core takes longer than most requests do.
 */
import os from "node:os";
import { setImmediate } from "node:timers";
import { monotonic } from "../env.ts";

/** Where there is one core, the client needs it. */
const HAS_CORES = os.availableParallelism() > 1;
/** As long as the way to a client and back takes, and not much longer. */
const AWAKE_MS = 0.1;

export class Awake {
  #until = 0;
  #looking = false;

  /** Requests have come. */
  stay(): void {
    if (!HAS_CORES) return;
    this.#until = monotonic() + AWAKE_MS;
    if (this.#looking) return;
    this.#looking = true;
    setImmediate(this.#look);
  }

  /** Between two of these the event loop looks at all sockets, without waiting. */
  readonly #look = (): void => {
    if (monotonic() < this.#until) {
      setImmediate(this.#look);
    } else {
      this.#looking = false;
    }
  };
}
