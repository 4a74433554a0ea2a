/**
 * What a client asks of the views that a server has, and the streams of snapshots that it sends
 * there.
 */
import type { HalfWay } from "../stream/half-way.ts";
import type { Received, ReceiveOptions } from "../stream/receive.ts";
import type { SnapshotIdentity } from "../volume/identity/identity.ts";
import type { VolumeEvent, WatchOptions } from "../volume/reports/watchers.ts";
import type {
  Accounting,
  AccountingOptions,
  ByteRange,
  CheckOptions,
  CheckReport,
  DiffOptions,
  ProgressOptions,
  SnapshotUsage,
  View,
} from "../volume/types.ts";
import { collect, type Finding, reportOf } from "./long-answers.ts";
import type { Head } from "./message.ts";
import { idsOf, RemoteChanges } from "./remote-changes.ts";
import type { RemoteView } from "./remote-view.ts";
import { RemoteWatch } from "./remote-watch.ts";
import { sendThrough } from "./sender.ts";
import type { Answer, Ask } from "./session.ts";

export abstract class RemoteReports extends RemoteChanges {
  abstract request(op: string, head?: Head, ask?: Ask): Promise<Answer>;
  /** Asks for everything that answers at once. */
  abstract refresh(): Promise<void>;
  /** A snapshot of this volume, which a caller names. */
  abstract snapshotOf(snapshot: View | string): RemoteView;
  /** Nothing that goes another way overtakes a message that was sent before. */
  protected abstract fence(): void;

  readonly #watch = new RemoteWatch(async (more, signal) => {
    const answer = this.request("events", { more }, { signal });
    if (!more) this.fence();
    return (await answer).head.event as VolumeEvent | null;
  });

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

  /** Commits from now on: what is asked for after this comes after it at the server, too. */
  watch(options: WatchOptions = {}): AsyncIterableIterator<VolumeEvent> {
    return this.#watch.watch(options);
  }

  async snapshotUsage({ signal, progress }: ProgressOptions = {}): Promise<SnapshotUsage[]> {
    const usages: SnapshotUsage[] = [];
    const rows = (rows: unknown[]) => collect(usages, rows);
    const again = () => usages.splice(0);
    await this.request("usage", {}, { signal, progress, rows, again });
    return usages;
  }

  async accounting(options: AccountingOptions = {}): Promise<Accounting> {
    const { without = [], signal, progress } = options;
    const snapshots: SnapshotUsage[] = [];
    const rows = (rows: unknown[]) => collect(snapshots, rows);
    const payload = idsOf(new Set(without.map((snapshot) => this.snapshotOf(snapshot))));
    const ask = { payload, signal, progress, rows };
    const { head } = await this.request("account", {}, ask);
    return { ...(head as unknown as Omit<Accounting, "snapshots">), snapshots };
  }

  async check({ data = false, signal, progress }: CheckOptions = {}): Promise<CheckReport> {
    const found: Finding[] = [];
    const rows = (rows: unknown[]) => collect(found, rows);
    const again = () => found.splice(0);
    const { report } = await this.change("check", { data }, { signal, progress, rows, again });
    return reportOf(report as CheckReport, found);
  }

  async identity(snapshot: View | string): Promise<SnapshotIdentity> {
    const view = this.snapshotOf(snapshot).reference;
    return (await this.request("identity", { view })).head.identity as SnapshotIdentity;
  }

  protected endWatches(): void {
    this.#watch.close();
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
}
