/**
 * What all requests to one store of a volume share: the store and the devices that it stands on,
 * copy slots, the table of copies in flight, what is durable of it. A volume has several where
 * several stores are attached to its origin; they share the traffic.
 *
 * Invariants: a snapshot is taken when no write is in flight (so it is a point between two writes);
 * I7: who waited begins anew.
 */
import type { Device } from "../devices/device.ts";
import type { Env } from "../env.ts";
import { MultisnapError } from "../errors.ts";
import { refusal } from "../stores/failure.ts";
import type { ExceptionStore, ViewRecord, Visit } from "../stores/store.ts";
import type { Task } from "../task.ts";
import type { Rolling } from "./life/rolling.ts";
import type { Traffic } from "./traffic.ts";
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
  traffic: Traffic;
  synchronous: boolean;
  env: Env;
}

export class Core {
  store: ExceptionStore;
  /** Attached origin. */
  readonly origin: Device | null;
  readonly base: Device | null;
  readonly readOnly: boolean;
  readonly env: Env;
  /** Bytes. */
  readonly chunk: number;
  /** All devices of the volume answer at once. */
  readonly synchronous: boolean;
  readonly copySlots: number;
  readonly slotBytes: number;
  readonly traffic: Traffic;
  readonly counters: Counters;
  /**
   * Counts changes of snapshots (writes, deletes); those up to `settled` are durable. An attached
   * origin is overwritten only when all are (I5).
   */
  changes = 0;
  settled = 0;
  /** Counts changes of what views are: their sizes, and whether they are read-only. */
  remade = 0;
  /** The origin is being rolled back while it is in use: what is missing there yet. */
  missing: Rolling | null = null;
  /** What a view is being rolled back to while nobody uses it, from the first copy to the last. */
  rolling: ViewRecord | null = null;
  readonly #freeSlots: number[];

  constructor(options: CoreOptions) {
    this.store = options.store;
    this.origin = options.origin;
    this.base = options.base;
    this.readOnly = options.readOnly;
    this.env = options.env;
    this.chunk = 2 ** options.store.chunkShift;
    this.synchronous = options.synchronous;
    this.copySlots = options.copySlots;
    this.slotBytes = options.slotBytes;
    this.traffic = options.traffic;
    this.counters = options.traffic.counters;
    this.#freeSlots = Array.from({ length: options.copySlots }, (_, i) => i);
  }

  /** The store's snapshots are given up: another one stands in for it. */
  leaveStore(instead: ExceptionStore): void {
    this.store = instead;
  }

  /** A view that is being rolled back needs it. */
  isWanted(id: number): boolean {
    return id === this.rolling?.id || this.missing?.needs(id) === true;
  }

  /** Whether a request can run to its end at once: nothing is in its way and nothing can come. */
  get quiet(): boolean {
    return this.synchronous && this.traffic.active === 0;
  }

  /** The snapshot is being merged: some of the origin's chunks are in the store. */
  get merging(): boolean {
    return this.store.merging;
  }

  assertOpen(): void {
    if (this.traffic.closed) throw new MultisnapError("Closed", "the volume has been closed");
  }

  assertWritable(): void {
    this.assertTakesWrites();
    if (this.store.failure) throw refusal(this.store.failure);
  }

  /** The same, whatever became of the store. */
  assertTakesWrites(): void {
    this.assertOpen();
    if (!this.readOnly) return;
    throw new MultisnapError("ReadOnly", "the volume was opened for reading only");
  }

  /** A request that changes a view: kept out while a snapshot is taken. */
  *writing<T>(work: Task<T>): Task<T> {
    const { traffic } = this;
    while (traffic.barrier) yield traffic.moved();
    this.assertWritable();
    traffic.beginWrite();
    try {
      return yield* work;
    } finally {
      traffic.endWrite();
    }
  }

  /** Work between two writes: those before have ended, none begins. `reads`: it changes nothing. */
  between<T>(work: () => Task<T>, reads = false): Task<T> {
    return this.traffic.between(() => {
      if (!reads) this.assertWritable();
      return work();
    });
  }

  /** A change of the store's views, called again after what it asks for is done. */
  *change(call: () => number): Task<void> {
    const { store } = this;
    yield* store.gate(null);
    let status: number;
    while ((status = call()) < 0) {
      yield* store.serve(status, null);
      yield* store.gate(null);
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
      yield this.traffic.moved();
    } finally {
      visit.epoch = this.store.enter().epoch;
    }
  }

  /**
   * Address of a copy slot, `slotBytes` long. Waits outside the visit: the caller has entered what
   * it works on in the table.
   */
  *takeSlot(visit: Visit): Task<number> {
    while (this.#freeSlots.length === 0) yield* this.conflict(visit);
    return this.store.copies + this.#freeSlots.pop()! * this.slotBytes;
  }

  /** As `takeSlot`, without waiting: -1 where all are in use. */
  trySlot(): number {
    const slot = this.#freeSlots.pop();
    return slot === undefined ? -1 : this.store.copies + slot * this.slotBytes;
  }

  giveSlot(address: number): void {
    this.#freeSlots.push((address - this.store.copies) / this.slotBytes);
    this.traffic.wake();
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
    this.traffic.wake();
  }
}
