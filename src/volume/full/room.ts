/**
 * What becomes of a request that finds the store full (I8). What is deleted already is reclaimed;
 * then, where the user named victims, one after the other is deleted, until the request fits.
 *
 * Invariants
 * - Between two writes: what one request made room for is not taken by another.
 * - Before every deletion the request has been tried and found the store full, so no more go than
 *   it needs; each deletion is durable before anything is written to what it frees.
 * - Each turn reclaims something or deletes a snapshot, so it ends.
 */
import { isFull, MultisnapError } from "../../errors.ts";
import { isHidden } from "../../stores/hidden.ts";
import type { ViewRecord } from "../../stores/store.ts";
import type { Task } from "../../task.ts";
import { type Core, ORIGIN } from "../core.ts";
import type { Holds } from "../holds.ts";
import { isHeld } from "../life/marks.ts";
import { seldom } from "../part.ts";
import type { Reclaimer } from "../reclaim.ts";
import type { Pruned } from "../types.ts";
import type { GiveUp } from "./give-up.ts";
import type { Pattern } from "./victims.ts";

/** Of those that were pruned: the last ones, which `status` names. */
const NAMED_MAX = 8;

export interface RoomOptions {
  patterns: readonly Pattern[];
  holds: Holds;
  reclaimer: Reclaimer;
  /** Deletes snapshots, durably, between two writes. */
  delete: (ids: number[]) => Task<void>;
  /** Where all snapshots are given up for an origin that is in the store. */
  giveUp: GiveUp | null;
}

export class Room {
  readonly #core: Core;
  readonly #options: RoomOptions;
  #state: Pruned | null = null;

  constructor(core: Core, options: RoomOptions) {
    this.#core = core;
    this.#options = options;
  }

  /** Whether snapshots may be deleted to make room. */
  get prunes(): boolean {
    return this.#options.patterns.length > 0;
  }

  get state(): Pruned | null {
    return this.#state && { ...this.#state, last: [...this.#state.last] };
  }

  /** Runs a request that changes `view`; where that finds the store full, again once it fits. */
  writing<T>(view: number, work: () => Task<T>): Task<T> {
    return this.#fitting(view, work, this.#core.writing(work()));
  }

  /** The same for work between two writes. */
  between<T>(view: number, work: () => Task<T>): Task<T> {
    return this.#fitting(view, work, this.#core.between(work));
  }

  *#fitting<T>(view: number, again: () => Task<T>, first: Task<T>): Task<T> {
    const { slices } = this.#options.reclaimer;
    try {
      return yield* first;
    } catch (error) {
      if (!this.#isFull(error) || !this.#mayHelp(slices, view)) throw error;
    }
    return yield* this.#core.between(() => this.#fit(view, again));
  }

  #isFull(error: unknown): boolean {
    return isFull(error) && !this.#core.traffic.originFailures.has(error as object);
  }

  /** `slices`: of reclaim, when the request began. */
  #mayHelp(slices: number, view: number): boolean {
    const { patterns, reclaimer } = this.#options;
    const { store } = this.#core;
    if (store.capabilities.fixed || store.failure) return false;
    if (patterns.length > 0 || this.#gives(view) !== null) return true;
    return reclaimer.slices !== slices || reclaimer.isBehind;
  }

  *#fit<T>(view: number, again: () => Task<T>): Task<T> {
    const { reclaimer } = this.#options;
    try {
      for (;;) {
        try {
          return yield* again();
        } catch (error) {
          if (!this.#isFull(error)) throw error;
          if (!(yield* reclaimer.forRoom())) yield* this.#prune(error as MultisnapError, view);
        }
      }
    } finally {
      if (reclaimer.isBehind) reclaimer.start();
    }
  }

  /** Deletes one victim; without one all snapshots, or none at all: then the request has failed. */
  *#prune(error: MultisnapError, view: number): Task<void> {
    const { patterns, holds } = this.#options;
    const { missing } = this.#core;
    let failure = error;
    if (patterns.length > 0) {
      const { chooseVictim } = yield* seldom.get();
      const snapshots = this.#core.store.views().filter(({ name }) => !isHidden(name));
      const held = snapshots.filter(isHeld);
      const kept = new Set([view, ...held.map(({ id }) => id)]);
      const isInUse = (id: number) => kept.has(id) || holds.has(id) || missing?.needs(id) === true;
      const { victim, priority, inUse } = chooseVictim(patterns, snapshots, isInUse);
      if (victim !== null) {
        yield* this.#options.delete([victim.id]);
        this.#note(victim, priority, error.message);
        return;
      }
      failure = withoutVictims(error, inUse);
    }
    if (!(yield* this.#giveAll(failure, view))) throw failure;
  }

  #note({ name, created }: ViewRecord, priority: number, reason: string): void {
    const { counters } = this.#core;
    const pruned = { name: name!, created, priority, time: this.#core.env.now() };
    const last = [...(this.#state?.last ?? []), pruned].slice(-NAMED_MAX);
    this.#state = { snapshots: ++counters.pruned, reason, last };
  }

  /** An attached origin's writes go on in another way: see `GiveUp.insist`. */
  #gives(view: number): GiveUp | null {
    return view === ORIGIN && this.#core.origin === null ? this.#options.giveUp : null;
  }

  *#giveAll(error: MultisnapError, view: number): Task<boolean> {
    const giveUp = this.#gives(view);
    return giveUp !== null && (yield* giveUp.deleteAll(error));
  }
}

function withoutVictims(cause: MultisnapError, inUse: number): MultisnapError {
  const used = inUse === 1 ? "1 victim is in use" : `${inUse} victims are in use`;
  const why = inUse === 0 ? "no victim is left" : `${used}, and no other is left`;
  return new MultisnapError("NoSpace", `${cause.message}; ${why}`, { cause });
}
