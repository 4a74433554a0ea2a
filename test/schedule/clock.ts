/** A clock that only a test moves: sleepers wake when their time has come, none really waits. */
import { type Env, seededEnv } from "../../src/env.ts";
import type { Sleep } from "../../src/schedule/roller.ts";
import { START } from "./history.ts";

/** For one sleeper, who lets time go on up to where the test wants it, and then waits for more. */
export class TestClock {
  /** Wakes so far. */
  wakes = 0;
  #now = START;
  /** What is left of the time that the test gives. */
  #given = 0;
  #more: (() => void) | null = null;
  #used: (() => void) | null = null;
  readonly env: Env = {
    now: () => this.#now,
    random: seededEnv(1).random,
    rest: seededEnv(1).rest,
  };

  /** Lets `ms` milliseconds go by; answers when the sleeper has seen all of them. */
  async pass(ms: number): Promise<void> {
    this.#given += ms;
    this.#more?.();
    await new Promise<void>((resolve) => {
      this.#used = resolve;
    });
  }

  /** What setting the clock does, and a sleep of the whole machine: nobody's time goes by. */
  jump(ms: number): void {
    this.#now += ms;
  }

  readonly sleep: Sleep = async (ms, signal) => {
    this.wakes++;
    let left = ms;
    while (left > 0 && !signal.aborted) {
      if (this.#given === 0) await this.#wait(signal);
      const some = Math.min(left, this.#given);
      this.#given -= some;
      this.#now += some;
      left -= some;
    }
  };

  #wait(signal: AbortSignal): Promise<void> {
    this.#used?.();
    this.#used = null;
    return new Promise((resolve) => {
      const end = () => {
        signal.removeEventListener("abort", end);
        this.#more = null;
        resolve();
      };
      this.#more = end;
      signal.addEventListener("abort", end);
    });
  }
}
