/**
 * Snapshots that can be written and whose content somebody was given (see positions.ts): those that
 * somebody here has in hand. The first write to one moves its content position before.
 */
import type { ViewRecord } from "../../stores/store.ts";
import { Lock, type Task } from "../../task.ts";
import type { Core } from "../core.ts";
import { parseMarks } from "../life/marks.ts";
import { seldom } from "../part.ts";
import type { SnapshotIdentity } from "./identity.ts";
import type { Positions } from "./positions.ts";

export class Given {
  /** Ids of views that a write has to move first. */
  readonly watched = new Set<number>();
  /** How often each was moved whose store notes nothing. */
  readonly moves = new Map<number, number>();
  /** Of several first writes one moves. */
  readonly lock = new Lock();
  readonly #flush: () => Task<void>;

  /** `flush`: makes everything durable. */
  constructor(flush: () => Task<void>) {
    this.#flush = flush;
  }

  /** Told of every record that a view is made of, so that no write is missed. */
  note({ id, marks }: ViewRecord): void {
    const { content } = parseMarks(marks);
    if (content && !content.startsWith("n")) this.watched.add(id);
  }

  has(id: number): boolean {
    return this.watched.size > 0 && this.watched.has(id);
  }

  /** Work that writes to a view: inside the write, so that nobody begins to watch between. */
  *moved<T>(core: Core, id: number, work: () => Task<T>): Task<T> {
    if (this.has(id)) yield* (yield* this.#positions(core)).move(id);
    return yield* work();
  }

  /** For who is given the content: a later write will be told by the position. */
  *watch(core: Core, id: number): Task<SnapshotIdentity> {
    return yield* (yield* this.#positions(core)).watch(id);
  }

  /** A read-only snapshot is about to be none: who was given it must be able to know of a write. */
  *expose(core: Core, id: number): Task<void> {
    yield* (yield* this.#positions(core)).expose(id);
  }

  *#positions(core: Core): Task<Positions> {
    const { Positions } = yield* seldom.get();
    return new Positions(core, this, this.#flush);
  }
}
