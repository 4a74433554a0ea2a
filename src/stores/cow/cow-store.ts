/**
 * What the stores of the old dm-snapshot target share: one snapshot of an attached origin, which is
 * there from the beginning; its exceptions in memory, each chunk at a place of its own, given out
 * in order and never freed. When there is no room the snapshot is given up and the origin goes on.
 *
 * Of the engine these stores use memory for copies and the table of copies in flight.
 *
 * States: sound; merging (the origin's view finds the snapshot's chunks here, the snapshot answers
 * no more); merged (no snapshot); invalid (the snapshot is lost for good).
 */

import type { Device } from "../../devices/device.ts";
import { Engine } from "../../engine/engine.ts";
import { NO_SPACE } from "../../engine/status.ts";
import type { Env } from "../../env.ts";
import { isFull, MultisnapError } from "../../errors.ts";
import { settle, type Task } from "../../task.ts";
import { refusal } from "../failure.ts";
import type {
  Capabilities,
  CheckReport,
  ExceptionStore,
  Mergeable,
  Policy,
  ProgressOptions,
  StoreKind,
  StoreUsage,
  ViewCost,
  ViewRecord,
  Visit,
} from "../store.ts";
import { Commits } from "./commits.ts";
import { EXCEPTIONS_MAX, Exceptions } from "./exceptions.ts";
import { FixedViews } from "./fixed-views.ts";
import { invalidSnapshot, PLACE_MAX } from "./format.ts";
import type { Places } from "./places.ts";
import { Runs } from "./runs.ts";
import { fixedSnapshot, ORIGIN, originOf } from "./snapshot.ts";

/** Bits of the table of copies in flight. */
const ORIGIN_BIT = 1;
const SNAPSHOT_BIT = 2;
/** The engine's own parts, as small as they may be: no page of metadata goes through them. */
const ENGINE_PARTS = { cache: 64 * 4096, journal: 4096, transfer: 8192 };
/** Places are never freed, so nobody has to know who is here. */
const VISIT: Visit = { epoch: 0 };

/** What a store needs to know that is not on its device. */
export interface CowSetup {
  module: WebAssembly.Module;
  /** Bytes of the region for copies of data, for a chunk of so many bytes. */
  copyBytes: (chunk: number) => number;
  env: Env;
  /** Bytes of the origin. */
  originBytes: number;
  /** Stores attached to one origin are numbered from 0 on. */
  index: number;
  /** Bytes that a device that grows may have. */
  maxSize: number | null;
}

export abstract class CowStore extends FixedViews implements ExceptionStore {
  abstract override readonly kind: StoreKind;
  abstract readonly capabilities: Capabilities;
  readonly sums = null;
  readonly mergeable: Mergeable | null = null;
  readonly mode = "attached";
  /** The device remembers none of these. */
  readonly uuid = "";
  readonly originPath = null;
  readonly basePath = null;
  readonly policy: Policy = { victims: null, preserves: true };
  readonly paused = false;
  readonly checkpoints = 0;
  readonly device: Device;
  readonly chunkShift: number;
  readonly memory: Uint8Array;
  readonly copies: number;
  commits = 0;
  failure: Error | null = null;
  /** Why the snapshot is lost, or null. */
  invalid: string | null = null;
  merging = false;
  merged = false;
  /** The last try to merge met an error. */
  mergeFailed = false;
  protected readonly table: Exceptions;
  protected readonly chunk: number;
  /** Bytes, and chunks, that the device may have. */
  protected readonly maxBytes: number | null;
  protected readonly limit: number;
  protected readonly originBytes: number;
  /** Data was written that no flush has reached. */
  protected dirty = false;
  /** Exceptions from this number on are not committed. */
  protected abstract readonly committed: number;
  protected abstract readonly places: Places;
  /** Exceptions that there may be. */
  protected abstract readonly capacity: number;
  readonly #engine: Engine;
  readonly #snapshot: ViewRecord;
  readonly #commits = new Commits();
  readonly #runs: Runs;

  constructor(device: Device, chunk: number, created: number, setup: CowSetup) {
    super();
    const { originBytes, index, maxSize } = setup;
    this.device = device;
    this.chunk = chunk;
    this.chunkShift = Math.log2(chunk);
    this.originBytes = originBytes;
    this.maxBytes = device.growable ? maxSize : Math.min(maxSize ?? Infinity, device.size());
    this.limit = Math.min(PLACE_MAX, Math.floor((this.maxBytes ?? Infinity) / chunk));
    this.table = new Exceptions(Math.ceil(originBytes / chunk));
    this.#runs = new Runs(this.table);
    this.#engine = new Engine(setup.module, { ...ENGINE_PARTS, copies: setup.copyBytes(chunk) });
    this.memory = this.#engine.u8;
    this.copies = this.#engine.copies;
    this.#snapshot = fixedSnapshot(index, originBytes, created);
  }

  // ---- requests

  enter(): Visit {
    return VISIT;
  }
  leave(): void {}
  *gate(): Task<void> {}

  // biome-ignore lint/correctness/useYield: others wait
  *serve(status: number): Task<boolean> {
    if (status === NO_SPACE) {
      throw new MultisnapError("NoSpace", `${this.device.name} is full: give it more room`);
    }
    throw new MultisnapError("Internal", `status ${status} is not known`);
  }

  lookup(view: number, chunk: number, count: number): number {
    this.#assertView(view);
    return this.#runs.lookup(chunk, count);
  }
  planCopyOut(chunk: number, count: number): number {
    const isNeeded = this.invalid === null && !this.merging && !this.merged;
    return isNeeded ? this.#runs.plan(chunk, count) : this.#runs.ready(count);
  }
  runKind(index: number): number {
    return this.#runs.kinds[index]!;
  }
  runCount(index: number): number {
    return this.#runs.counts[index]!;
  }
  runPlace(index: number): number {
    return this.#runs.places[index]!;
  }

  allocate(most: number): number {
    const left = Math.min(this.capacity, EXCEPTIONS_MAX) - this.table.length - this.places.inFlight;
    return left <= 0 ? NO_SPACE : this.places.allocate(Math.min(most, left));
  }
  allocated(): number {
    return this.places.allocated;
  }
  giveBack(place: number, count: number): number {
    this.places.giveBack(place, count);
    return count;
  }
  refused(): boolean {
    return false;
  }

  map(view: number, chunk: number, count: number, place: number, hole: boolean): number {
    this.#assertView(view);
    if (hole) throw new MultisnapError("Internal", "a COW device has no holes");
    return this.copyOut(chunk, count, place, hole);
  }

  mapShared(): number {
    throw this.unsupported("a snapshot's chunks are not shared with another's");
  }

  /** A snapshot that was given up meanwhile needs no entry any more. */
  copyOut(chunk: number, count: number, place: number, hole: boolean): number {
    if (hole) throw new MultisnapError("Internal", "a COW device has no holes");
    if (this.invalid === null) {
      for (let i = 0; i < count; i++) this.table.add(chunk + i, place + i);
    }
    this.places.named(place, count);
    return count;
  }

  isZero(address: number, length: number): boolean {
    return this.#engine.x.isZero(address, length) !== 0;
  }

  pendingAdd(chunk: number, count: number, view: number, kind: number, place: number): number {
    return this.#engine.x.pendingAddBits(chunk, count, bitOf(view), kind, place);
  }
  pendingAddAll(chunk: number, count: number, kind: number, place: number): number {
    return this.#engine.x.pendingAddBits(chunk, count, ORIGIN_BIT | SNAPSHOT_BIT, kind, place);
  }
  /** Nothing reads it: there is no checkpoint that leaves out what is named. */
  pendingNamed(): void {}
  pendingRemove(slot: number): void {
    this.#engine.x.pendingRemove(slot);
  }
  conflicts(chunk: number, count: number, view: number, overwrites: boolean): boolean {
    return this.#engine.x.conflictsBits(chunk, count, bitOf(view), overwrites) !== 0;
  }

  // ---- the snapshot

  nextId(): number {
    return this.#snapshot.id + 1;
  }
  view(id: number): ViewRecord | null {
    return this.views().find((view) => view.id === id) ?? null;
  }
  named(name: string): ViewRecord | null {
    return this.views().find((view) => view.name === name) ?? null;
  }
  views(): ViewRecord[] {
    const origin = originOf(this.#snapshot);
    return this.merged ? [origin] : [{ ...this.#snapshot }, origin];
  }
  hiddenViews(): ViewRecord[] {
    return [];
  }

  reclaimBegin(): number {
    return 0;
  }
  reclaimStep(): number {
    return 0;
  }

  /** Gives the snapshot up for good; that is durable when it ends, and the origin may go on. */
  *invalidate(reason: string): Task<void> {
    yield* this.#commits.alone(() => this.#invalidateNow(reason));
  }

  *#invalidateNow(reason: string): Task<void> {
    if (this.invalid !== null) return;
    this.assertSound();
    try {
      yield* this.giveUpNow();
    } catch (error) {
      this.fail(error);
      throw error;
    }
    this.invalid = reason;
  }

  /** The same for a store that has failed: marking its device is the last that is tried. */
  *abandon(): Task<void> {
    this.invalid ??= this.failure?.message ?? "given up";
    yield* this.still(this.giveUpNow());
  }

  protected abstract giveUpNow(): Task<void>;

  /** `Corrupt` where the snapshot is lost. */
  assertValid(): void {
    if (this.invalid !== null) throw invalidSnapshot(this.device.name, this.invalid);
  }

  /** The origin's own chunks are found here only while its snapshot is merged into it. */
  #assertView(view: number): void {
    this.assertValid();
    if (view === ORIGIN) return;
    const name = `snapshot ${JSON.stringify(this.#snapshot.name)}`;
    if (this.merged) throw new MultisnapError("NotFound", `${name} has been merged`);
    if (this.merging) {
      const message = `${name} is being merged into the origin: read that, it has its content`;
      throw new MultisnapError("Busy", message, { retryable: false });
    }
  }

  // ---- durability

  get uncommitted(): boolean {
    return this.invalid === null && this.table.length > this.committed;
  }
  abstract readonly flushes: number;

  touched(): void {
    this.dirty = true;
  }

  /** One commit serves all who asked before it began. */
  *commit(): Task<void> {
    yield* this.#commits.shared(() => this.#commitOrFail());
  }

  *#commitOrFail(): Task<void> {
    this.assertSound();
    if (this.invalid !== null) return;
    try {
      yield* this.commitNow();
    } catch (error) {
      // Without room nothing was changed, and it can be tried again.
      if (!isFull(error)) this.fail(error);
      throw error;
    }
  }

  protected abstract commitNow(): Task<void>;

  /** What one snapshot has goes with it. */
  *shrink(): Task<void> {}
  checkpoint(): Task<void> {
    return this.commit();
  }

  still<T>(work: Task<T>): Task<T> {
    return this.#commits.alone(() => work);
  }

  fail(error: unknown): void {
    this.failure ??= error instanceof Error ? error : new Error(String(error));
    // A commit waits for copies that may not end any more.
    this.places.wake();
  }

  protected assertSound(): void {
    if (this.failure) throw refusal(this.failure);
  }

  poison(error: unknown): MultisnapError {
    const message = error instanceof Error ? error.message : String(error);
    const text = `${message}; reopen the volume`;
    const failure = new MultisnapError("Internal", text, { cause: error });
    this.fail(failure);
    return failure;
  }

  *close(): Task<void> {
    try {
      if (!this.device.readOnly && !this.failure) yield* this.closeNow();
    } finally {
      yield* settle(this.device.close());
    }
  }

  protected abstract closeNow(): Task<void>;

  // ---- reports

  usage(): StoreUsage {
    return {
      storeBytes: this.places.next * this.chunk,
      maxBytes: this.maxBytes,
      dataBytes: this.table.length * this.chunk,
      metadataBytes: 0,
      fixedBytes: 0,
      freeBytes: 0,
      memoryBytes: this.#engine.memory.buffer.byteLength + this.table.memoryBytes,
      snapshots: this.merged ? 0 : 1,
      exceptions: this.table.length,
      reclaiming: 0,
    };
  }

  dmStatus(): string {
    if (this.mergeFailed) return "Merge failed";
    return this.invalid === null ? this.statusLine() : "Invalid";
  }

  protected abstract statusLine(): string;

  // biome-ignore lint/correctness/useYield: others wait
  *costs(): Task<ViewCost[]> {
    const exclusive = this.table.length * this.chunk;
    return this.merged ? [] : [{ id: this.#snapshot.id, exclusive, shared: 0, written: exclusive }];
  }

  abstract check(options: ProgressOptions): Task<CheckReport>;
}

function bitOf(view: number): number {
  return view === ORIGIN ? ORIGIN_BIT : SNAPSHOT_BIT;
}
