/**
 * Origin writes that go on whatever becomes of the snapshots (2009's default, `preserve-on-error`
 * not given). Where the store has no room for what must be copied out, all snapshots are deleted;
 * where it has failed, an attached origin goes on without it.
 *
 * Invariant: before the first write that nothing was copied out for, the store shows no snapshot
 * any more, durably; where that could not be written, the state says so.
 */
import { MultisnapError } from "../../errors.ts";
import { refusal } from "../../stores/failure.ts";
import { GivenUpStore } from "../../stores/given-up.ts";
import { abandonStore, type Setup } from "../../stores/kinds.ts";
import type { ExceptionStore, ViewRecord } from "../../stores/store.ts";
import type { Task } from "../../task.ts";
import { type Core, ORIGIN } from "../core.ts";
import { isHeld } from "../life/marks.ts";
import type { GivenUp } from "../types.ts";
import type { Pattern } from "./victims.ts";

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

/** What happens when the store is full (I8). */
export interface WhenFull {
  /** Given where all snapshots may be given up for the origin. */
  setup: Setup | null;
  /** As a user writes them; null: none. */
  victims: string | null;
  patterns: readonly Pattern[];
}

export class GiveUp {
  /** Of all stores that are attached to the origin; the volume's own first. */
  readonly #cores: readonly Core[];
  readonly #setup: Setup;
  readonly #hands: Hands;
  /** Failures of stores that were left behind. */
  readonly #left = new WeakSet<object>();
  #state: GivenUp | null = null;
  #errno = 0;

  constructor(cores: readonly Core[], setup: Setup, hands: Hands) {
    this.#cores = cores;
    this.#setup = setup;
    this.#hands = hands;
  }

  get state(): GivenUp | null {
    return this.#state && { ...this.#state };
  }

  /** What is wrong as long as the origin goes on without a store, or null. */
  get error(): string | null {
    for (const { store } of this.#cores) {
      // Without a state: its device is still being told.
      if (store instanceof GivenUpStore) return this.#state?.reason ?? store.reason;
    }
    return null;
  }

  /** The status line with the error that the snapshots were given up for, in its second field. */
  dmStatus(line: string): string {
    return this.#state ? line.replace(/^(\d+) -?\d+/, `$1 ${-this.#errno}`) : line;
  }

  /** As the core's, but that a store has failed is no reason: only an attached origin is. */
  assertWritable(): void {
    const [own] = this.#cores;
    own!.assertTakesWrites();
    const { failure } = own!.store;
    if (failure && (this.#isOrigins(failure) || this.#isNeeded)) throw refusal(failure);
  }

  /** Runs a write to an attached origin, and again once the snapshots are out of its way. */
  *insist(write: () => Task<void>): Task<void> {
    const own = this.#cores[0]!;
    for (;;) {
      const { store } = own;
      let trouble: unknown = this.#failed()?.store.failure;
      if (!trouble) {
        try {
          yield* write();
          return;
        } catch (error) {
          trouble = error;
        }
      }
      const isTrouble = trouble instanceof MultisnapError && TROUBLES.includes(trouble.code);
      if (!isTrouble || this.#isOrigins(trouble) || this.#isNeeded) throw trouble;
      yield* own.traffic.between(() => this.#clear(store, trouble as MultisnapError));
    }
  }

  /** The origin itself is not whole without its store. */
  get #isNeeded(): boolean {
    const own = this.#cores[0]!;
    return own.merging || own.missing !== null;
  }

  /** One whose store has failed, and not because its origin has. */
  #failed(): Core | undefined {
    return this.#cores.find(({ store: { failure } }) => failure && !this.#isOrigins(failure));
  }

  #isOrigins(error: unknown): boolean {
    return this.#cores[0]!.traffic.originFailures.has(error as object);
  }

  /** Between two writes. `store`: the volume's own when the write met its trouble. */
  *#clear(store: ExceptionStore, trouble: MultisnapError): Task<void> {
    const own = this.#cores[0]!;
    const failed = this.#failed();
    if (failed) {
      this.#errno = EIO;
      yield* this.#leave(failed, failed.store.failure!, failed.store.views());
      return;
    }
    // Others that it was in the way of have been here before.
    if (own.store !== store || this.#left.has(trouble)) return;
    const { failure } = own.store;
    if (failure || store instanceof GivenUpStore || store.capabilities.fixed) throw trouble;
    const isFull = trouble.code === "NoSpace";
    if (isFull && (yield* this.#hands.makeRoom())) return;
    const views = store.views();
    // What is held stays as long as its store is sound: then the write fails, as by default.
    if (views.some(isHeld)) throw trouble;
    try {
      if (yield* this.deleteAll(trouble)) return;
    } catch {
      // Then without the store; the first reason stands.
    }
    yield* this.#leave(own, trouble, views);
  }

  /** Between two writes: gives all snapshots of a sound store up. False: none, or one is held. */
  *deleteAll(trouble: MultisnapError): Task<boolean> {
    const views = this.#cores[0]!.store.views();
    const ids = snapshotsAmong(views);
    if (ids.length === 0 || views.some(isHeld)) return false;
    this.#errno = trouble.code === "NoSpace" ? ENOSPC : EIO;
    yield* this.#hands.delete(ids);
    this.#add(trouble.message, ids.length);
    return true;
  }

  /**
   * Nobody uses the store any more, and what is on its device shows no snapshot, if it can be.
   * `views`: those that it had before anything of that was tried.
   */
  *#leave(core: Core, cause: Error, views: ViewRecord[]): Task<void> {
    const { store } = core;
    store.fail(cause);
    this.#left.add(store.failure!);
    core.leaveStore(new GivenUpStore(store, views, cause.message));
    let reason = cause.message;
    try {
      yield* abandonStore(store, this.#setup);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const unmarked = `${store.device.name} could not be told so (${why})`;
      reason += `; ${unmarked}, and its snapshots are wrong from now on: make a new store`;
    }
    this.#add(reason, snapshotsAmong(views).length);
  }

  #add(reason: string, snapshots: number): void {
    this.#state = { reason, snapshots: snapshots + (this.#state?.snapshots ?? 0) };
  }
}

function snapshotsAmong(views: readonly ViewRecord[]): number[] {
  return views.map(({ id }) => id).filter((id) => id !== ORIGIN);
}
