/**
 * One virtual disk: its views, what happens to all of them at once (snapshot, delete, flush,
 * close), and the reclaim that runs behind.
 */
import { PENDING_COPY } from "../engine/status.ts";
import { MultisnapError } from "../errors.ts";
import { refusal } from "../stores/failure.ts";
import type { Setup } from "../stores/kinds.ts";
import type { ExceptionStore, ViewRecord, Visit } from "../stores/store.ts";
import { run, settle, type Task } from "../task.ts";
import { checkInside } from "./bounds.ts";
import { OriginWriter } from "./copyout.ts";
import { type Core, ORIGIN } from "./core.ts";
import { Flusher } from "./flush.ts";
import type { GiveUp } from "./give-up.ts";
import { Holds } from "./holds.ts";
import type { Merger } from "./merge.ts";
import { diffOf, seldom } from "./part.ts";
import { Reclaimer } from "./reclaim.ts";
import { checkStores, countersOf, toldOf, usageOf, usageOfSnapshots } from "./reports.ts";
import { Room } from "./room.ts";
import type { SyncPlan } from "./sync.ts";
import { checkName, Timeline } from "./timeline.ts";
import type {
  ByteRange,
  CheckOptions,
  CheckReport,
  Damage,
  Hold,
  ProgressOptions,
  SnapshotOptions,
  SnapshotUsage,
  Status,
  Usage,
  View,
  Volume,
} from "./types.ts";
import type { Pattern } from "./victims.ts";
import { DiskView } from "./view.ts";
import { giveUp, mapAll } from "./write.ts";

/** What happens when the store is full (I8). */
export interface WhenFull {
  /** Given where all snapshots may be given up for the origin: then `seldom` is loaded. */
  setup: Setup | null;
  /** As a user writes them; null: none. */
  victims: string | null;
  patterns: readonly Pattern[];
}

export class DiskVolume implements Volume {
  /** Of the volume's own store. */
  readonly core: Core;
  readonly origin: DiskView;
  readonly originWriter: OriginWriter;
  /** Null where every snapshot is kept, whatever it costs the origin. */
  readonly giveUp: GiveUp | null;
  readonly room: Room;
  readonly holds = new Holds();
  /** In force, as given. */
  readonly #victims: string | null;
  /** What was found where the store was opened damaged. */
  damage: Damage | null = null;
  readonly #timeline: Timeline;
  readonly #reclaimer: Reclaimer;
  readonly #flusher: Flusher;
  #merger: Merger | null = null;
  /** All stores that are attached to the origin. */
  readonly #cores: readonly Core[];
  #closing: Promise<void> | null = null;

  constructor(cores: readonly Core[], { setup, victims, patterns }: WhenFull) {
    const core = cores[0]!;
    this.core = core;
    this.#cores = cores;
    this.#victims = victims;
    this.originWriter = new OriginWriter(cores, setup === null);
    this.#flusher = new Flusher(cores);
    this.#reclaimer = new Reclaimer(core, (work) => this.guard(work));
    this.#timeline = new Timeline(core, {
      flush: () => this.#flusher.all(),
      reclaim: () => this.#reclaimer.all(),
      between: (view, work) => this.room.between(view, work),
    });
    this.giveUp = setup && this.#mayGiveUp(cores, setup);
    this.room = new Room(core, {
      patterns,
      holds: this.holds,
      reclaimer: this.#reclaimer,
      delete: (ids) => this.#timeline.deleteNow(ids),
      giveUp: this.giveUp,
    });
    const record = core.store.view(ORIGIN);
    if (!record) throw new MultisnapError("Corrupt", "the store has no origin");
    this.origin = new DiskView(this, record, core);
    if (!core.readOnly && core.store.usage().reclaiming > 0) this.#reclaimer.start();
  }

  #mayGiveUp(cores: readonly Core[], setup: Setup): GiveUp {
    return new seldom.loaded!.GiveUp(cores, setup, {
      makeRoom: () => this.#reclaimer.forRoom(),
      delete: (ids) => this.#timeline.deleteNow(ids),
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
    return views.filter(({ id }) => id !== ORIGIN).sort((a, b) => a.id - b.id);
  }

  get(name: string): DiskView {
    this.core.assertOpen();
    const found = this.#find((store) => (typeof name === "string" ? store.named(name) : null));
    if (found) return found;
    throw new MultisnapError("NotFound", `there is no snapshot ${JSON.stringify(name)}`);
  }

  has(name: string): boolean {
    this.core.assertOpen();
    return this.#find((store) => store.named(name)) !== null;
  }

  /** The snapshot that one of the stores answers. */
  #find(record: (store: ExceptionStore) => ViewRecord | null): DiskView | null {
    for (const core of this.#cores) {
      const found = record(core.store);
      if (found) return new DiskView(this, found, core);
    }
    return null;
  }

  // ---- changes of the timeline

  async snapshot(name: string, options: SnapshotOptions & { of?: View } = {}): Promise<View> {
    const source = this.own(options.of ?? this.origin);
    checkName(name);
    return this.#take(source, name, options.readOnly ?? false);
  }

  /** Without a name it is called after its id. In use from its first moment to the answer. */
  async #take(source: DiskView, name: string | null, readOnly: boolean): Promise<DiskView> {
    const holds: Hold[] = [];
    const made = (id: number) => holds.push(this.holds.take(id));
    const taking = this.guard(this.#timeline.snapshot(source.id, name, readOnly, made));
    try {
      return this.#numbered(await run(this.using(source.id, taking)));
    } finally {
      for (const hold of holds) hold.release();
    }
  }

  async message(text: string): Promise<number> {
    this.core.assertOpen();
    const { parseMessage } = seldom.loaded ?? (await seldom.load());
    const message = parseMessage(text);
    const view = message.verb === "create" ? this.origin : this.#numbered(message.id);
    if (message.verb !== "delete") return (await this.#take(view, null, false)).id;
    await this.delete(view);
    return view.id;
  }

  async delete(...snapshots: (View | string)[]): Promise<void> {
    this.core.assertWritable();
    const ids = new Set(snapshots.map((snapshot) => this.#idOf(snapshot)));
    if (ids.size === 0) return;
    await run(this.guard(this.#timeline.delete([...ids])));
    this.#reclaimer.start();
  }

  async rename(snapshot: View | string, name: string): Promise<void> {
    this.core.assertWritable();
    const id = this.#idOf(snapshot);
    checkName(name);
    await run(this.guard(this.#timeline.rename(id, name)));
  }

  /** Of `planSync`; nothing has changed since. */
  async sync(plan: SyncPlan): Promise<void> {
    if (plan.doomed.length + plan.missing.length === 0) return;
    await run(this.guard(this.#timeline.sync(plan)));
    if (plan.doomed.length > 0) this.#reclaimer.start();
  }

  async merge(options: ProgressOptions = {}): Promise<void> {
    const { Merger } = seldom.loaded ?? (await seldom.load());
    const guard = <T>(work: Task<T>) => this.guard(work);
    this.#merger ??= new Merger(this.#cores, this.originWriter, this.#flusher, guard);
    await this.#merger.run(options);
  }

  reclaimed(options: ProgressOptions = {}): Promise<void> {
    this.core.assertOpen();
    return this.#reclaimer.finished(options);
  }

  /** The view of this volume that a caller names. */
  own(view: View): DiskView {
    if (view instanceof DiskView && view.volume === this) return view;
    throw new MultisnapError("Invalid", "the view is not of this volume");
  }

  #numbered(id: number): DiskView {
    const found = this.#find((store) => store.view(id));
    if (found) return found;
    throw new MultisnapError("NotFound", `there is no snapshot with the id ${id}`);
  }

  #idOf(snapshot: View | string): number {
    const view = typeof snapshot === "string" ? this.get(snapshot) : this.own(snapshot);
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
      const giveUp = this.core.origin && this.giveUp;
      if (giveUp) return run(giveUp.insist(() => this.guard(this.#flusher.all())));
      this.core.assertWritable();
      return run(this.guard(this.#flusher.all()));
    } catch (error) {
      return Promise.reject(this.explain(error));
    }
  }

  /** Ends all work without touching the devices: they stay the caller's. */
  async abandon(): Promise<void> {
    this.core.traffic.closed = true;
    await run(this.#reclaimer.stop());
  }

  close(): Promise<void> {
    this.#closing ??= run(this.#closeTask());
    return this.#closing;
  }

  *#closeTask(): Task<void> {
    const { core } = this;
    yield* this.#reclaimer.stop();
    core.traffic.closed = true;
    yield* core.traffic.drained();
    try {
      if (!core.store.failure && !core.readOnly) yield* this.#flusher.origin();
      yield* this.#closeStores([...this.#stores]);
    } finally {
      if (core.origin) yield* settle(core.origin.close());
      if (core.base) yield* settle(core.base.close());
    }
    // What was written since the last flush may be lost: who closes must not take it for durable.
    if (this.#failure && !core.readOnly) throw refusal(this.#failure);
  }

  /** All of them, whatever becomes of one. */
  *#closeStores(stores: ExceptionStore[]): Task<void> {
    const store = stores.shift();
    if (!store) return;
    try {
      yield* this.guard(store.close());
    } finally {
      yield* this.#closeStores(stores);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // ---- reports

  diff(from: View, to: View, within?: ByteRange): AsyncIterable<ByteRange> {
    this.core.assertOpen();
    const size = Math.max(this.own(from).size, this.own(to).size);
    const range = within ?? { offset: 0, length: size };
    checkInside(range.offset, range.length, size);
    const ranges = diffOf(this.own(from), this.own(to), range, (work) => this.guard(work));
    return this.holds.along([from.id, to.id], ranges);
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
      damage: this.damage,
      counters: { ...counters, commits, checkpoints, flushes },
    };
  }

  snapshotUsage(options: ProgressOptions = {}): Promise<SnapshotUsage[]> {
    this.core.assertOpen();
    return this.#atRest(() => usageOfSnapshots(this.#stores, options));
  }

  check(options: CheckOptions = {}): Promise<CheckReport> {
    this.core.assertOpen();
    return this.#atRest(() => checkStores(this.#stores, options));
  }

  /** Work that reads the tree and lets others in: reads go on, changes and commits wait. */
  #atRest<T>(work: () => Task<T>): Promise<T> {
    const { core } = this;
    return run(this.guard(core.between(work, true)));
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
