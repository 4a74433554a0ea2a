/**
 * Hidden views: snapshots in the making, which nobody sees under any name until all of them get
 * theirs at once. They are read-only to everybody but who makes them.
 *
 * Invariants
 * - What is published is durable before its names are.
 * - Names are given in one record of the journal: all of them or none.
 */
import { MultisnapError } from "../errors.ts";
import { HIDDEN_SIGN, isHidden, isOfRollback } from "../stores/hidden.ts";
import type { ViewRecord } from "../stores/store.ts";
import type { Task } from "../task.ts";
import { type Core, ORIGIN } from "./core.ts";
import { encodeIdentity, type SnapshotIdentity, textOf } from "./identity.ts";
import type { Watchers } from "./watchers.ts";

/** Operations with the longest names: a journal record has 256 KiB. */
export const PUBLISHED_MAX = 500;

export interface Published {
  id: number;
  name: string;
  identity: SnapshotIdentity;
}

/** What the volume does for it. */
export interface StageHands {
  watchers: Watchers;
  flush(): Task<void>;
  /** A read-only snapshot; `created` in milliseconds since 1970. */
  create(source: number, name: string, created: number): Task<number>;
  delete(ids: number[]): Task<void>;
}

export class Stages {
  readonly #core: Core;
  readonly #hands: StageHands;

  constructor(core: Core, hands: StageHands) {
    this.#core = core;
    this.#hands = hands;
  }

  /** Hidden views, with the names that they were given here. */
  all(): ViewRecord[] {
    const views = this.#core.store.views();
    return views.filter(({ id, name }) => id !== ORIGIN && isHidden(name) && !isOfRollback(name));
  }

  /** A hidden view with what `source` has now; its id. */
  open(source: number, name: string, created: number): Task<number> {
    return this.#hands.create(source, hiddenName(name), created);
  }

  /** Gives a hidden view another name, durable together with all that was written before. */
  *note(id: number, name: string): Task<void> {
    yield* this.#hands.flush();
    yield* this.#rename(id, hiddenName(name), null);
    yield* this.#hands.flush();
  }

  *drop(ids: number[]): Task<void> {
    if (ids.length > 0) yield* this.#hands.delete(ids);
  }

  /** Errors: `Exists` (a name is taken), `NotFound` (one was deleted): none is published. */
  *publish(views: readonly Published[]): Task<void> {
    yield* this.#core.between(() => this.#publishAll(views));
  }

  *#publishAll(views: readonly Published[]): Task<void> {
    const { store } = this.#core;
    if (views.length > PUBLISHED_MAX) {
      const found = `${views.length} snapshots at once, at most ${PUBLISHED_MAX}`;
      throw new MultisnapError("Invalid", `${found}: send them in parts`);
    }
    const names = new Set<string>();
    for (const { id, name } of views) {
      if (!isHidden(store.view(id)?.name ?? null)) {
        throw new MultisnapError("NotFound", "a half received snapshot has been deleted");
      }
      if (store.named(name) || names.has(name)) {
        const called = `a snapshot is called ${JSON.stringify(name)} already`;
        throw new MultisnapError("Exists", `${called}: rename it, or receive under another name`);
      }
      names.add(name);
    }
    // The record that they go into is empty, and what an operation needs is there: none waits.
    yield* this.#hands.flush();
    for (const { id } of views.slice(0, 1)) yield* this.#rename(id, store.view(id)!.name!, null);
    for (const { id, name, identity } of views) {
      yield* this.#rename(id, name, `r${textOf(encodeIdentity(identity))}`);
      this.#hands.watchers.made(id, name);
    }
    yield* this.#hands.flush();
  }

  *#rename(id: number, name: string, mark: string | null): Task<void> {
    const { store } = this.#core;
    yield* store.gate(null);
    let status: number;
    while ((status = store.renameSnapshot(id, name, mark)) < 0) {
      yield* store.serve(status, null);
      yield* store.gate(null);
    }
  }
}

function hiddenName(name: string): string {
  return HIDDEN_SIGN + name;
}
