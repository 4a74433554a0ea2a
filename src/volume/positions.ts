/**
 * Content positions: who was given a snapshot's content can ask later whether it still is that. A
 * mark beside the name says what is known:
 *
 *     w5     sent at position 5, not written since: the first write moves it
 *     n6     written since; nobody has been given position 6
 *     r...   received: the identity that it has where it comes from
 *
 * Without a mark it is at position 0 and nobody has been given it.
 *
 * Invariants
 * - A watched snapshot is written only when its new position is durable.
 * - It becomes watched between two writes: one that began before has ended.
 */
import { MultisnapError } from "../errors.ts";
import type { ViewRecord } from "../stores/store.ts";
import { Lock, type Task } from "../task.ts";
import { type Core, ORIGIN } from "./core.ts";
import {
  bytesOf,
  decodeIdentity,
  IDENTITY_BYTES,
  POSITION_LOOSE,
  type SnapshotIdentity,
} from "./identity.ts";

export class Positions {
  readonly #core: Core;
  readonly #flush: () => Task<void>;
  /** Ids of views that a write has to move first; of those that somebody has in hand. */
  readonly #watched = new Set<number>();
  readonly #lock = new Lock();

  constructor(core: Core, flush: () => Task<void>) {
    this.#core = core;
    this.#flush = flush;
  }

  /** Told of every record that a view is made of, so that no write is missed. */
  note({ id, mark }: ViewRecord): void {
    if (mark && !mark.startsWith("n")) this.#watched.add(id);
  }

  isWatched(id: number): boolean {
    return this.#watched.size > 0 && this.#watched.has(id);
  }

  /** As it is now; nobody watches it because of that. */
  identityOf(record: ViewRecord): SnapshotIdentity {
    const { id, created, mark } = record;
    const { uuid } = this.#core.store;
    if (mark?.startsWith("r")) return decodeIdentity(bytesOf(mark.slice(1), IDENTITY_BYTES));
    return { volume: uuid, id, position: mark ? Number(mark.slice(1)) : 0, created };
  }

  /** For who is given the content: a later write will be told by the position. */
  *watch(id: number): Task<SnapshotIdentity> {
    const record = this.#record(id);
    const isKnown = record.readOnly || record.mark?.startsWith("w") || record.mark?.startsWith("r");
    if (isKnown) return this.identityOf(record);
    if (!this.#canMark) return { ...this.identityOf(record), position: POSITION_LOOSE };
    yield* this.#core.between(() => this.#begin(id));
    return this.identityOf(this.#record(id));
  }

  *#begin(id: number): Task<void> {
    const record = this.#record(id);
    const { position } = this.identityOf(record);
    yield* this.#mark(id, `w${position}`);
    this.#watched.add(id);
  }

  /** Work that writes to a view: inside the write, so that nobody begins to watch between. */
  *moved<T>(id: number, work: () => Task<T>): Task<T> {
    if (this.isWatched(id)) yield* this.#move(id);
    return yield* work();
  }

  *#move(id: number): Task<void> {
    yield* this.#lock.acquire();
    try {
      if (!this.#watched.has(id)) return;
      const record = this.#record(id);
      const position = record.mark?.startsWith("w") ? this.identityOf(record).position : 0;
      yield* this.#mark(id, `n${position + 1}`);
      this.#watched.delete(id);
    } finally {
      this.#lock.release();
    }
  }

  get #canMark(): boolean {
    const { store, readOnly } = this.#core;
    return !readOnly && store.failure === null && !store.capabilities.fixed;
  }

  *#mark(id: number, mark: string): Task<void> {
    const { store } = this.#core;
    yield* store.gate(null);
    let status: number;
    while ((status = store.renameSnapshot(id, this.#record(id).name!, mark)) < 0) {
      yield* store.serve(status, null);
      yield* store.gate(null);
    }
    yield* this.#flush();
  }

  #record(id: number): ViewRecord {
    const record = id === ORIGIN ? null : this.#core.store.view(id);
    if (record) return record;
    throw new MultisnapError("NotFound", "the snapshot has been deleted");
  }
}
