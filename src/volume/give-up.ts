/**
 * Origin writes that go on whatever becomes of the snapshots (2009's default, `preserve-on-error`
 * not given). Where the store has no room for what must be copied out, all snapshots are deleted;
 * where it has failed, the origin goes on without it.
 *
 * Invariant: before the first write that nothing was copied out for, the store shows no snapshot
 * any more, durably; where that could not be written, the state says so.
 */
import { MultisnapError } from "../errors.ts";
import { refusal } from "../stores/failure.ts";
import { GivenUpStore } from "../stores/given-up.ts";
import { abandonStore, type Setup } from "../stores/kinds.ts";
import type { ExceptionStore } from "../stores/store.ts";
import type { Task } from "../task.ts";
import { type Core, ORIGIN } from "./core.ts";
import type { GivenUp } from "./types.ts";

/** Linux's numbers, as the kernel printed them. */
const EIO = 5;
const ENOSPC = 28;
/** What a store's trouble looks like to a writer; `ReadOnly` once it has failed. */
const TROUBLES = ["NoSpace", "Io", "Corrupt", "Internal", "ReadOnly"];

/** What the volume does for it, between two writes. */
export interface Hands {
  /** Reclaims what was deleted; answers whether there was anything. */
  makeRoom(): Task<boolean>;
  /** Deletes snapshots, durably. */
  delete(ids: number[]): Task<void>;
}

export class GiveUp {
  readonly #core: Core;
  readonly #setup: Setup;
  readonly #hands: Hands;
  #state: GivenUp | null = null;
  #errno = 0;

  constructor(core: Core, setup: Setup, hands: Hands) {
    this.#core = core;
    this.#setup = setup;
    this.#hands = hands;
  }

  get state(): GivenUp | null {
    return this.#state && { ...this.#state };
  }

  /** What is wrong as long as the origin goes on without its store, or null. */
  get error(): string | null {
    return this.#core.store instanceof GivenUpStore ? this.#state!.reason : null;
  }

  /** The status line with the error that the snapshots were given up for, in its second field. */
  dmStatus(line: string): string {
    return this.#state ? line.replace(/^(\d+) -?\d+/, `$1 ${-this.#errno}`) : line;
  }

  /** As the core's, but that a store has failed is no reason: only the origin is. */
  assertWritable(): void {
    this.#core.assertTakesWrites();
    const { failure } = this.#core.store;
    if (failure && this.#isOrigins(failure)) throw refusal(failure);
  }

  /** Runs a write to the origin, and again once the snapshots are out of its way. */
  *insist(write: () => Task<void>): Task<void> {
    for (;;) {
      const { store } = this.#core;
      let trouble: unknown = store.failure;
      if (!trouble) {
        try {
          yield* write();
          return;
        } catch (error) {
          trouble = error;
        }
      }
      if (!this.#isStores(trouble, store)) throw trouble;
      yield* this.#core.between(() => this.#clear(store, trouble), true);
    }
  }

  #isOrigins(error: unknown): boolean {
    return this.#core.traffic.originFailures.has(error as object);
  }

  #isStores(trouble: unknown, store: ExceptionStore): boolean {
    if (!(trouble instanceof MultisnapError) || !TROUBLES.includes(trouble.code)) return false;
    const { failure } = this.#core.store;
    if (this.#isOrigins(trouble) || (failure && this.#isOrigins(failure))) return false;
    return !(store instanceof GivenUpStore);
  }

  /** Between two writes. Others that `store` was in the way of may have been here before. */
  *#clear(store: ExceptionStore, trouble: unknown): Task<void> {
    if (this.#core.store !== store) return;
    const ids = store
      .views()
      .map(({ id }) => id)
      .filter((id) => id !== ORIGIN);
    const cause = store.failure ?? (trouble as Error);
    const isFull = cause instanceof MultisnapError && cause.code === "NoSpace";
    if (!store.failure && isFull && (yield* this.#hands.makeRoom())) return;
    this.#errno = isFull ? ENOSPC : EIO;
    if (!store.failure && ids.length > 0) {
      try {
        yield* this.#hands.delete(ids);
        this.#state = { reason: cause.message, snapshots: ids.length };
        return;
      } catch {
        // Then without it; the first reason stands.
      }
    }
    yield* this.#leave(store, cause, ids.length);
  }

  /** Nobody uses the store any more, and what is on its device shows no snapshot, if it can be. */
  *#leave(store: ExceptionStore, cause: Error, snapshots: number): Task<void> {
    store.fail(cause);
    this.#core.store = new GivenUpStore(store, cause.message);
    this.#state = { reason: cause.message, snapshots };
    try {
      yield* abandonStore(store, this.#setup);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const unmarked = `${store.device.name} could not be told so (${why})`;
      const then = "its snapshots are wrong from now on: make a new store";
      this.#state = { reason: `${cause.message}; ${unmarked}, and ${then}`, snapshots };
    }
  }
}
