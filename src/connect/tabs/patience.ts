/**
 * How long a tab waits for an owner that says nothing: it may be frozen by the browser, with the
 * files in its hands. Looks once a second, and only while somebody waits.
 */
import { monotonic } from "../../env.ts";
import { MultisnapError } from "../../errors.ts";

const LOOK_MS = 1000;

interface Waiting {
  /** Somebody waits for an answer. */
  busy: () => boolean;
  /** Nothing was heard since the last look. */
  knock: () => void;
  over: (error: MultisnapError) => void;
}

export class Patience {
  readonly #most: number;
  readonly #waiting: Waiting;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #heard = 0;
  #ended = false;

  constructor(most: number, waiting: Waiting) {
    this.#most = most;
    this.#waiting = waiting;
  }

  /** Somebody begins to wait. */
  begin(): void {
    if (this.#timer !== null || this.#ended) return;
    this.#heard = monotonic();
    this.#look();
  }

  heard(): void {
    this.#heard = monotonic();
  }

  end(): void {
    this.#ended = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #look(): void {
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (!this.#waiting.busy()) return;
      const silent = monotonic() - this.#heard;
      if (silent >= this.#most) {
        this.#waiting.over(isSilent(silent));
        return;
      }
      if (silent >= LOOK_MS / 2) this.#waiting.knock();
      this.#look();
    }, LOOK_MS);
  }
}

function isSilent(ms: number): MultisnapError {
  const seconds = Math.round(ms / 1000);
  return new MultisnapError(
    "Busy",
    `the tab that has the volume open has said nothing for ${seconds} s, and nobody else can open ` +
      "it meanwhile: what was asked for may have been done or not; try again later",
    { retryable: true },
  );
}
