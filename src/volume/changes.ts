/** What callers change of a volume's views: checked, named, and handed to the timeline. */
import { MultisnapError } from "../errors.ts";
import type { ExceptionStore, ViewRecord } from "../stores/store.ts";
import { endIfAborted, run, type Task } from "../task.ts";
import { type Core, ORIGIN } from "./core.ts";
import type { Holds } from "./holds.ts";
import type { Given } from "./identity/given.ts";
import type { SyncPlan } from "./life/sync.ts";
import { seldom } from "./part.ts";
import type { Reclaimer } from "./reclaim.ts";
import type { OriginWriter } from "./requests/copyout.ts";
import { checkName, type Timeline } from "./timeline.ts";
import type {
  Hold,
  ResizeOptions,
  RollbackOptions,
  SnapshotOptions,
  View,
  ViewChanges,
} from "./types.ts";
import type { DiskView } from "./view.ts";

export abstract class VolumeChanges {
  abstract readonly core: Core;
  abstract readonly origin: DiskView;
  abstract readonly originWriter: OriginWriter;
  abstract readonly given: Given;
  abstract readonly holds: Holds;
  abstract readonly timeline: Timeline;
  abstract readonly reclaimer: Reclaimer;

  abstract get(name: string): DiskView;
  /** The view of this volume that a caller names. */
  abstract own(view: View): DiskView;
  abstract guard<T>(work: Task<T>): Task<T>;
  abstract using<T>(view: number, work: Task<T>): Task<T>;
  /** The snapshot that one of the stores answers. */
  protected abstract find(record: (store: ExceptionStore) => ViewRecord | null): DiskView | null;

  async snapshot(name: string, options: SnapshotOptions & { of?: View } = {}): Promise<View> {
    const source = this.own(options.of ?? this.origin);
    checkName(name);
    return this.#take(source, name, options.readOnly ?? false);
  }

  /** Without a name it is called after its id. In use from its first moment to the answer. */
  async #take(source: DiskView, name: string | null, readOnly: boolean): Promise<DiskView> {
    const holds: Hold[] = [];
    const made = (id: number) => holds.push(this.holds.take(id));
    const taking = this.guard(this.timeline.snapshot(source.id, name, readOnly, made));
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
    const ids = new Set(snapshots.map((snapshot) => this.idOf(snapshot)));
    if (ids.size === 0) return;
    await run(this.guard(this.timeline.delete([...ids])));
    this.reclaimer.start();
  }

  async rollback(to: View | string, options: RollbackOptions = {}): Promise<void> {
    this.core.assertWritable();
    const source = typeof to === "string" ? this.get(to) : this.own(to);
    const view = this.own(options.of ?? this.origin);
    const keepAs = options.keepAs ?? null;
    if (keepAs !== null) checkName(keepAs);
    const { checkRollback } = seldom.loaded ?? (await seldom.load());
    checkRollback({ view, to: source, keepAs });
    endIfAborted(options.signal);
    const { missing } = this.core;
    const isInvolved = view.isOrigin || source.isOrigin || view.id === missing?.to;
    if (isInvolved) await missing?.finished({ signal: options.signal });
    const change = this.guard(this.timeline.rollback(view.id, source.id, keepAs, options));
    await run(this.using(view.id, this.using(source.id, change)));
    if (view.isOrigin) await this.core.missing?.finished(options);
    this.reclaimer.start();
  }

  /** What was interrupted is gone on with; what that meets, `status` tells. */
  async goOn(): Promise<void> {
    try {
      await run(this.guard(this.timeline.goOn()));
    } catch (error) {
      if (!(error instanceof MultisnapError) || error.code === "Internal") throw error;
    }
  }

  async rename(snapshot: View | string, name: string): Promise<void> {
    this.core.assertWritable();
    const id = this.idOf(snapshot);
    checkName(name);
    await run(this.guard(this.timeline.rename(id, name)));
  }

  async resize(size: number, options: ResizeOptions = {}): Promise<void> {
    this.core.assertWritable();
    await this.core.missing?.finished({ signal: options.signal });
    await run(this.guard(this.timeline.resize(ORIGIN, size, options)));
  }

  async setMaxSize(bytes: number | null): Promise<void> {
    this.core.assertWritable();
    const isSize = bytes === null || (Number.isSafeInteger(bytes) && bytes > 0);
    if (!isSize) throw new MultisnapError("Invalid", `a limit of ${bytes} bytes is none`);
    await run(this.guard(this.timeline.setMaxSize(bytes)));
  }

  async set(view: View | string, changes: ViewChanges): Promise<void> {
    this.core.assertWritable();
    const { id } = typeof view === "string" ? this.get(view) : this.own(view);
    const { readOnly, note, tags } = changes;
    const { store } = this.core;
    if (readOnly !== undefined) {
      const snapshot = this.idOf(view);
      if (!readOnly && store.view(snapshot)?.readOnly) {
        await run(this.guard(this.given.expose(this.core, snapshot)));
      }
      await run(
        this.guard(this.timeline.become(snapshot, () => store.setReadOnly(snapshot, readOnly))),
      );
    }
    if (note === undefined && tags === undefined) return;
    const { described } = seldom.loaded ?? (await seldom.load());
    await this.#mark(id, (marks) => described(marks, changes));
  }

  async addHold(snapshot: View | string, reason: string): Promise<void> {
    this.core.assertWritable();
    const { held } = seldom.loaded ?? (await seldom.load());
    await this.#mark(this.idOf(snapshot), (marks) => held(marks, reason));
  }

  async removeHold(snapshot: View | string, reason: string): Promise<void> {
    this.core.assertWritable();
    const { released } = seldom.loaded ?? (await seldom.load());
    await this.#mark(this.idOf(snapshot), (marks) => released(marks, reason));
  }

  async #mark(id: number, change: (marks: string) => string): Promise<void> {
    const { store } = this.core;
    const call = () => {
      const view = store.view(id);
      if (!view) throw new MultisnapError("NotFound", "the snapshot has been deleted");
      return store.setMarks(id, change(view.marks));
    };
    await run(this.guard(this.timeline.become(id, call)));
  }

  /** Of `planSync`; nothing has changed since. */
  async sync(plan: SyncPlan): Promise<void> {
    if (plan.doomed.length + plan.missing.length === 0) return;
    await run(this.guard(this.timeline.sync(plan)));
    if (plan.doomed.length > 0) this.reclaimer.start();
  }

  #numbered(id: number): DiskView {
    const found = this.find((store) => store.view(id));
    if (found) return found;
    throw new MultisnapError("NotFound", `there is no snapshot with the id ${id}`);
  }

  protected idOf(snapshot: View | string): number {
    const view = typeof snapshot === "string" ? this.get(snapshot) : this.own(snapshot);
    if (view.id === ORIGIN) {
      throw new MultisnapError("Invalid", "the origin is not a snapshot: it has no name and stays");
    }
    return view.id;
  }
}
