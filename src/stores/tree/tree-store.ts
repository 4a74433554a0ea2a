/**
 * What the stores that keep their exceptions in the engine's tree share: views, places, journal,
 * checkpoints. What an exception says of its views, and so what a request needs, is the kind's.
 */
import type { Device } from "../../devices/device.ts";
import type { Engine } from "../../engine/engine.ts";
import {
  CHECKPOINT,
  COMMIT,
  CORRUPT,
  FAULT,
  FILL,
  GROW,
  MAP_HOLE,
  MAP_NEW,
  MAP_SHARED,
  NO_SPACE,
  NOT_FOUND,
  WRITE_BACK,
} from "../../engine/status.ts";
import { MultisnapError } from "../../errors.ts";
import { settle, type Task } from "../../task.ts";
import type {
  Capabilities,
  CheckOptions,
  CheckReport,
  Costs,
  ExceptionStore,
  OriginMode,
  Policy,
  ProgressOptions,
  StoreKind,
  StoreUsage,
  Sums,
  ViewCost,
  ViewRecord,
  Visit,
} from "../store.ts";
import { TreeFacts } from "./facts.ts";
import { FEATURE_SUMS, MODES, Superblock } from "./layout.ts";
import { limitOf } from "./limit.ts";
import { Log } from "./log.ts";
import { treeTools } from "./part.ts";
import { Room } from "./room.ts";
import { hasUnusedEnd, shrink } from "./shorten.ts";
import { statusLine } from "./status-line.ts";
import { TreeSums } from "./sums.ts";
import { trapError } from "./trap.ts";
import { usageOf } from "./usage.ts";
import { TreeViews } from "./views.ts";

const ORIGIN = 1;

export abstract class TreeStore implements ExceptionStore {
  abstract readonly kind: StoreKind;
  abstract readonly capabilities: Capabilities;
  readonly sums: Sums | null;
  readonly mergeable = null;
  readonly merging = false;
  readonly device: Device;
  readonly chunkShift: number;
  readonly mode: OriginMode;
  readonly uuid: string;
  readonly originPath: string | null;
  readonly basePath: string | null;
  readonly policy: Policy;
  readonly engine: Engine;
  readonly log: Log;
  readonly facts: TreeFacts;
  readonly #super: Superblock;
  readonly #runs: number;
  readonly #room: Room;
  readonly #views: TreeViews;

  constructor(engine: Engine) {
    this.engine = engine;
    this.device = engine.device;
    this.log = new Log(engine);
    this.facts = new TreeFacts(engine, this.log);
    this.#super = new Superblock(engine, engine.at.super);
    this.#room = new Room(engine, this.log, this.#super);
    this.chunkShift = this.#super.u32("SUPER_CHUNK_SHIFT");
    this.mode = MODES[this.#super.u32("SUPER_MODE")]!;
    this.uuid = this.#super.uuid();
    this.originPath = this.#super.path("SUPER_ORIGIN_PATH");
    this.basePath = this.#super.path("SUPER_BASE_PATH");
    this.policy = this.#super.policy();
    const isSummed = this.#super.u32("SUPER_READ_COMPATIBLE") & FEATURE_SUMS;
    this.sums = isSummed ? new TreeSums(engine.x) : null;
    this.#runs = engine.at.runs;
    this.#views = new TreeViews(engine);
  }

  get memory(): Uint8Array {
    return this.engine.u8;
  }
  get copies(): number {
    return this.engine.copies;
  }
  get failure(): Error | null {
    return this.log.failure;
  }
  get commits(): number {
    return this.log.commits;
  }
  get checkpoints(): number {
    return this.log.checkpoints;
  }
  get flushes(): number {
    return this.log.flushes;
  }
  get paused(): boolean {
    return this.log.paused;
  }
  get uncommitted(): boolean {
    return this.engine.x.journalPending() !== 0;
  }

  touched(): void {
    this.log.dirty = true;
  }
  enter(): Visit {
    return this.log.visits.enter();
  }
  leave(visit: Visit): void {
    this.log.visits.leave(visit);
  }
  gate(visit: Visit | null): Task<void> {
    return this.log.gate(visit);
  }

  *serve(status: number, visit: Visit | null): Task<boolean> {
    switch (status) {
      case FAULT:
      case WRITE_BACK:
      case FILL:
      case GROW:
        yield* settle(this.engine.serve(status));
        return false;
      case COMMIT:
        yield* this.log.commit(visit);
        return true;
      case CHECKPOINT:
        yield* this.log.checkpoint(visit, false);
        return true;
      case NO_SPACE:
        yield* this.#room.make(visit);
        return true;
      case NOT_FOUND:
        throw new MultisnapError("NotFound", "the snapshot has been deleted");
      case CORRUPT:
        throw new MultisnapError("Corrupt", `${this.device.name} is damaged: run check`);
      default:
        throw new MultisnapError("Internal", `status ${status} of the engine is not known`);
    }
  }

  refused(place: number): boolean {
    this.engine.refused(place * 2 ** this.chunkShift);
    return true;
  }

  lookup(view: number, chunk: number, count: number, writing: boolean): number {
    return this.engine.x.lookup(view, chunk, count, writing);
  }
  compare(a: number, b: number, chunk: number, count: number): number {
    return this.engine.x.diff(a, b, chunk, count);
  }
  planCopyOut(chunk: number, count: number): number {
    return this.engine.x.planCopyOut(chunk, count);
  }
  map(view: number, chunk: number, count: number, place: number, hole: boolean): number {
    return this.engine.x.mapStep(view, chunk, count, place, hole ? MAP_HOLE : MAP_NEW);
  }
  mapShared(view: number, chunk: number, count: number, place: number): number {
    return this.engine.x.mapStep(view, chunk, count, place, MAP_SHARED);
  }
  copyOut(chunk: number, count: number, place: number, hole: boolean, address: number): number {
    return this.engine.x.copyOutStep(chunk, count, place, hole, address);
  }

  runKind(index: number): number {
    return this.engine.u32[(this.#runs >>> 2) + index * 4]!;
  }
  runCount(index: number): number {
    return this.engine.u32[(this.#runs >>> 2) + index * 4 + 1]!;
  }
  runPlace(index: number): number {
    return this.engine.f64[(this.#runs >>> 3) + index * 2 + 1]!;
  }
  allocate(most: number): number {
    return this.engine.x.allocate(most);
  }
  allocated(): number {
    return this.engine.x.allocated();
  }
  giveBack(place: number, count: number): number {
    return this.engine.x.giveBack(place, count);
  }
  isZero(address: number, length: number): boolean {
    return this.engine.x.isZero(address, length) !== 0;
  }

  pendingAdd(chunk: number, count: number, view: number, kind: number, place: number): number {
    return this.engine.x.pendingAdd(chunk, count, view, kind, place);
  }
  pendingAddAll(chunk: number, count: number, kind: number, place: number): number {
    return this.engine.x.pendingAddAll(chunk, count, kind, place);
  }
  pendingNamed(slot: number, done: number): void {
    this.engine.x.pendingNamed(slot, done);
  }
  pendingRemove(slot: number): void {
    this.engine.x.pendingRemove(slot);
  }
  conflicts(chunk: number, count: number, view: number, overwrites: boolean): boolean {
    return this.engine.x.conflicts(chunk, count, view, overwrites) !== 0;
  }

  createSnapshot(of: number, name: string, readOnly: boolean, created: number): number {
    return this.#views.create(of, name, readOnly, created);
  }
  nextId(): number {
    return this.#super.u32("SUPER_NEXT_ID");
  }
  skipIds(id: number): void {
    if (id > this.nextId()) this.#super.setU32("SUPER_NEXT_ID", id);
  }
  deleteSnapshot(id: number): number {
    return this.engine.x.deleteSnapshot(id);
  }
  *deleteTogether(ids: readonly number[]): Task<void> {
    const { x } = this.engine;
    if (!x.deleteRoom(ids.length)) yield* this.log.commit(null);
    yield* this.log.gate(null);
    const isLogged = x.deleteRoom(ids.length) !== 0;
    for (const id of ids) x.deleteNow(id, isLogged);
    // More than a record holds: the checkpoint that has some of them has all.
    if (!isLogged) yield* this.log.checkpoint(null, false);
  }
  renameSnapshot(id: number, name: string): number {
    return this.#views.rename(id, name);
  }
  resize(id: number, size: number): number {
    return this.#views.resize(id, size);
  }
  setReadOnly(id: number, readOnly: boolean): number {
    return this.engine.x.setReadOnly(id, readOnly);
  }
  setMarks(id: number, marks: string): number {
    return this.#views.mark(id, marks);
  }
  *setMaxSize(bytes: number | null): Task<void> {
    const used = this.usage().storeBytes;
    if (bytes !== null && bytes < used) {
      const has = `${this.device.name} has ${used} bytes already`;
      throw new MultisnapError("Invalid", `a limit of ${bytes} bytes: ${has}`);
    }
    const chunks = limitOf(this.device, bytes, 2 ** this.chunkShift);
    this.engine.x.setLimit(chunks, bytes ?? 0);
    yield* this.log.checkpoint(null, false);
  }
  canRollBack(id: number): boolean {
    return this.kind === "range" && (id !== ORIGIN || this.mode !== "attached");
  }
  rollback(id: number, to: number, keepAs: string | null, created: number): number {
    return this.#views.rollback(id, to, keepAs, created);
  }
  view(id: number): ViewRecord | null {
    return this.#views.view(id);
  }
  named(name: string): ViewRecord | null {
    return this.#views.named(name);
  }
  views(): ViewRecord[] {
    return this.#views.all();
  }
  hiddenViews(): ViewRecord[] {
    return this.#views.hidden();
  }

  reclaimBegin(): number {
    return this.engine.x.reclaimBegin();
  }
  reclaimStep(): number {
    return this.engine.x.reclaimStep();
  }

  commit(visit: Visit | null): Task<void> {
    return this.log.commit(visit);
  }
  still<T>(work: Task<T>): Task<T> {
    return this.log.still(work);
  }
  checkpoint(trim: boolean): Task<void> {
    return this.log.checkpoint(null, trim);
  }

  shrink(): Task<void> {
    return shrink(this.engine, this.#super, () => this.log.checkpoint(null, true));
  }

  usage(): StoreUsage {
    return usageOf(this.engine, this.#super);
  }

  dmStatus(): string {
    const views = { next: this.nextId(), ids: this.#views.ids() };
    return statusLine(this.usage(), 2 ** this.chunkShift, this.failure, views);
  }

  *costs(options: ProgressOptions): Task<ViewCost[]> {
    return (yield* this.account(new Set(), options)).views;
  }

  *account(doomed: ReadonlySet<number>, options: ProgressOptions): Task<Costs> {
    const { costsOf } = yield* treeTools.get();
    return yield* costsOf(this, doomed, options);
  }

  /** Of the device: what is only in memory is written to it before, where that can be. */
  *check(options: CheckOptions): Task<CheckReport> {
    const { checkDevice, withData } = yield* treeTools.get();
    const isWritable = this.engine.state("READ_ONLY") === 0 && !this.failure;
    if (isWritable && this.changed) yield* this.log.checkpoint(null, false);
    const check = checkDevice(this.device, this.engine.module, options);
    return yield* this.log.still(withData(this, check, options));
  }

  fail(error: unknown): void {
    this.log.fail(error);
  }

  // biome-ignore lint/correctness/useYield: others wait
  *invalidate(): Task<void> {
    throw new MultisnapError("Internal", `a store of kind ${this.kind} keeps its snapshots`);
  }

  poison(error: unknown): MultisnapError {
    const failure = trapError(this.engine, error);
    this.log.fail(failure);
    return failure;
  }

  /**
   * A last checkpoint, where anything changed since the one before; then the device is given back.
   * What it holds is in the records of the one before as well: either superblock leads to it.
   */
  *close(): Task<void> {
    try {
      if (this.device.readOnly || this.failure) return;
      yield* this.log.commit(null);
      if (this.changed) yield* this.log.checkpoint(null, true);
      if (hasUnusedEnd(this.engine, this.#super)) yield* this.log.checkpoint(null, true);
    } finally {
      yield* settle(this.device.close());
    }
  }

  /** Whether the last checkpoint is not all there is. */
  get changed(): boolean {
    return this.uncommitted || this.engine.u64At(this.engine.constant("JOURNAL_HEAD")) > 0;
  }
}
