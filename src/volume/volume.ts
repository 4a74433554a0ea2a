/**
 * One virtual disk: its views, what happens to all of them at once (snapshot, delete, flush,
 * close), and the reclaim that runs behind.
 */
import { MultisnapError } from "../errors.ts";
import { refusal } from "../stores/failure.ts";
import { isHidden } from "../stores/hidden.ts";
import type { Setup } from "../stores/kinds.ts";
import type { ExceptionStore, ViewRecord } from "../stores/store.ts";
import { run, settle, type Task } from "../task.ts";
import { VolumeChanges } from "./changes.ts";
import { type Core, ORIGIN } from "./core.ts";
import { Flusher } from "./flush.ts";
import type { GiveUp, WhenFull } from "./full/give-up.ts";
import { Room } from "./full/room.ts";
import { Holds } from "./holds.ts";
import { Given } from "./identity/given.ts";
import type { SnapshotIdentity } from "./identity/identity.ts";
import type { Merger } from "./life/merge.ts";
import { closeStores } from "./open/close-stores.ts";
import { diffOf, type Seldom, seldom, watchOf } from "./part.ts";
import { Reclaimer } from "./reclaim.ts";
import { countersOf, toldOf, usageOf } from "./reports/totals.ts";
import type { VolumeEvent, WatchOptions } from "./reports/watchers.ts";
import { OriginWriter } from "./requests/copyout.ts";
import { Timeline } from "./timeline.ts";
import type {
  Accounting,
  AccountingOptions,
  ByteRange,
  CheckOptions,
  CheckReport,
  Damage,
  DiffOptions,
  ProgressOptions,
  SnapshotUsage,
  Status,
  Usage,
  View,
  Volume,
} from "./types.ts";
import { DiskView } from "./view.ts";

export class DiskVolume extends VolumeChanges implements Volume {
  /** Of the volume's own store. */
  readonly core: Core;
  readonly origin: DiskView;
  readonly originWriter: OriginWriter;
  /** Null where every snapshot is kept, whatever it costs the origin. */
  readonly giveUp: GiveUp | null;
  readonly room: Room;
  readonly holds = new Holds();
  readonly given = new Given(() => this.flushed());
  /** In force, as given. */
  readonly #victims: string | null;
  /** What was found where the store was opened damaged. */
  damage: Damage | null = null;
  readonly timeline: Timeline;
  readonly reclaimer: Reclaimer;
  readonly #flusher: Flusher;
  #merger: Merger | null = null;
  /** All stores that are attached to the origin. */
  readonly #cores: readonly Core[];
  #closing: Promise<void> | null = null;

  constructor(cores: readonly Core[], { setup, victims, patterns }: WhenFull) {
    super();
    const core = cores[0]!;
    this.core = core;
    this.#cores = cores;
    this.#victims = victims;
    this.originWriter = new OriginWriter(cores, setup === null);
    this.#flusher = new Flusher(cores);
    this.reclaimer = new Reclaimer(core, (work) => this.guard(work));
    this.timeline = new Timeline(core, {
      originWriter: this.originWriter,
      flush: () => this.flushed(),
      reclaim: () => this.reclaimer.all(),
      between: (view, work) => this.room.between(view, work),
      moved: (view, work) => this.given.moved(core, view, work),
      flushOrigin: () => this.#flusher.origin(),
      work: (step, alone) => {
        const { room } = this;
        return run(this.guard(alone ? core.between(step) : room.writing(ORIGIN, step)));
      },
    });
    this.giveUp = setup && this.#mayGiveUp(cores, setup);
    this.room = new Room(core, {
      patterns,
      holds: this.holds,
      reclaimer: this.reclaimer,
      delete: (ids) => this.timeline.deleteNow(ids),
      giveUp: this.giveUp,
    });
    const record = core.store.view(ORIGIN);
    if (!record) throw new MultisnapError("Corrupt", "the store has no origin");
    this.origin = new DiskView(this, record, core);
    if (!core.readOnly && core.store.usage().reclaiming > 0) this.reclaimer.start();
  }

  #mayGiveUp(cores: readonly Core[], setup: Setup): GiveUp {
    return new seldom.loaded!.GiveUp(cores, setup, {
      makeRoom: () => this.reclaimer.forRoom(),
      delete: (ids) => this.timeline.deleteNow(ids),
    });
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
    return this.core.readOnly || this.#failure !== null;
  }
  get #stores(): ExceptionStore[] {
    return this.#cores.map(({ store }) => store);
  }
  /** Why the first store that has failed takes no more changes. */
  get #failure(): Error | null {
    return this.#stores.find(({ failure }) => failure !== null)?.failure ?? null;
  }

  get snapshots(): View[] {
    this.core.assertOpen();
    const views = this.#cores.flatMap((core) =>
      core.store.views().map((record) => new DiskView(this, record, core)),
    );
    return views
      .filter(({ id, name }) => id !== ORIGIN && !isHidden(name))
      .sort((a, b) => a.id - b.id);
  }

  get(name: string): DiskView {
    this.core.assertOpen();
    const found = this.find((store) => (typeof name === "string" ? store.named(name) : null));
    if (found) return found;
    throw new MultisnapError("NotFound", `there is no snapshot ${JSON.stringify(name)}`);
  }

  has(name: string): boolean {
    this.core.assertOpen();
    return this.find((store) => store.named(name)) !== null;
  }

  /** The snapshot that one of the stores answers. */
  protected find(record: (store: ExceptionStore) => ViewRecord | null): DiskView | null {
    for (const core of this.#cores) {
      const found = record(core.store);
      if (found && !isHidden(found.name)) return new DiskView(this, found, core);
    }
    return null;
  }

  // ---- changes of the timeline

  async merge(options: ProgressOptions = {}): Promise<void> {
    const { Merger } = seldom.loaded ?? (await seldom.load());
    const guard = <T>(work: Task<T>) => this.guard(work);
    this.#merger ??= new Merger(this.#cores, this.originWriter, this.#flusher, guard);
    await this.#merger.run(options);
  }

  reclaimed(options: ProgressOptions = {}): Promise<void> {
    this.core.assertOpen();
    return this.reclaimer.finished(options);
  }

  /** The view of this volume that a caller names. */
  own(view: View): DiskView {
    if (view instanceof DiskView && view.volume === this) return view;
    throw new MultisnapError("Invalid", "the view is not of this volume");
  }

  // ---- durability

  /** Makes everything durable. */
  flushed(): Task<void> {
    return this.#flusher.all();
  }

  flush(): Promise<void> {
    try {
      this.core.assertOpen();
      if (this.core.readOnly) return Promise.resolve();
      const giveUp = this.core.origin && this.giveUp;
      if (giveUp) return run(giveUp.insist(() => this.guard(this.flushed())));
      this.core.assertWritable();
      return run(this.guard(this.flushed()));
    } catch (error) {
      return Promise.reject(this.explain(error));
    }
  }

  /** Ends all work without touching the devices: they stay the caller's. */
  async abandon(): Promise<void> {
    this.core.traffic.closed = true;
    await run(this.reclaimer.stop());
    if (this.core.missing) await run(this.core.missing.stop());
  }

  close(): Promise<void> {
    this.#closing ??= run(this.#closeTask());
    return this.#closing;
  }

  *#closeTask(): Task<void> {
    const { core } = this;
    yield* this.reclaimer.stop();
    if (core.missing) yield* core.missing.stop();
    core.traffic.closed = true;
    core.traffic.watchers?.close();
    yield* core.traffic.drained();
    try {
      if (!core.store.failure && !core.readOnly) yield* this.#flusher.origin();
      yield* closeStores(this.#stores, (work) => this.guard(work));
    } finally {
      if (core.origin) yield* settle(core.origin.close());
      if (core.base) yield* settle(core.base.close());
    }
    // What was written since the last flush may be lost: who closes must not take it for durable.
    if (this.#failure && !core.readOnly) throw refusal(this.#failure);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // ---- reports

  diff(from: View, to: View, options: DiffOptions = {}): AsyncIterable<ByteRange> {
    this.core.assertOpen();
    return diffOf(this.own(from), this.own(to), options);
  }

  watch(options: WatchOptions = {}): AsyncIterableIterator<VolumeEvent> {
    this.core.assertOpen();
    return watchOf(this.core.traffic, options);
  }

  usage(): Usage {
    this.core.assertOpen();
    return toldOf(usageOf(this.#stores), this.core.store.device.quota?.() ?? null);
  }

  status(): Status {
    const { store, counters } = this.core;
    const { commits, checkpoints, flushes } = countersOf(this.#stores);
    const lines = this.#stores.map((one) => one.dmStatus()).join("\n");
    return {
      ...usageOf(this.#stores),
      kind: store.kind,
      uuid: store.uuid,
      chunk: this.chunk,
      size: this.origin.size,
      originMode: store.mode,
      checksums: store.sums !== null,
      originPath: store.originPath,
      basePath: store.basePath,
      readOnly: this.readOnly,
      error: this.#failure?.message ?? this.giveUp?.error ?? null,
      dmStatus: this.giveUp?.dmStatus(lines) ?? lines,
      victims: this.#victims,
      preserveOnError: this.giveUp === null,
      givenUp: this.giveUp?.state ?? null,
      pruned: this.room.state,
      rollingBack: this.#rollingBack,
      rollback: this.core.missing?.progress ?? null,
      damage: this.damage,
      counters: { ...counters, commits, checkpoints, flushes },
    };
  }

  /** The name of what is there still: it may have got another one. */
  get #rollingBack(): string | null {
    const { rolling, missing, store } = this.core;
    const to = rolling?.id ?? missing?.to;
    return to === undefined ? null : (store.view(to)?.name ?? null);
  }

  async identity(snapshot: View | string): Promise<SnapshotIdentity> {
    this.core.assertOpen();
    const id = this.idOf(snapshot);
    const { core } = this.find((store) => store.view(id))!;
    return run(this.guard(this.given.watch(core, id)));
  }

  snapshotUsage(options: ProgressOptions = {}): Promise<SnapshotUsage[]> {
    return this.#atRest(({ usageOfSnapshots }) => usageOfSnapshots(this.#stores, options));
  }

  async accounting(options: AccountingOptions = {}): Promise<Accounting> {
    this.core.assertOpen();
    const doomed = new Set((options.without ?? []).map((snapshot) => this.idOf(snapshot)));
    return this.#atRest(({ accountOf }) => accountOf(this.#stores, doomed, options));
  }

  check(options: CheckOptions = {}): Promise<CheckReport> {
    return this.#atRest(({ checkStores }) => checkStores(this.#stores, options));
  }

  /** Work that reads the tree and lets others in: reads go on, changes and commits wait. */
  async #atRest<T>(work: (part: Seldom) => Task<T>): Promise<T> {
    this.core.assertOpen();
    const part = seldom.loaded ?? (await seldom.load());
    return run(this.guard(this.core.between(() => work(part), true)));
  }

  // ---- for views

  /** Work of a request that uses a view: nobody deletes that meanwhile to make room. */
  using<T>(view: number, work: Task<T>): Task<T> {
    return this.room.prunes && view !== ORIGIN ? this.holds.during(view, work) : work;
  }

  /**
   * Makes of whatever a task throws an error that callers can use. A trap of the engine poisons the
   * volume.
   */
  *guard<T>(work: Task<T>): Task<T> {
    try {
      return yield* this.core.traffic.tracked(work);
    } catch (error) {
      throw this.explain(error);
    }
  }

  explain(error: unknown): unknown {
    if (error instanceof MultisnapError) return error;
    const [first] = this.#stores.map((store) => store.poison(error));
    return first;
  }
}
