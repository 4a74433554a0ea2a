/**
 * Makes everything durable: the attached origin first, so that what a snapshot sees of it is
 * durable before the snapshot is.
 *
 * Invariant: once the origin's device has failed a flush, no later one is answered well. What the
 * first was to make durable may be gone, and a second flush would not tell.
 */
import type { Device } from "../devices/device.ts";
import { refusal } from "../stores/failure.ts";
import { Lock, settle, type Task } from "../task.ts";
import type { Core } from "./core.ts";
import type { Traffic } from "./traffic.ts";

export class Flusher {
  readonly #cores: readonly Core[];
  readonly #lock = new Lock();
  /** Of the origin's device. The stores know it, too, but one of them may be given up. */
  #failure: Error | null = null;

  constructor(cores: readonly Core[]) {
    this.#cores = cores;
  }

  *all(): Task<void> {
    // What is noted from now on may not be durable when this ends.
    const { watchers } = this.#cores[0]!.traffic;
    const noted = watchers?.take();
    yield* this.origin();
    for (const core of this.#cores) {
      const { changes } = core;
      yield* core.store.commit(null);
      core.settled = Math.max(core.settled, changes);
    }
    if (noted) watchers?.tell(noted);
  }

  *origin(): Task<void> {
    const { origin, traffic } = this.#cores[0]!;
    if (!origin) return;
    // Who comes while a flush is under way waits for it: what made it needed may be his.
    yield* this.#lock.acquire();
    try {
      if (this.#failure) throw refusal(this.#failure);
      if (traffic.originDirty) yield* this.#flush(origin, traffic);
    } finally {
      this.#lock.release();
    }
  }

  *#flush(origin: Device, traffic: Traffic): Task<void> {
    traffic.originDirty = false;
    try {
      yield* settle(origin.flush());
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      traffic.originFailures.add(this.#failure);
      for (const { store } of this.#cores) store.fail(this.#failure);
      throw error;
    }
  }
}
