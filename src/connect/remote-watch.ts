/**
 * Those who watch a volume that is open elsewhere. For all of them there is one request under way,
 * always, so that the server knows when nobody watches any more.
 */
import { MultisnapError } from "../errors.ts";
import { Readers } from "../volume/reports/readers.ts";
import type { VolumeEvent, WatchOptions } from "../volume/reports/watchers.ts";

/** Asks for the next event; null: there is none any more. `more`: it is not the first one. */
export type AskNext = (more: boolean, signal: AbortSignal) => Promise<VolumeEvent | null>;

export class RemoteWatch {
  readonly #next: AskNext;
  readonly #readers = new Readers(() => this.#leave());
  #asking: AbortController | null = null;

  constructor(next: AskNext) {
    this.#next = next;
  }

  watch({ signal }: WatchOptions): AsyncIterableIterator<VolumeEvent> {
    const reader = this.#readers.add(signal);
    if (!this.#readers.isEmpty && !this.#asking) void this.#ask();
    return reader;
  }

  /** Nobody watches any more. */
  close(): void {
    this.#readers.end();
  }

  #leave(): void {
    this.#asking?.abort(new MultisnapError("Closed", "nobody watches any more"));
    this.#asking = null;
  }

  async #ask(): Promise<void> {
    const asking = new AbortController();
    this.#asking = asking;
    try {
      let event = await this.#next(false, asking.signal);
      while (event !== null && this.#asking === asking) {
        const next = this.#next(true, asking.signal);
        this.#readers.put(event);
        event = await next;
      }
      if (this.#asking === asking) this.#readers.end();
    } catch (error) {
      // Else it was taken back; others may watch again by now.
      if (this.#asking === asking) this.#readers.end(error);
    }
  }
}
