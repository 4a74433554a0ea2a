/**
 * A volume that another process has open, through its control socket. What answers at once (names,
 * sizes, status) is as of the last answer that brought it: to connecting, to `refresh`, to every
 * change that is made here.
 */
import { MultisnapError } from "../errors.ts";
import type { HalfWay } from "../stream/half-way.ts";
import type { Received, ReceiveOptions } from "../stream/receive.ts";
import type { SnapshotIdentity } from "../volume/identity.ts";
import type {
  Accounting,
  AccountingOptions,
  ByteRange,
  CheckOptions,
  CheckProblem,
  CheckReport,
  DiffOptions,
  Hold,
  Loss,
  ProgressOptions,
  SnapshotOptions,
  SnapshotUsage,
  Status,
  Usage,
  View,
  Volume,
} from "../volume/types.ts";
import type { VolumeEvent, WatchOptions } from "../volume/watchers.ts";
import type { Head } from "./frame.ts";
import { tooManyHolds } from "./held.ts";
import { HOLDS_MAX, PAYLOAD_BYTES_MAX } from "./layout.ts";
import { RemoteView, type ViewRow } from "./remote-view.ts";
import { sendThrough } from "./sender.ts";
import type { Answer, Ask, Session } from "./session.ts";

/** Bytes of an id in a request to delete. */
const ID_BYTES = 4;

export interface ServedStatus extends Status {
  /** Counters of the server, as it gives them. */
  server: Record<string, unknown>;
}

export class RemoteVolume implements Volume {
  /** Paths of what the volume stands on, as the server knows them; the store first. */
  readonly files: string[];
  readonly #session: Session;
  readonly #views = new Map<number, RemoteView>();
  readonly #names = new Map<string, RemoteView>();
  /** How often each view is held here; at the server it is once. */
  readonly #holds = new Map<number, number>();
  #state: Head = {};
  #origin: RemoteView | null = null;

  constructor(session: Session, files: string[]) {
    this.#session = session;
    this.files = files;
  }

  /** Asks for everything that answers at once. */
  async refresh(): Promise<void> {
    const found: ViewRow[] = [];
    const { head } = await this.request("state", {}, { rows: (rows) => collect(found, rows) });
    const known = new Map(this.#views);
    this.#views.clear();
    this.#names.clear();
    for (const row of found) this.#enter(row, known.get(row.id));
    this.#state = head;
    this.#origin = new RemoteView(this, head.origin as ViewRow);
  }

  request(op: string, head?: Head, ask?: Ask): Promise<Answer> {
    return this.#session.request(op, head, ask);
  }

  knows(view: RemoteView): boolean {
    return this.#views.get(view.id) === view;
  }

  get origin(): RemoteView {
    return this.#origin!;
  }
  get snapshots(): View[] {
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
    const view = this.#names.get(name);
    if (view) return view;
    throw new MultisnapError("NotFound", `there is no snapshot ${JSON.stringify(name)}`);
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  usage(): Usage {
    return this.#state.usage as Usage;
  }

  status(): ServedStatus {
    const { status, server } = this.#state as { status: Status; server: ServedStatus["server"] };
    return { ...status, server };
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

  /** What fails here (a view that is gone, a server that is) fails the next request, too. */
  #tell(op: string, head: Head): void {
    this.request(op, head).catch(() => {});
  }

  // ---- changes

  async snapshot(name: string, options: SnapshotOptions & { of?: View } = {}): Promise<View> {
    const of = this.own(options.of ?? this.origin).reference;
    const head = { of, name, readOnly: options.readOnly ?? false };
    return this.#enter((await this.change("snapshot", head)).view as ViewRow);
  }

  async delete(...snapshots: (View | string)[]): Promise<void> {
    const views = new Set(snapshots.map((snapshot) => this.#snapshot(snapshot)));
    if (views.size === 0) return;
    await this.change("delete", {}, { payload: idsOf(views) });
    for (const view of views) this.#forget(view);
  }

  async rename(snapshot: View | string, name: string): Promise<void> {
    const view = this.#snapshot(snapshot);
    await this.change("rename", { view: view.reference, name });
    if (!this.knows(view)) return;
    this.#names.delete(view.known!);
    view.known = name;
    this.#names.set(name, view);
  }

  async message(text: string): Promise<number> {
    const { id, view } = await this.change("message", { text });
    const known = this.#views.get(id as number);
    if (view !== null) this.#enter(view as ViewRow);
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
    await this.change("flush");
  }

  /** Only this connection: the volume stays open where it is served. */
  close(): Promise<void> {
    return this.#session.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // ---- reports

  async *diff(from: View, to: View, options: DiffOptions = {}): AsyncGenerator<ByteRange> {
    const views = { from: this.own(from).reference, to: this.own(to).reference };
    const { offset = 0, length = Math.max(from.size, to.size) - offset, content = false } = options;
    const { signal } = options;
    const progress = (done: number, total: number) =>
      options.progress?.(length - total + done, length);
    const pages = this.pages(
      "diff",
      { ...views, content },
      { offset, length },
      { signal, progress },
    );
    for await (const row of pages) yield { offset: row[0] as number, length: row[1] as number };
  }

  /** Rows of what is asked for page by page, as the caller takes them. */
  async *pages(op: string, head: Head, within: ByteRange, ask?: Ask): AsyncGenerator<unknown[]> {
    const end = within.offset + within.length;
    for (let offset: number | null = within.offset; offset !== null; ) {
      const asked: Head = { ...head, offset, length: end - offset };
      const { rows, next }: Head = (await this.request(op, asked, ask)).head;
      yield* rows as unknown[][];
      offset = next as number | null;
    }
  }

  /** There is always a request under way, so that the server knows when nobody watches any more. */
  async *watch({ signal }: WatchOptions = {}): AsyncGenerator<VolumeEvent> {
    const end = new AbortController();
    const leave = () => end.abort(new MultisnapError("Closed", "nobody watches any more"));
    signal?.addEventListener("abort", leave);
    if (signal?.aborted) return;
    const ask = () => this.request("events", {}, { signal: end.signal });
    let asked = ask();
    try {
      for (;;) {
        const { event } = (await asked).head;
        if (event === null) return;
        asked = ask();
        asked.catch(() => {});
        yield event as VolumeEvent;
      }
    } catch (error) {
      if (!end.signal.aborted) throw error;
    } finally {
      leave();
      signal?.removeEventListener("abort", leave);
    }
  }

  async snapshotUsage({ signal, progress }: ProgressOptions = {}): Promise<SnapshotUsage[]> {
    const usages: SnapshotUsage[] = [];
    const rows = (rows: unknown[]) => collect(usages, rows);
    await this.request("usage", {}, { signal, progress, rows });
    return usages;
  }

  async accounting(options: AccountingOptions = {}): Promise<Accounting> {
    const { without = [], signal, progress } = options;
    const snapshots: SnapshotUsage[] = [];
    const rows = (rows: unknown[]) => collect(snapshots, rows);
    const payload = idsOf(new Set(without.map((snapshot) => this.#snapshot(snapshot))));
    const ask = { payload, signal, progress, rows };
    const { head } = await this.request("account", {}, ask);
    return { ...(head as unknown as Omit<Accounting, "snapshots">), snapshots };
  }

  async check({ data = false, signal, progress }: CheckOptions = {}): Promise<CheckReport> {
    const found: Finding[] = [];
    const rows = (rows: unknown[]) => collect(found, rows);
    const { report } = await this.change("check", { data }, { signal, progress, rows });
    const { clean, lossCount, blocks, exceptions, chunks } = report as CheckReport;
    const problems = found.flatMap(({ problem }) => problem ?? []);
    const notes = found.flatMap(({ note }) => note ?? []);
    const losses = found.flatMap(({ loss }) => loss ?? []);
    return { clean, problems, notes, losses, lossCount, blocks, exceptions, chunks };
  }

  async identity(snapshot: View | string): Promise<SnapshotIdentity> {
    const view = this.#snapshot(snapshot).reference;
    return (await this.request("identity", { view })).head.identity as SnapshotIdentity;
  }

  // ---- streams of snapshots: see `receiveStream`, `halfReceived`, `dropReceived`

  async receive(
    source: AsyncIterable<Uint8Array>,
    options: ReceiveOptions = {},
  ): Promise<Received> {
    const request = (op: string, head?: Head, ask?: Ask) => this.request(op, head, ask);
    const received = await sendThrough(request, source, options);
    await this.refresh();
    return received;
  }

  async halfReceived(): Promise<HalfWay | null> {
    return (await this.request("half")).head.half as HalfWay | null;
  }

  async dropReceived(): Promise<void> {
    await this.request("forget");
  }

  // ---- what is known here

  /** A request whose answer brings the state after it. */
  async change(op: string, head?: Head, ask?: Ask): Promise<Head> {
    const answer = await this.request(op, head, ask);
    const { status, usage, server } = answer.head;
    this.#state = { ...this.#state, status, usage, server };
    return answer.head;
  }

  /** `view`: what callers have for it already. */
  #enter(row: ViewRow, view = new RemoteView(this, row)): RemoteView {
    view.known = row.name;
    this.#views.set(row.id, view);
    this.#names.set(row.name!, view);
    return view;
  }

  #forget(view: RemoteView): void {
    this.#views.delete(view.id);
    this.#names.delete(view.known!);
  }

  own(view: View): RemoteView {
    if (view instanceof RemoteView && view.volume === this) return view;
    throw new MultisnapError("Invalid", "the view is not of this volume");
  }

  #snapshot(snapshot: View | string): RemoteView {
    const view = typeof snapshot === "string" ? this.get(snapshot) : this.own(snapshot);
    if (view.known !== null) return view;
    throw new MultisnapError("Invalid", "the origin is not a snapshot: it has no name and stays");
  }
}

function idsOf(views: ReadonlySet<RemoteView>): Uint8Array {
  if (views.size > PAYLOAD_BYTES_MAX / ID_BYTES) {
    const most = PAYLOAD_BYTES_MAX / ID_BYTES;
    const message = `${views.size} snapshots: a server deletes at most ${most} at once`;
    throw new MultisnapError("Invalid", message);
  }
  const payload = new Uint8Array(views.size * ID_BYTES);
  const ids = new DataView(payload.buffer);
  for (const [index, { id }] of [...views].entries()) ids.setUint32(index * ID_BYTES, id, true);
  return payload;
}

/** A row of a check: one of the three. */
interface Finding {
  problem?: CheckProblem;
  note?: string;
  loss?: Loss;
}

/** Rows of one kind, as the protocol promises them. */
function collect<T>(target: T[], rows: unknown[]): void {
  for (const row of rows) target.push(row as T);
}
