/**
 * Makes everything durable: the attached origin first, so that what a snapshot sees of it is
 * durable before the snapshot is.
 */
import { Lock, settle, type Task } from "../task.ts";
import type { Core } from "./core.ts";
import type { Watchers } from "./watchers.ts";

export class Flusher {
  readonly #cores: readonly Core[];
  readonly #watchers: Watchers;
  readonly #lock = new Lock();

  constructor(cores: readonly Core[], watchers: Watchers) {
    this.#cores = cores;
    this.#watchers = watchers;
  }

  *all(): Task<void> {
    // What is noted from now on may not be durable when this ends.
    const noted = this.#watchers.take();
    yield* this.origin();
    for (const core of this.#cores) {
      const { changes } = core;
      yield* core.store.commit(null);
      core.settled = Math.max(core.settled, changes);
    }
    if (noted) this.#watchers.tell(noted);
  }

  *origin(): Task<void> {
    const { origin, traffic } = this.#cores[0]!;
    if (!origin) return;
    // Who comes while a flush is under way waits for it: what made it needed may be his.
    yield* this.#lock.acquire();
    try {
      if (!traffic.originDirty) return;
      traffic.originDirty = false;
      yield* settle(origin.flush());
    } catch (error) {
      traffic.originFailures.add(error as object);
      for (const { store } of this.#cores) store.fail(error);
      throw error;
    } finally {
      this.#lock.release();
    }
  }
}
