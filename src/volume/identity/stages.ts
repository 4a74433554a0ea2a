/**
 * Hidden views: snapshots in the making, which nobody sees under any name until all of them get
 * theirs at once. They are read-only to everybody but who makes them.
 *
 * Invariants
 * - What is published is durable before its names are.
 * - Names are given in one record of the journal: all of them or none.
 */
import { MultisnapError } from "../../errors.ts";
import { HIDDEN_SIGN, isHidden, isOfRollback } from "../../stores/hidden.ts";
import type { ViewRecord } from "../../stores/store.ts";
import { isTaken } from "../../stores/taken.ts";
import type { Task } from "../../task.ts";
import type { Core } from "../core.ts";
import type { DiskVolume } from "../volume.ts";
import type { SnapshotIdentity } from "./identity.ts";
import { receivedMarks, waitingMarks } from "./positions.ts";

/** Operations with the longest names: a journal record has 256 KiB. */
export const PUBLISHED_MAX = 500;

export interface Published {
  id: number;
  name: string;
  identity: SnapshotIdentity;
}

export class Stages {
  readonly #volume: DiskVolume;
  readonly #core: Core;

  constructor(volume: DiskVolume) {
    this.#volume = volume;
    this.#core = volume.core;
  }

  /** Hidden views, with the names that they were given here. */
  all(): ViewRecord[] {
    return this.#core.store.hiddenViews().filter(({ name }) => !isOfRollback(name));
  }

  /** A hidden view with what `source` has now; its id. */
  open(source: number, name: string, created: number): Task<number> {
    const { timeline } = this.#volume;
    return timeline.snapshot(source, hiddenName(name), true, () => {}, created);
  }

  /**
   * Gives a hidden view another name, durable together with all that was written before. `waits`:
   * for a name that is kept in its marks.
   */
  *note(id: number, name: string, waits?: string): Task<void> {
    const { store } = this.#core;
    yield* this.#volume.flushed();
    if (waits !== undefined) {
      const marked = () => store.setMarks(id, waitingMarks(store.view(id)!.marks, waits));
      yield* this.#core.change(marked);
    }
    yield* this.#core.change(() => this.#core.store.renameSnapshot(id, hiddenName(name)));
    yield* this.#volume.flushed();
  }

  *drop(ids: number[]): Task<void> {
    if (ids.length === 0) return;
    yield* this.#volume.timeline.delete(ids);
    this.#volume.reclaimer.start();
  }

  /** At least one. Errors: `Exists` (a name is taken), `NotFound` (one was deleted): none is. */
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
      if (store.named(name) || names.has(name)) throw isTakenHere(name);
      names.add(name);
    }
    // The store says that it has marks, the record that they go into is empty, and what an
    // operation needs is there: none waits.
    const first = views[0]!.id;
    yield* this.#core.change(() => store.setMarks(first, store.view(first)!.marks));
    yield* this.#volume.flushed();
    yield* this.#core.change(() => store.renameSnapshot(first, store.view(first)!.name!));
    for (const { id, name, identity } of views) {
      const marks = receivedMarks(store.view(id)!.marks, identity);
      yield* this.#core.change(() => store.renameSnapshot(id, name));
      yield* this.#core.change(() => store.setMarks(id, marks));
      this.#core.traffic.watchers?.made(id, name);
    }
    yield* this.#volume.flushed();
  }
}

export function isTakenHere(name: string): MultisnapError {
  return isTaken(name, "rename it, or receive under another name");
}

function hiddenName(name: string): string {
  return HIDDEN_SIGN + name;
}
