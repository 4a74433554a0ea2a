/** What a client changes of the views that a server has: rollback, sizes, marks. */
import { MultisnapError } from "../errors.ts";
import type { ResizeOptions, RollbackOptions, View, ViewChanges } from "../volume/types.ts";
import { PAYLOAD_BYTES_MAX } from "./limits.ts";
import type { Head } from "./message.ts";
import type { RemoteView, ViewRow } from "./remote-view.ts";
import type { Ask } from "./session.ts";

/** Bytes of an id in a list of snapshots. */
const ID_BYTES = 4;

export abstract class RemoteChanges {
  abstract get origin(): RemoteView;
  abstract get(name: string): RemoteView;
  abstract own(view: View): RemoteView;
  /** A request whose answer may bring the state after it. */
  abstract change(op: string, head?: Head, ask?: Ask): Promise<Head>;
  /** A snapshot is known from now on. */
  protected abstract enter(row: ViewRow): RemoteView;

  async rollback(to: View | string, options: RollbackOptions = {}): Promise<void> {
    const { of = this.origin, keepAs = null, signal, progress } = options;
    const view = this.own(of);
    const source = typeof to === "string" ? this.get(to) : this.own(to);
    const head = { of: view.reference, to: source.reference, keepAs };
    const answer = await this.change("rollback", head, { signal, progress });
    view.update(answer.view as ViewRow);
    if (answer.kept !== null) this.enter(answer.kept as ViewRow);
  }

  async resize(size: number, options: ResizeOptions = {}): Promise<void> {
    const { shrink = false, signal, progress } = options;
    const answer = await this.change("resize", { size, shrink }, { signal, progress });
    this.origin.update(answer.view as ViewRow);
  }

  async setMaxSize(bytes: number | null): Promise<void> {
    await this.change("limit", { bytes });
  }

  async set(view: View | string, changes: ViewChanges): Promise<void> {
    await this.#mark("set", view, { ...changes });
  }

  async addHold(snapshot: View | string, reason: string): Promise<void> {
    await this.#mark("addhold", snapshot, { reason });
  }

  async removeHold(snapshot: View | string, reason: string): Promise<void> {
    await this.#mark("removehold", snapshot, { reason });
  }

  async #mark(op: string, of: View | string, head: Head): Promise<void> {
    const view = typeof of === "string" ? this.get(of) : this.own(of);
    const answer = await this.change(op, { ...head, view: view.reference });
    view.update(answer.view as ViewRow);
  }
}

/** A list of snapshots, as a request has it. */
export function idsOf(views: ReadonlySet<RemoteView>): Uint8Array {
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
