/**
 * The places that a durable record freed can be given out again: once nobody has them in his hands
 * (visits.ts), and in slices between requests where they are many. Who needs it done does the rest
 * at once.
 */
import type { Engine } from "../../engine/engine.ts";
import { CHECKPOINT, FAULT } from "../../engine/status.ts";
import { run, runNow, settle, type Task, turn } from "../../task.ts";
import type { Log } from "./log.ts";

/** Steps of a slice, eight runs of places each: some hundredths of a millisecond. */
const SLICE_STEPS = 64;

export class Release {
  readonly #engine: Engine;
  readonly #log: Log;
  /** Ends when nobody has any of the places in his hands. */
  #draining: Promise<void> | null = null;
  #isBehind = false;
  /** Slices are under way: one in a turn, however many commits there were since. */
  #goesOn = false;

  constructor(engine: Engine, log: Log) {
    this.#engine = engine;
    this.#log = log;
  }

  /** A record is durable. The one before has been `finished`. */
  begin(): void {
    const task = runNow(this.#begun());
    if (!task) return;
    this.#draining = task.finally(() => {
      this.#draining = null;
    });
  }

  /** Ends when all of it can be given out, but for what the next commit is a checkpoint for. */
  *finished(): Task<void> {
    while (this.#draining) yield this.#draining;
    while (this.#isBehind) yield* this.#step();
  }

  *#begun(): Task<void> {
    yield* this.#log.visits.drained();
    this.#isBehind = true;
    yield* this.#slice();
    if (this.#isBehind && !this.#goesOn) this.#goOn();
  }

  async #goOn(): Promise<void> {
    this.#goesOn = true;
    while (this.#isBehind && !this.#log.failure) {
      await turn();
      await run(this.#slice());
    }
    this.#goesOn = false;
  }

  *#slice(): Task<void> {
    for (let steps = 0; steps < SLICE_STEPS && this.#isBehind; steps++) yield* this.#step();
  }

  /** Never fails: a page that cannot be read is left to the next commit. */
  *#step(): Task<void> {
    let status = 0;
    try {
      status = this.#engine.x.releaseHeld();
      if (status === 0 || status === CHECKPOINT) this.#isBehind = false;
      else if (status < 0) yield* settle(this.#engine.serve(status));
    } catch (error) {
      this.#isBehind = false;
      if (status !== FAULT) this.#log.fail(error);
    }
  }
}
