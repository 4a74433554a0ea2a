/**
 * What all requests of a volume share: its store and devices, copy slots, the bounded queue, the
 * barrier that a snapshot is taken behind, and who waits for whom.
 *
 * Invariants: at most `queueDepth` requests are in flight; a snapshot is taken when no write is (so
 * it is a point between two writes); I7: who waited begins anew.
 */
import type { Device } from "../devices/device.ts";
import type { Env } from "../env.ts";
import { MultisnapError } from "../errors.ts";
import { refusal } from "../stores/log.ts";
import type { ExceptionStore, Visit } from "../stores/store.ts";
import { Signal, type Task } from "../task.ts";
import type { Counters } from "./types.ts";

export const ORIGIN = 1;
/** Requests in flight, at most; and entries in the table of pending copies that each may have. */
export const QUEUE_MAX = 256;
export const PENDS_MAX = 16;

export interface CoreOptions {
  store: ExceptionStore;
  origin: Device | null;
  base: Device | null;
  readOnly: boolean;
  copySlots: number;
  slotBytes: number;
  queueDepth: number;
  env: Env;
}

export class Core {
  readonly store: ExceptionStore;
  /** Attached origin. */
  readonly origin: Device | null;
  readonly base: Device | null;
  readonly readOnly: boolean;
  readonly env: Env;
  /** Bytes. */
  readonly chunk: number;
  /** All devices answer at once. */
  readonly synchronous: boolean;
  readonly copySlots: number;
  readonly slotBytes: number;
  closed = false;
  /** The attached origin has bytes that no flush has reached. */
  originDirty = false;
  /**
   * Counts changes of snapshots (writes, deletes); those up to `settled` are durable. An attached
   * origin is overwritten only when all are (I5).
   */
  changes = 0;
  settled = 0;
  readonly counters: Counters = {
    reads: 0,
    writes: 0,
    bytesRead: 0,
    bytesWritten: 0,
    copies: 0,
    bytesCopied: 0,
    commits: 0,
    checkpoints: 0,
    flushes: 0,
    waits: 0,
  };
  readonly #queueDepth: number;
  #inFlight = 0;
  #active = 0;
  readonly #room: (() => void)[] = [];
  #writers = 0;
  #barrier = false;
  readonly #moved = new Signal();
  readonly #freeSlots: number[];

  constructor(options: CoreOptions) {
    this.store = options.store;
    this.origin = options.origin;
    this.base = options.base;
    this.readOnly = options.readOnly;
    this.env = options.env;
    this.chunk = 2 ** options.store.chunkShift;
    this.synchronous = [options.store.device, options.origin, options.base].every(
      (device) => device === null || device.synchronous,
    );
    this.copySlots = options.copySlots;
    this.slotBytes = options.slotBytes;
    this.#queueDepth = options.queueDepth;
    this.#freeSlots = Array.from({ length: options.copySlots }, (_, i) => i);
  }

  /** Whether a request can run to its end at once: nothing is in its way and nothing can come. */
  get quiet(): boolean {
    return this.synchronous && this.#active === 0;
  }

  /** Counts a task as long as it runs. */
  *tracked<T>(work: Task<T>): Task<T> {
    this.#active++;
    try {
      return yield* work;
    } finally {
      this.#active--;
    }
  }

  assertOpen(): void {
    if (this.closed) throw new MultisnapError("Closed", "the volume has been closed");
  }

  assertWritable(): void {
    this.assertOpen();
    if (this.readOnly) {
      throw new MultisnapError("ReadOnly", "the volume was opened for reading only");
    }
    if (this.store.failure) throw refusal(this.store.failure);
  }

  /** A request in the queue: waits for room, then runs. */
  *queued<T>(work: Task<T>): Task<T> {
    while (this.#inFlight >= this.#queueDepth) {
      this.counters.waits++;
      yield new Promise<void>((resolve) => this.#room.push(resolve));
    }
    this.#inFlight++;
    try {
      return yield* work;
    } finally {
      this.#inFlight--;
      this.#room.shift()?.();
    }
  }

  /** A request that changes a view: kept out while a snapshot is taken. */
  *writing<T>(work: Task<T>): Task<T> {
    while (this.#barrier) yield this.#moved.wait();
    this.assertWritable();
    this.#writers++;
    try {
      return yield* work;
    } finally {
      this.#writers--;
      this.#moved.wake();
    }
  }

  /** Ends when no request is in flight. */
  *drained(): Task<void> {
    while (this.#inFlight > 0 || this.#writers > 0 || this.#barrier) {
      const room = new Promise<void>((resolve) => this.#room.push(resolve));
      yield Promise.race([room, this.#moved.wait()]);
    }
  }

  /** Work between two writes: those before have ended, none begins. `reads`: it changes nothing. */
  *between<T>(work: () => Task<T>, reads = false): Task<T> {
    while (this.#barrier) yield this.#moved.wait();
    this.#barrier = true;
    try {
      while (this.#writers > 0) yield this.#moved.wait();
      if (!reads) this.assertWritable();
      return yield* work();
    } finally {
      this.#barrier = false;
      this.#moved.wake();
    }
  }

  /**
   * Work on `length` bytes inside a visit, piece by piece: `piece` answers how many bytes it did, 0
   * where it had to wait and begins anew (I7).
   */
  *pieces(length: number, piece: (done: number, visit: Visit) => Task<number>): Task<void> {
    const visit = this.store.enter();
    try {
      let done = 0;
      while (done < length) {
        yield* this.store.gate(visit);
        done += yield* piece(done, visit);
      }
    } finally {
      this.store.leave(visit);
    }
  }

  /** Waits, outside the visit, until some copy or request has ended. */
  *conflict(visit: Visit): Task<void> {
    this.counters.waits++;
    this.store.leave(visit);
    try {
      yield this.#moved.wait();
    } finally {
      visit.epoch = this.store.enter().epoch;
    }
  }

  /** Some copy or request has ended: who waits may look again. */
  moved(): void {
    this.#moved.wake();
  }

  /**
   * Address of a copy slot, `slotBytes` long. Waits outside the visit: the caller has entered what
   * it works on in the table.
   */
  *takeSlot(visit: Visit): Task<number> {
    while (this.#freeSlots.length === 0) yield* this.conflict(visit);
    return this.store.copies + this.#freeSlots.pop()! * this.slotBytes;
  }

  giveSlot(address: number): void {
    this.#freeSlots.push((address - this.store.copies) / this.slotBytes);
    this.#moved.wake();
  }

  /** Registers a copy or read in flight. There is room for `PENDS_MAX` of every request. */
  pend(chunk: number, count: number, view: number, kind: number, place: number): number {
    const slot =
      view === ORIGIN && this.origin
        ? this.store.pendingAddAll(chunk, count, kind, place)
        : this.store.pendingAdd(chunk, count, view, kind, place);
    if (slot < 0) throw new MultisnapError("Internal", "the table of pending copies is full");
    return slot;
  }

  unpend(slot: number): void {
    this.store.pendingRemove(slot);
    this.#moved.wake();
  }
}
