/**
 * A volume that another process has open, through its control socket. What answers at once (names,
 * sizes, status) is as of the last answer that brought it: to connecting, to `refresh`, to every
 * change that is made here.
 */
import { MultisnapError } from "../errors.ts";
import type {
  Hold,
  ProgressOptions,
  SnapshotOptions,
  Status,
  Usage,
  View,
  Volume,
} from "../volume/types.ts";
import { tooManyHolds } from "./held.ts";
import { HOLDS_MAX } from "./limits.ts";
import { collect } from "./long-answers.ts";
import type { Head } from "./message.ts";
import { idsOf } from "./remote-changes.ts";
import { RemoteReports } from "./remote-reports.ts";
import { RemoteView, type ViewRow } from "./remote-view.ts";
import { maySleep, type RingClient } from "./ring/client.ts";
import { OP_FLUSH } from "./ring/layout.ts";
import { type Answer, type Ask, closed, type Session } from "./session.ts";

export interface ServedStatus extends Status {
  /** Counters of the server, as it gives them. */
  server: Record<string, unknown>;
}

export class RemoteVolume extends RemoteReports implements Volume {
  /** Paths of what the volume stands on, as the server knows them; the store first. */
  readonly files: string[];
  readonly #session: Session;
  readonly #views = new Map<number, RemoteView>();
  readonly #names = new Map<string, RemoteView>();
  /** How often each view is held here; at the server it is once. */
  readonly #holds = new Map<number, number>();
  #state: Head = {};
  #origin: RemoteView | null = null;
  #closing: Promise<void> | null = null;
  /** How the volume itself is closed, and then what had it open is ended. */
  owned: { close(): Promise<unknown>; end(): Promise<void> } | null = null;
  /** Where memory is shared with the host. */
  #rings: RingClient | null = null;
  /** This thread may sleep for an answer. */
  readonly sleeps = maySleep();
  /** Messages on their way that requests through rings must not overtake. */
  #fences = 0;
  /** Of the snapshots that are known here. */
  #changes = 0;
  #refreshing = false;

  constructor(session: Session, files: string[]) {
    super();
    this.#session = session;
    this.files = files;
  }

  /** Asks for everything that answers at once; again where it changed here meanwhile. */
  async refresh(): Promise<void> {
    for (let changes = -1; changes !== this.#changes; ) {
      changes = this.#changes;
      const found: ViewRow[] = [];
      const rows = (rows: unknown[]) => collect(found, rows);
      const again = () => found.splice(0);
      const { head } = await this.request("state", {}, { rows, again });
      if (changes === this.#changes) this.#replace(head, found);
    }
  }

  #replace(head: Head, found: readonly ViewRow[]): void {
    const known = new Map(this.#views);
    this.#views.clear();
    this.#names.clear();
    const changes = this.#changes;
    for (const row of found) this.enter(row, known.get(row.id));
    this.#changes = changes;
    this.#state = head;
    const origin = head.origin as ViewRow;
    this.#origin ??= new RemoteView(this, origin);
    this.#origin.update(origin);
  }

  /** Another client changed the snapshots: soon they are known here, too. */
  changed(): void {
    this.#changes++;
    if (this.#refreshing) return;
    const done = () => {
      this.#refreshing = false;
    };
    this.#refreshing = true;
    this.refresh().then(done, done);
  }

  request(op: string, head?: Head, ask?: Ask): Promise<Answer> {
    return this.#session.request(op, head, ask);
  }

  set rings(rings: RingClient) {
    this.#rings = rings;
  }

  /** Null where a request has to go as a message. */
  get rings(): RingClient | null {
    return this.#fences === 0 ? this.#rings : null;
  }

  /** The devices of the volume answer at once. */
  get waitsForNothing(): boolean {
    return this.#state.synchronous === true;
  }

  /** As the volume itself; what is only left stays as it was known. */
  #assertOpen(): void {
    if (this.owned && this.#closing) throw closed();
  }

  knows(view: RemoteView): boolean {
    return this.#views.get(view.id) === view;
  }

  get origin(): RemoteView {
    return this.#origin!;
  }
  get snapshots(): View[] {
    this.#assertOpen();
    return [...this.#views.values()].sort((a, b) => a.id - b.id);
  }
  get chunk(): number {
    return this.#state.chunk as number;
  }
  get uuid(): string {
    return this.#state.uuid as string;
  }
  get readOnly(): boolean {
    return (this.#state.status as Status).readOnly;
  }

  /** Whatever the devices: there is a socket between. */
  get synchronous(): boolean {
    return false;
  }

  get(name: string): RemoteView {
    this.#assertOpen();
    const view = this.#names.get(name);
    if (view) return view;
    throw new MultisnapError("NotFound", `there is no snapshot ${JSON.stringify(name)}`);
  }

  has(name: string): boolean {
    this.#assertOpen();
    return this.#names.has(name);
  }

  /** After every change that has been answered here. */
  usage(): Usage {
    this.#assertOpen();
    return this.#usage();
  }

  #usage(): Usage {
    const usage = this.#rings?.usage();
    if (usage) this.#state.usage = { ...(this.#state.usage as Usage), ...usage };
    return this.#state.usage as Usage;
  }

  /** Sizes as `usage`, the rest as of the last answer that brought it. */
  status(): ServedStatus {
    const { status, server } = this.#state as { status: Status; server: ServedStatus["server"] };
    const { quota: _, ...usage } = this.#usage();
    return { ...status, ...usage, server };
  }

  /** In force for every request from now on: the server does them in order. */
  hold(view: RemoteView): Hold {
    const holds = this.#holds;
    const count = holds.get(view.id) ?? 0;
    if (count === 0) {
      if (holds.size >= HOLDS_MAX) throw tooManyHolds();
      this.#tell("hold", { view: view.reference });
    }
    holds.set(view.id, count + 1);
    let isHeld = true;
    const release = () => {
      if (isHeld) this.#release(view.id);
      isHeld = false;
    };
    return { release, [Symbol.dispose]: release };
  }

  #release(id: number): void {
    const left = this.#holds.get(id)! - 1;
    if (left > 0) this.#holds.set(id, left);
    else {
      this.#holds.delete(id);
      this.#tell("release", { id });
    }
  }

  protected fence(): void {
    if (this.#rings) this.#tell("status", {});
  }

  /** What fails here (a view that is gone, a server that is) fails the next request, too. */
  #tell(op: string, head: Head): void {
    const done = () => {
      this.#fences--;
    };
    this.#fences++;
    this.request(op, head).then(done, done);
  }

  // ---- changes

  async snapshot(name: string, options: SnapshotOptions & { of?: View } = {}): Promise<View> {
    const of = this.own(options.of ?? this.origin).reference;
    const head = { of, name, readOnly: options.readOnly ?? false };
    return this.enter((await this.change("snapshot", head)).view as ViewRow);
  }

  async delete(...snapshots: (View | string)[]): Promise<void> {
    const views = new Set(snapshots.map((snapshot) => this.snapshotOf(snapshot)));
    if (views.size === 0) return;
    await this.change("delete", {}, { payload: idsOf(views) });
    for (const view of views) this.#forget(view);
  }

  async rename(snapshot: View | string, name: string): Promise<void> {
    const view = this.snapshotOf(snapshot);
    await this.change("rename", { view: view.reference, name });
    if (!this.knows(view)) return;
    this.#changes++;
    this.#names.delete(view.known!);
    view.known = name;
    this.#names.set(name, view);
  }

  async message(text: string): Promise<number> {
    const { id, view } = await this.change("message", { text });
    const known = this.#views.get(id as number);
    if (view !== null) this.enter(view as ViewRow);
    else if (known) this.#forget(known);
    return id as number;
  }

  async merge({ signal, progress }: ProgressOptions = {}): Promise<void> {
    await this.change("merge", {}, { signal, progress });
    await this.refresh();
  }

  async reclaimed({ signal, progress }: ProgressOptions = {}): Promise<void> {
    await this.change("reclaimed", {}, { signal, progress });
  }

  async flush(): Promise<void> {
    if (this.rings) await this.submit(OP_FLUSH, 0, 0, 0);
    else await this.change("flush");
  }

  /**
   * Answers what is under way, then ends this connection; the volume is closed, too, where it is
   * this one's own (`owned`), and stays open elsewhere.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { owned } = this;
    this.endWatches();
    if (!owned) return await this.#session.close();
    await Promise.all([this.#session.drain(), this.#rings?.drain()]);
    try {
      await owned.close();
    } finally {
      await this.#session.close();
      await owned.end();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // ---- what is known here

  /** A request whose answer may bring the state after it; after a failure it is asked for. */
  async change(op: string, head?: Head, ask?: Ask): Promise<Head> {
    try {
      const answer = await this.request(op, head, ask);
      this.#learn(answer.head);
      return answer.head;
    } catch (error) {
      throw await this.#failed(error);
    }
  }

  /** The same through the rings, where there are some. */
  submit(op: number, view: number, offset: number, length: number, bytes?: Uint8Array) {
    const ended = this.#rings!.request(op, view, offset, length, bytes ?? null);
    return ended.catch(async (error) => {
      throw await this.#failed(error);
    });
  }

  #learn({ status, usage, server }: Head): void {
    const brought = {
      ...(status !== undefined && { status, server }),
      ...(usage !== undefined && { usage }),
    };
    this.#state = { ...this.#state, ...brought };
  }

  /** Whether the volume has turned read-only, for instance. */
  async #failed(error: unknown): Promise<unknown> {
    const mayTell = error instanceof MultisnapError && !["Invalid", "Closed"].includes(error.code);
    if (mayTell && !this.#session.failure) {
      await this.request("status").then(
        ({ head }) => this.#learn(head),
        () => {},
      );
    }
    return error;
  }

  /** `view`: what callers have for it already. */
  protected enter(row: ViewRow, view = new RemoteView(this, row)): RemoteView {
    this.#changes++;
    view.known = row.name;
    view.update(row);
    this.#views.set(row.id, view);
    this.#names.set(row.name!, view);
    return view;
  }

  #forget(view: RemoteView): void {
    this.#changes++;
    this.#views.delete(view.id);
    this.#names.delete(view.known!);
  }

  own(view: View): RemoteView {
    if (view instanceof RemoteView && view.volume === this) return view;
    throw new MultisnapError("Invalid", "the view is not of this volume");
  }

  snapshotOf(snapshot: View | string): RemoteView {
    const view = typeof snapshot === "string" ? this.get(snapshot) : this.own(snapshot);
    if (view.known !== null) return view;
    throw new MultisnapError("Invalid", "the origin is not a snapshot: it has no name and stays");
  }
}
