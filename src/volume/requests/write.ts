/**
 * Writes to a view whose chunks live in the store: a snapshot, or an inline origin. In place where
 * no other view sees the place; else to a new place, with what the write does not cover copied into
 * it. The entry follows the data (I4).
 */
import {
  PENDING_COPY,
  PENDING_READ,
  RUN_HOLE,
  RUN_LOST,
  RUN_PRIVATE,
  RUN_SHARED,
  RUN_UNMAPPED,
} from "../../engine/status.ts";
import { isFull, MultisnapError } from "../../errors.ts";
import type { ExceptionStore, Visit } from "../../stores/store.ts";
import { settle, type Task } from "../../task.ts";
import { type Core, ORIGIN } from "../core.ts";
import { lostError } from "./lost.ts";
import { sumLeft } from "./sum-left.ts";
import { verifyAll } from "./verified.ts";

/** Chunks that one plan looks at. */
const PLAN_CHUNKS = 4096;

/** Where the old contents of a chunk are. */
interface Source {
  kind: number;
  place: number;
}

export class Writer {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  /** Writes all of `bytes` at `offset` of a view. */
  write(view: number, offset: number, bytes: Uint8Array): Task<void> {
    return this.#core.pieces(bytes.length, (done, visit) =>
      this.#some(view, offset + done, bytes, done, visit),
    );
  }

  /** Writes what one plan covers; answers bytes, 0: begin anew. */
  *#some(view: number, at: number, bytes: Uint8Array, start: number, visit: Visit): Task<number> {
    const { store, chunk, synchronous } = this.#core;
    const left = bytes.length - start;
    const first = Math.floor(at / chunk);
    const within = at - first * chunk;
    const count = Math.min(PLAN_CHUNKS, Math.ceil((within + left) / chunk));
    if (store.conflicts(first, count, view, false)) {
      yield* this.#core.conflict(visit);
      return 0;
    }
    const runs = store.lookup(view, first, count, true);
    if (runs < 0) {
      yield* store.serve(runs, visit);
      return 0;
    }
    if (store.runKind(0) === RUN_PRIVATE) {
      const length = Math.min(left, store.runCount(0) * chunk - within);
      const target = store.runPlace(0) * chunk + within;
      const later = store.device.write(bytes, start, length, target);
      if (later) yield* this.#inPlace(later, view, first, Math.ceil((within + length) / chunk));
      store.touched();
      return length;
    }
    let wanted = store.runCount(0);
    for (let i = 1; i < runs && store.runKind(i) !== RUN_PRIVATE; i++) wanted += store.runCount(i);
    if (!synchronous && store.conflicts(first, wanted, view, true)) {
      yield* this.#core.conflict(visit);
      return 0;
    }
    const got = store.allocate(wanted);
    if (got < 0) {
      yield* store.serve(got, visit);
      return 0;
    }
    const length = Math.min(left, got * chunk - within);
    const head = within > 0 ? this.#source(0) : null;
    const tail = (within + length) % chunk > 0 ? this.#source(got - 1) : null;
    // Behind the view's end there is nothing to keep.
    if (tail?.kind === RUN_LOST && at + length === store.view(view)?.size) tail.kind = RUN_HOLE;
    const piece = { view, first, count: got, place: store.allocated(), within, length, head, tail };
    return (yield* this.#remap(piece, bytes, start, visit)) ? length : 0;
  }

  /**
   * A write in place is under way. The chunks can be shared before it ends: whoever copies them
   * waits, for the copy could be of what was there before.
   */
  *#inPlace(writing: Promise<void>, view: number, first: number, count: number): Task<void> {
    const slot = this.#core.pend(first, count, view, PENDING_READ, 0);
    try {
      yield writing;
    } finally {
      this.#core.unpend(slot);
    }
  }

  /** Where the plan found the chunk `index` chunks behind its first. */
  #source(index: number): Source {
    const { store } = this.#core;
    let run = 0;
    while (index >= store.runCount(run)) index -= store.runCount(run++);
    return { kind: store.runKind(run), place: store.runPlace(run) + index };
  }

  /** Answers false where other places must be found. */
  *#remap(piece: Piece, bytes: Uint8Array, start: number, visit: Visit): Task<boolean> {
    const core = this.#core;
    const { store } = core;
    const { view, first, count, place } = piece;
    const slot = core.pend(first, count, view, PENDING_COPY, place);
    const target = { place, count, slot, named: 0 };
    try {
      yield* sumLeft(core, view, first, count, visit, false);
      if (!(yield* hasRoom(store, place, this.#put(piece, bytes, start, visit)))) {
        yield* giveBack(store, place, count, visit);
        return false;
      }
      store.touched();
      yield* mapAll(core, view, first, count, target, visit);
      return true;
    } catch (error) {
      return yield* giveUp(store, target, error, visit);
    } finally {
      core.unpend(slot);
    }
  }

  /** Fills the new places: what the write covers, and old contents around it. */
  *#put(piece: Piece, bytes: Uint8Array, start: number, visit: Visit): Task<void> {
    const { store, chunk, slotBytes } = this.#core;
    const { place, count, within, length, head, tail } = piece;
    if (!head && !tail) {
      yield* settle(store.device.write(bytes, start, length, place * chunk));
      return;
    }
    const slot = yield* this.#core.takeSlot(visit);
    try {
      if (count * chunk <= slotBytes) {
        yield* this.#putSmall(piece, bytes, start, slot, visit);
        return;
      }
      const headBytes = head ? chunk - within : 0;
      const tailBytes = tail ? (within + length) % chunk : 0;
      const middle = length - headBytes - tailBytes;
      if (head) {
        yield* this.#old(head, piece.view, piece.first, slot, visit);
        store.memory.set(bytes.subarray(start, start + headBytes), slot + within);
        yield* settle(store.device.write(store.memory, slot, chunk, place * chunk));
      }
      const target = place * chunk + within + headBytes;
      yield* settle(store.device.write(bytes, start + headBytes, middle, target));
      if (tail) {
        yield* this.#old(tail, piece.view, piece.first + count - 1, slot, visit);
        store.memory.set(bytes.subarray(start + length - tailBytes, start + length), slot);
        yield* settle(store.device.write(store.memory, slot, chunk, target + middle));
      }
    } finally {
      this.#core.giveSlot(slot);
    }
  }

  /** All of the piece goes through one slot and out in one write. */
  *#putSmall(
    piece: Piece,
    bytes: Uint8Array,
    start: number,
    slot: number,
    visit: Visit,
  ): Task<void> {
    const { store, chunk } = this.#core;
    const { place, first, count, within, length, head, tail } = piece;
    const last = slot + (count - 1) * chunk;
    if (head) yield* this.#old(head, piece.view, first, slot, visit);
    if (tail && !(head && count === 1)) {
      yield* this.#old(tail, piece.view, first + count - 1, last, visit);
    }
    store.memory.set(bytes.subarray(start, start + length), slot + within);
    yield* settle(store.device.write(store.memory, slot, count * chunk, place * chunk));
  }

  /** Reads the old contents of a chunk to `address`. */
  *#old(source: Source, view: number, at: number, address: number, visit: Visit): Task<void> {
    const core = this.#core;
    const { store, chunk } = core;
    core.counters.copies++;
    core.counters.bytesCopied += chunk;
    if (source.kind >= RUN_SHARED) {
      yield* settle(store.device.read(store.memory, address, chunk, source.place * chunk));
      yield* verifyAll(core, [{ view, at, place: source.place, count: 1 }], address, visit);
      return;
    }
    if (source.kind === RUN_LOST) {
      throw lostError(core, view, "writing a part of", at * chunk, chunk);
    }
    const under = source.kind === RUN_UNMAPPED ? (core.origin ?? core.base) : null;
    if (!under) {
      store.memory.fill(0, address, address + chunk);
      return;
    }
    const slot = core.origin ? core.pend(at, 1, view, PENDING_READ, 0) : -1;
    try {
      yield* settle(under.read(store.memory, address, chunk, at * chunk));
    } finally {
      if (slot >= 0) core.unpend(slot);
    }
  }

  /** Makes whole chunks of a view read as zeros. */
  *punch(view: number, first: number, count: number): Task<void> {
    const core = this.#core;
    const visit = core.store.enter();
    try {
      while (count > 0) {
        yield* core.store.gate(visit);
        const part = Math.min(count, 2 ** 20);
        if (core.store.conflicts(first, part, view, false)) {
          yield* core.conflict(visit);
          continue;
        }
        const slot = core.pend(first, part, view, PENDING_COPY, 0);
        try {
          yield* sumLeft(core, view, first, part, visit, true);
          yield* mapAll(core, view, first, part, null, visit);
        } finally {
          core.unpend(slot);
        }
        first += part;
        count -= part;
      }
    } finally {
      core.store.leave(visit);
    }
  }
}

/**
 * Chunks `first` .. of a view that go to `place` ..; the bytes begin `within` the first of them.
 */
interface Piece {
  view: number;
  first: number;
  count: number;
  place: number;
  within: number;
  length: number;
  /** Old contents for a first or last chunk that is covered in part. */
  head: Source | null;
  tail: Source | null;
}

/**
 * Writes data to new places; answers false where the device has no room for them, but perhaps for
 * others.
 */
export function* hasRoom(store: ExceptionStore, place: number, write: Task<void>): Task<boolean> {
  try {
    yield* write;
    return true;
  } catch (error) {
    if (isFull(error) && store.refused(place)) return false;
    throw error;
  }
}

/** Gives places back that no entry names: a write to them failed. */
export function* giveBack(
  store: ExceptionStore,
  place: number,
  count: number,
  visit: Visit | null,
): Task<void> {
  let status: number;
  while ((status = store.giveBack(place, count)) < 0) yield* store.serve(status, visit);
}

/** Places that a copy in flight has taken, and its slot in the table. */
export interface Target {
  readonly place: number;
  readonly count: number;
  readonly slot: number;
  /** So many of the places, from the first on, are named by entries. */
  named: number;
}

export function setNamed(store: ExceptionStore, target: Target, count: number): void {
  target.named = count;
  store.pendingNamed(target.slot, count);
}

/**
 * Ends a copy with the error that it met: places that no entry names yet are given back. Nothing is
 * changed any more after a trap of the engine (no error of ours), or once the store has failed.
 */
export function* giveUp(
  store: ExceptionStore,
  { place, count, named }: Target,
  error: unknown,
  visit: Visit | null,
): Task<never> {
  if (error instanceof MultisnapError && !store.failure && named < count) {
    yield* giveBack(store, place + named, count - named, visit);
  }
  throw error;
}

/** Enters chunks into the tree, as many steps as it takes. Without a target they become a hole. */
export function* mapAll(
  core: Core,
  view: number,
  first: number,
  count: number,
  target: Target | null,
  visit: Visit,
): Task<void> {
  const { store } = core;
  const place = target?.place ?? 0;
  let done = 0;
  while (done < count) {
    yield* store.gate(visit);
    const step = store.map(view, first + done, count - done, place + done, target === null);
    if (step < 0) {
      yield* store.serve(step, visit);
      continue;
    }
    done += step;
    // Not before: a flush that passes a step that waits would settle what it does not have.
    if (core.origin && view !== ORIGIN) core.changes++;
    if (target) setNamed(store, target, done);
  }
}

/** Enters a chunk whose data is written, after the engine asked for something first. */
export function* finishMap(
  core: Core,
  guard: (work: Task<void>) => Task<void>,
  view: number,
  chunk: number,
  place: number,
): Task<void> {
  const visit: Visit = core.store.enter();
  const slot = core.pend(chunk, 1, view, PENDING_COPY, place);
  const target = { place, count: 1, slot, named: 0 };
  try {
    yield* guard(mapAll(core, view, chunk, 1, target, visit));
  } catch (error) {
    yield* giveUp(core.store, target, error, visit);
  } finally {
    core.unpend(slot);
    core.store.leave(visit);
  }
}
