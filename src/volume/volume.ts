/**
 * One virtual disk: its views, what happens to all of them at once (snapshot, delete, flush,
 * close), and the reclaim that runs behind.
 */
import { PENDING_COPY } from "../engine/status.ts";
import { MultisnapError } from "../errors.ts";
import type { Visit } from "../stores/store.ts";
import { Lock, run, settle, type Task } from "../task.ts";
import { snapshotUsage } from "./accounting.ts";
import { checkInside } from "./bounds.ts";
import { checkStore } from "./check.ts";
import { OriginWriter } from "./copyout.ts";
import { type Core, ORIGIN } from "./core.ts";
import { diffViews } from "./diff.ts";
import { Reader } from "./read.ts";
import { Reclaimer } from "./reclaim.ts";
import type {
  ByteRange,
  CheckReport,
  ProgressOptions,
  SnapshotOptions,
  SnapshotUsage,
  Status,
  StoreKind,
  Usage,
  View,
  Volume,
} from "./types.ts";
import { DiskView } from "./view.ts";
import { giveUp, mapAll, Writer } from "./write.ts";

export class DiskVolume implements Volume {
  readonly core: Core;
  readonly origin: DiskView;
  readonly kind: StoreKind;
  readonly writer: Writer;
  readonly reader: Reader;
  readonly originWriter: OriginWriter;
  readonly #reclaimer: Reclaimer;
  readonly #originFlush = new Lock();
  #closing: Promise<void> | null = null;

  constructor(core: Core, kind: StoreKind) {
    this.core = core;
    this.kind = kind;
    this.writer = new Writer(core);
    this.reader = new Reader(core);
    this.originWriter = new OriginWriter(core);
    this.#reclaimer = new Reclaimer(core, (work) => this.guard(work));
    const record = core.store.view(ORIGIN);
    if (!record) throw new MultisnapError("Corrupt", "the store has no origin");
    this.origin = new DiskView(this, record);
    if (!core.readOnly && core.store.usage().reclaiming > 0) this.#reclaimer.start();
  }

  get chunk(): number {
    return this.core.chunk;
  }
  get synchronous(): boolean {
    return this.core.synchronous;
  }
  get uuid(): string {
    return this.core.store.uuid;
  }
  get readOnly(): boolean {
    return this.core.readOnly || this.core.store.failure !== null;
  }

  get snapshots(): View[] {
    this.core.assertOpen();
    const records = this.core.store.views().filter((record) => record.id !== ORIGIN);
    return records.sort((a, b) => a.id - b.id).map((record) => new DiskView(this, record));
  }

  get(name: string): DiskView {
    this.core.assertOpen();
    const record = typeof name === "string" ? this.core.store.named(name) : null;
    if (record) return new DiskView(this, record);
    throw new MultisnapError("NotFound", `there is no snapshot ${JSON.stringify(name)}`);
  }

  has(name: string): boolean {
    this.core.assertOpen();
    return this.core.store.named(name) !== null;
  }

  // ---- changes of the timeline

  async snapshot(name: string, options: SnapshotOptions & { of?: View } = {}): Promise<View> {
    const source = this.#own(options.of ?? this.origin);
    checkName(name);
    this.core.assertWritable();
    return run(this.guard(this.#snapshotTask(source.id, name, options.readOnly ?? false)));
  }

  *#snapshotTask(source: number, name: string, readOnly: boolean): Task<View> {
    const { core } = this;
    const { store } = core;
    const id = yield* core.between(() => this.#create(source, name, readOnly));
    yield* this.#flushTask();
    return new DiskView(this, store.view(id)!);
  }

  *#create(source: number, name: string, readOnly: boolean): Task<number> {
    const { store, env } = this.core;
    const created = env.now();
    yield* this.#change(() => store.createSnapshot(source, name, readOnly, created));
    return store.lastId();
  }

  /** A change of the timeline, called again after what it asks for is done. */
  *#change(call: () => number): Task<void> {
    const { store } = this.core;
    yield* store.gate(null);
    let status: number;
    while ((status = call()) < 0) {
      yield* store.serve(status, null);
      yield* store.gate(null);
    }
  }

  async delete(...snapshots: (View | string)[]): Promise<void> {
    this.core.assertWritable();
    const ids = new Set(snapshots.map((snapshot) => this.#idOf(snapshot)));
    if (ids.size === 0) return;
    await run(this.guard(this.core.between(() => this.#deleteTask([...ids]))));
    this.#reclaimer.start();
  }

  *#deleteTask(ids: number[]): Task<void> {
    const { core } = this;
    const { store } = core;
    for (const id of ids) {
      if (!store.view(id)) throw new MultisnapError("NotFound", "the snapshot has been deleted");
    }
    try {
      for (const id of ids) {
        yield* this.#change(() => store.deleteSnapshot(id));
        core.changes++;
      }
    } catch (error) {
      // Some may be deleted already: no write may run before that is durable.
      if (error instanceof MultisnapError && !store.failure) yield* this.#flushTask();
      throw error;
    }
    yield* this.#flushTask();
  }

  async rename(snapshot: View | string, name: string): Promise<void> {
    this.core.assertWritable();
    const id = this.#idOf(snapshot);
    checkName(name);
    await run(this.guard(this.#renameTask(id, name)));
  }

  *#renameTask(id: number, name: string): Task<void> {
    const { store } = this.core;
    yield* this.#change(() => store.renameSnapshot(id, name));
    yield* this.#flushTask();
  }

  reclaimed(options: ProgressOptions = {}): Promise<void> {
    this.core.assertOpen();
    return this.#reclaimer.finished(options);
  }

  /** The view of this volume that a caller names. */
  #own(view: View): DiskView {
    if (view instanceof DiskView && view.volume === this) return view;
    throw new MultisnapError("Invalid", "the view is not of this volume");
  }

  #idOf(snapshot: View | string): number {
    const view = typeof snapshot === "string" ? this.get(snapshot) : this.#own(snapshot);
    if (view.id === ORIGIN) {
      throw new MultisnapError("Invalid", "the origin is not a snapshot: it has no name and stays");
    }
    return view.id;
  }

  // ---- durability

  flush(): Promise<void> {
    try {
      this.core.assertOpen();
      if (this.core.readOnly) return Promise.resolve();
      this.core.assertWritable();
      return run(this.guard(this.#flushTask()));
    } catch (error) {
      return Promise.reject(this.explain(error));
    }
  }

  /** The attached origin first: what a snapshot sees of it is durable before the snapshot is. */
  *#flushTask(): Task<void> {
    yield* this.#flushOrigin();
    const { changes } = this.core;
    yield* this.core.store.commit(null);
    this.core.settled = Math.max(this.core.settled, changes);
  }

  *#flushOrigin(): Task<void> {
    const { core } = this;
    if (!core.origin) return;
    // Who comes while a flush is under way waits for it: what made it needed may be his.
    yield* this.#originFlush.acquire();
    try {
      if (!core.originDirty) return;
      core.originDirty = false;
      yield* settle(core.origin.flush());
    } catch (error) {
      core.store.fail(error);
      throw error;
    } finally {
      this.#originFlush.release();
    }
  }

  close(): Promise<void> {
    this.#closing ??= run(this.#closeTask());
    return this.#closing;
  }

  *#closeTask(): Task<void> {
    const { core } = this;
    yield* this.#reclaimer.stop();
    core.closed = true;
    yield* core.drained();
    try {
      if (!core.store.failure && !core.readOnly) yield* this.#flushOrigin();
      yield* this.guard(core.store.close());
    } finally {
      if (core.origin) yield* settle(core.origin.close());
      if (core.base) yield* settle(core.base.close());
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // ---- reports

  diff(from: View, to: View, within?: ByteRange): AsyncIterable<ByteRange> {
    this.core.assertOpen();
    const size = Math.max(this.#own(from).size, this.#own(to).size);
    const range = within ?? { offset: 0, length: size };
    checkInside(range.offset, range.length, size);
    return diffViews(this.core, this.#own(from), this.#own(to), range, (work) => this.guard(work));
  }

  usage(): Usage {
    this.core.assertOpen();
    const { reclaiming: _, ...usage } = this.core.store.usage();
    return usage;
  }

  status(): Status {
    const { store, counters } = this.core;
    const { commits, checkpoints, flushes } = store;
    return {
      ...store.usage(),
      kind: this.kind,
      uuid: store.uuid,
      chunk: this.chunk,
      size: this.origin.size,
      originMode: store.mode,
      originPath: store.originPath,
      basePath: store.basePath,
      readOnly: this.readOnly,
      error: store.failure?.message ?? null,
      counters: { ...counters, commits, checkpoints, flushes },
    };
  }

  snapshotUsage(options: ProgressOptions = {}): Promise<SnapshotUsage[]> {
    this.core.assertOpen();
    return this.#atRest(() => snapshotUsage(this.core, options));
  }

  check(options: ProgressOptions = {}): Promise<CheckReport> {
    this.core.assertOpen();
    return this.#atRest(() => checkStore(this.core, options));
  }

  /** Work that reads the tree and lets others in: reads go on, changes and commits wait. */
  #atRest<T>(work: () => Task<T>): Promise<T> {
    const { core } = this;
    return run(this.guard(core.between(() => core.store.still(work()), true)));
  }

  // ---- for views

  /**
   * Makes of whatever a task throws an error that callers can use. A trap of the engine poisons the
   * volume.
   */
  *guard<T>(work: Task<T>): Task<T> {
    try {
      return yield* this.core.tracked(work);
    } catch (error) {
      throw this.explain(error);
    }
  }

  explain(error: unknown): unknown {
    if (error instanceof MultisnapError) return error;
    return this.core.store.poison(error);
  }

  /** Enters a chunk whose data is written, after the engine asked for something first. */
  *finishMap(view: number, chunk: number, place: number): Task<void> {
    const { core } = this;
    const visit: Visit = core.store.enter();
    const slot = core.pend(chunk, 1, view, PENDING_COPY, place);
    const target = { place, count: 1, slot, named: 0 };
    try {
      yield* this.guard(mapAll(core, view, chunk, 1, target, visit));
    } catch (error) {
      yield* giveUp(core.store, target, error, visit);
    } finally {
      core.unpend(slot);
      core.store.leave(visit);
    }
  }
}

function checkName(name: unknown): asserts name is string {
  if (typeof name === "string") {
    const bytes = new TextEncoder().encode(name);
    const whole = new TextDecoder().decode(bytes) === name;
    const fits = bytes.length > 0 && bytes.length <= 255;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    if (whole && fits && !/[\u0000-\u001f\u007f@]/.test(name)) return;
  }
  const wanted = '1 to 255 bytes of UTF-8 without control characters and "@"';
  throw new MultisnapError("Invalid", `${JSON.stringify(name)} is not a name: ${wanted}`);
}
