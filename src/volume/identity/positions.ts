/**
 * Content positions: who was given a snapshot's content can ask later whether it still is that.
 * `content` among its marks says what is known:
 *
 *     w5     sent at position 5, not written since: the first write moves it
 *     n6     written since; nobody has been given position 6
 *     r...   received: the identity that it has where it comes from
 *     h...   hidden: the name that it gets, where that has no room in the one that it has
 *
 * Without one it is at position 0 and nobody has been given it.
 *
 * Invariants
 * - A watched snapshot is written only when its new position is durable.
 * - It becomes watched between two writes: one that began before has ended.
 */
import { MultisnapError } from "../../errors.ts";
import type { ViewRecord } from "../../stores/store.ts";
import type { Task } from "../../task.ts";
import { type Core, ORIGIN } from "../core.ts";
import { formatMarks } from "../life/marking.ts";
import { parseMarks } from "../life/marks.ts";
import type { Given } from "./given.ts";
import {
  bytesOf,
  decodeIdentity,
  encodeIdentity,
  IDENTITY_BYTES,
  isLoose,
  LOOSE_POSITIONS,
  POSITION_LOOSE,
  type SnapshotIdentity,
  textOf,
} from "./identity.ts";

/** As it is now; nobody watches it because of that. */
export function identityOf(uuid: string, { id, created, marks }: ViewRecord): SnapshotIdentity {
  const { content } = parseMarks(marks);
  if (content?.startsWith("r")) return decodeIdentity(bytesOf(content.slice(1), IDENTITY_BYTES));
  return { volume: uuid, id, position: content ? Number(content.slice(1)) : 0, created };
}

/** The marks of a snapshot that was received: what it is where it comes from. */
export function receivedMarks(marks: string, identity: SnapshotIdentity): string {
  // Nobody will ever recognise one that is loose: from now on it is one of this volume.
  const content = isLoose(identity) ? null : `r${textOf(encodeIdentity(identity))}`;
  return formatMarks({ ...parseMarks(marks), content });
}

/** The marks of a hidden view that waits for its name. */
export function waitingMarks(marks: string, name: string): string {
  const content = `h${textOf(new TextEncoder().encode(name))}`;
  return formatMarks({ ...parseMarks(marks), content });
}

export function waitingName(marks: string): string {
  const text = parseMarks(marks).content?.slice(1) ?? "";
  return new TextDecoder().decode(bytesOf(text, Math.floor((text.length * 3) / 4)));
}

export class Positions {
  readonly #core: Core;
  readonly #given: Given;
  readonly #flush: () => Task<void>;

  /** `core`: of the snapshots' store. `flush`: makes everything durable. */
  constructor(core: Core, given: Given, flush: () => Task<void>) {
    this.#core = core;
    this.#given = given;
    this.#flush = flush;
  }

  /** For who is given the content: a later write will be told by the position. */
  *watch(id: number): Task<SnapshotIdentity> {
    const record = this.#record(id);
    const { content } = parseMarks(record.marks);
    const isKnown = record.readOnly || (content !== null && !content.startsWith("n"));
    if (isKnown) return this.#identityOf(record);
    if (!this.#canNote) return yield* this.#watchLoosely(record);
    yield* this.#core.between(() => this.#begin(id));
    return this.#identityOf(this.#record(id));
  }

  /** As long as the volume is open. */
  *#watchLoosely(record: ViewRecord): Task<SnapshotIdentity> {
    const { moves } = this.#given;
    yield* this.#core.between(() => this.#addLoosely(record.id), true);
    const position = POSITION_LOOSE + ((moves.get(record.id) ?? 0) % LOOSE_POSITIONS);
    return { ...this.#identityOf(record), position };
  }

  // biome-ignore lint/correctness/useYield: between two writes there is nothing to wait for
  *#addLoosely(id: number): Task<void> {
    this.#given.watched.add(id);
  }

  /** While it is read-only nothing is noted: whether somebody has been given it is not known. */
  *expose(id: number): Task<void> {
    const { content } = parseMarks(this.#record(id).marks);
    if (!content || content.startsWith("n")) yield* this.#core.between(() => this.#begin(id));
  }

  *#begin(id: number): Task<void> {
    const record = this.#record(id);
    const { position } = this.#identityOf(record);
    yield* this.#note(id, `w${position}`);
    this.#given.watched.add(id);
  }

  /** A write to it comes: durable when it ends. */
  *move(id: number): Task<void> {
    yield* this.#given.lock.acquire();
    try {
      if (!this.#given.watched.has(id)) return;
      if (!this.#canNote) return this.#moveLoosely(id);
      const record = this.#record(id);
      const wasSent = parseMarks(record.marks).content?.startsWith("w");
      const position = wasSent ? this.#identityOf(record).position : 0;
      yield* this.#note(id, `n${position + 1}`);
      this.#given.watched.delete(id);
    } finally {
      this.#given.lock.release();
    }
  }

  #moveLoosely(id: number): void {
    const { watched, moves } = this.#given;
    moves.set(id, (moves.get(id) ?? 0) + 1);
    watched.delete(id);
  }

  get #canNote(): boolean {
    const { store, readOnly } = this.#core;
    return !readOnly && store.failure === null && !store.capabilities.fixed;
  }

  *#note(id: number, content: string): Task<void> {
    const { store } = this.#core;
    const noted = () => formatMarks({ ...parseMarks(this.#record(id).marks), content });
    yield* this.#core.change(() => store.setMarks(id, noted()));
    yield* this.#flush();
  }

  #identityOf(record: ViewRecord): SnapshotIdentity {
    return identityOf(this.#core.store.uuid, record);
  }

  #record(id: number): ViewRecord {
    const record = id === ORIGIN ? null : this.#core.store.view(id);
    if (record) return record;
    throw new MultisnapError("NotFound", "the snapshot has been deleted");
  }
}
