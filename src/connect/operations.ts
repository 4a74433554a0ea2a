/**
 * What a client can ask for, by name: each takes a request apart, calls the volume, and says what
 * it costs in memory. PROTOCOL.md has the table.
 */
import type { Later } from "../devices/device.ts";
import { MultisnapError } from "../errors.ts";
import type { ByteRange, CheckProblem, SnapshotUsage, View, Volume } from "../volume/types.ts";
import { flagOf, numberOf, snapshotsOf, textOf, textsOf, viewOf } from "./arguments.ts";
import type { HeldViews } from "./held.ts";
import { MESSAGE_LENGTH_MAX, PAYLOAD_BYTES_MAX } from "./limits.ts";
import type { Head } from "./message.ts";
import { STREAMS } from "./streams.ts";
import { WATCHING } from "./watching.ts";

/** What a server serves. */
export interface Served {
  volume: Volume;
  /** Paths of everything that the volume stands on, the store first. */
  files: string[];
  /** Counters of the server. */
  live: () => object;
  /** Where a client may close the volume. */
  close?: () => Promise<void>;
  /** Does requests instead of what the table of operations says. */
  perform?: (op: string, call: Call) => Promise<Result>;
}

export interface Call {
  head: Head;
  payload: Uint8Array;
  /** Aborted where the client takes the request back or goes; its reason is a `MultisnapError`. */
  signal: AbortSignal;
  progress: (done: number, total: number) => void;
  /** Of the client. */
  held: HeldViews;
  /** Sends a row. A promise where the client has to take others first. */
  row: (row: unknown) => Later;
  /** What an answer to a change brings of the state, where there are many of them. */
  tells: () => "all" | "usage" | "nothing";
}

export interface Result {
  head?: Head;
  payload?: Uint8Array;
}

export interface Operation {
  /** Bytes that it needs beside the request. */
  cost?: (served: Served, head: Head) => number;
  /** Done twice it is something else than done once. */
  changes?: boolean;
  /** Afterwards there are other snapshots than before, or other names. */
  views?: boolean;
  run: (served: Served, call: Call) => Promise<Result>;
}

const ROW_BYTES = 128;
/** A check's map of places and set of blocks, for a store of some terabytes. */
const CHECK_BYTES = 8 * 2 ** 20;
/** Ranges of an answer; each has two numbers of at most 16 digits. */
const PAGE_ROWS = 1000;
const PAGE_BYTES = 64 * PAGE_ROWS;
/** A piece of each view that a diff of contents reads. */
const CONTENT_BYTES = 2 * 2 ** 20;

const perSnapshot = ({ volume }: Served) => volume.usage().snapshots * ROW_BYTES;

export const OPERATIONS: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ["status", { run: status }],
  ["state", { cost: perSnapshot, run: state }],
  ["read", { cost: (_, head) => numberOf(head, "length", PAYLOAD_BYTES_MAX), run: read }],
  ["write", { changes: true, run: write }],
  ["trim", { changes: true, run: trim }],
  ["zero", { changes: true, run: writeZeroes }],
  ["clone", { changes: true, run: clone }],
  ["flush", { run: flush }],
  ["hold", { run: hold }],
  ["release", { run: release }],
  ["snapshot", { changes: true, views: true, run: snapshot }],
  ["delete", { changes: true, views: true, cost: perSnapshot, run: deleteSnapshots }],
  ["rename", { changes: true, views: true, run: rename }],
  ["rollback", { changes: true, views: true, run: rollback }],
  ["resize", { changes: true, views: true, run: resize }],
  ["limit", { changes: true, views: true, run: limit }],
  ["set", { changes: true, views: true, run: set }],
  ["addhold", { changes: true, views: true, run: addHold }],
  ["removehold", { changes: true, views: true, run: removeHold }],
  ["message", { changes: true, views: true, run: message }],
  ["merge", { changes: true, views: true, run: merge }],
  ["identity", { run: identity }],
  ["reclaimed", { run: reclaimed }],
  ["usage", { cost: perSnapshot, run: usage }],
  ["account", { cost: perSnapshot, run: account }],
  ["check", { cost: () => CHECK_BYTES, run: check }],
  ["diff", { cost: (_, head) => PAGE_BYTES + (head.content ? CONTENT_BYTES : 0), run: diff }],
  ["extents", { cost: () => PAGE_BYTES, run: extents }],
  ...STREAMS,
  ...WATCHING,
]);

async function status(served: Served): Promise<Result> {
  return { head: statusOf(served) };
}

async function state(served: Served, { row }: Call): Promise<Result> {
  const { volume } = served;
  const { chunk, uuid, readOnly, synchronous } = volume;
  // All of one instant: later a snapshot may be gone.
  const facts = { chunk, uuid, readOnly, synchronous };
  const head = { ...facts, origin: viewRow(volume.origin), ...statusOf(served) };
  for (const view of volume.snapshots.map(viewRow)) {
    const later = row(view);
    if (later) await later;
  }
  return { head };
}

/** Comes with an answer to a change, so that the client knows what is after it. */
export function statusOf({ volume, live }: Served): Head {
  return { status: volume.status(), usage: volume.usage(), server: live() };
}

function stateAfter(served: Served, { tells }: Call): Head {
  const what = tells();
  if (what === "all") return statusOf(served);
  return what === "usage" ? { usage: served.volume.usage() } : {};
}

export function viewRow(view: View): Head {
  const { id, name, parent, created, size, readOnly, note, tags, holds } = view;
  return { id, name, parent, created, size, readOnly, note, tags, holds };
}

async function read({ volume }: Served, { head }: Call): Promise<Result> {
  const view = viewOf(volume, head, "view");
  const payload = new Uint8Array(numberOf(head, "length", PAYLOAD_BYTES_MAX));
  await view.read(numberOf(head, "offset"), payload);
  return { payload };
}

async function write(served: Served, call: Call): Promise<Result> {
  const { head, payload } = call;
  await viewOf(served.volume, head, "view").write(numberOf(head, "offset"), payload);
  return { head: stateAfter(served, call) };
}

async function trim(served: Served, call: Call): Promise<Result> {
  const { head } = call;
  const view = viewOf(served.volume, head, "view");
  await view.trim(numberOf(head, "offset"), numberOf(head, "length"));
  return { head: stateAfter(served, call) };
}

async function writeZeroes(served: Served, call: Call): Promise<Result> {
  const { head } = call;
  const view = viewOf(served.volume, head, "view");
  await view.writeZeroes(numberOf(head, "offset"), numberOf(head, "length"));
  return { head: stateAfter(served, call) };
}

async function clone(served: Served, call: Call): Promise<Result> {
  const { head } = call;
  const [view, from] = [viewOf(served.volume, head, "view"), viewOf(served.volume, head, "from")];
  await view.cloneFrom(from, numberOf(head, "offset"), numberOf(head, "length"));
  return { head: stateAfter(served, call) };
}

async function flush(served: Served): Promise<Result> {
  await served.volume.flush();
  return { head: statusOf(served) };
}

/** In force before any request that comes after it: there is nothing to wait for. */
async function hold({ volume }: Served, { head, held }: Call): Promise<Result> {
  held.take(viewOf(volume, head, "view"));
  return {};
}

async function release(_: Served, { head, held }: Call): Promise<Result> {
  held.release(numberOf(head, "id"));
  return {};
}

async function snapshot(served: Served, { head }: Call): Promise<Result> {
  const { volume } = served;
  const of = viewOf(volume, head, "of");
  const readOnly = flagOf(head, "readOnly");
  const view = await volume.snapshot(textOf(head, "name"), { of, readOnly });
  return { head: { view: viewRow(view), ...statusOf(served) } };
}

async function deleteSnapshots(served: Served, { payload }: Call): Promise<Result> {
  await served.volume.delete(...snapshotsOf(served.volume, payload));
  return { head: statusOf(served) };
}

async function rename(served: Served, { head }: Call): Promise<Result> {
  await served.volume.rename(viewOf(served.volume, head, "view"), textOf(head, "name"));
  return { head: statusOf(served) };
}

async function rollback(served: Served, { head, signal, progress }: Call): Promise<Result> {
  const { volume } = served;
  const of = viewOf(volume, head, "of");
  const keepAs = head.keepAs === null ? null : textOf(head, "keepAs");
  const options = { of, signal, progress, ...(keepAs !== null && { keepAs }) };
  await volume.rollback(viewOf(volume, head, "to"), options);
  const kept = keepAs !== null && volume.has(keepAs) ? viewRow(volume.get(keepAs)) : null;
  return { head: { view: viewRow(of), kept, ...statusOf(served) } };
}

async function resize(served: Served, { head, signal, progress }: Call): Promise<Result> {
  const { volume } = served;
  const shrink = flagOf(head, "shrink");
  await volume.resize(numberOf(head, "size"), { shrink, signal, progress });
  return { head: { view: viewRow(volume.origin), ...statusOf(served) } };
}

async function limit(served: Served, { head }: Call): Promise<Result> {
  await served.volume.setMaxSize(head.bytes === null ? null : numberOf(head, "bytes"));
  return { head: statusOf(served) };
}

async function set(served: Served, { head }: Call): Promise<Result> {
  const view = viewOf(served.volume, head, "view");
  await served.volume.set(view, {
    ...(head.readOnly !== undefined && { readOnly: flagOf(head, "readOnly") }),
    ...(head.note !== undefined && { note: head.note === null ? null : textOf(head, "note") }),
    ...(head.tags !== undefined && { tags: textsOf(head, "tags") }),
  });
  return changed(served, view);
}

async function addHold(served: Served, { head }: Call): Promise<Result> {
  const view = viewOf(served.volume, head, "view");
  await served.volume.addHold(view, textOf(head, "reason"));
  return changed(served, view);
}

async function removeHold(served: Served, { head }: Call): Promise<Result> {
  const view = viewOf(served.volume, head, "view");
  await served.volume.removeHold(view, textOf(head, "reason"));
  return changed(served, view);
}

/** A view as it is now: who looked it up before it was changed may have it as it was. */
function changed(served: Served, { id, name }: View): Result {
  const now = name === null ? served.volume.origin : served.volume.get(name);
  if (now.id !== id) throw new MultisnapError("NotFound", "the snapshot has been deleted");
  return { head: { view: viewRow(now), ...statusOf(served) } };
}

async function identity({ volume }: Served, { head }: Call): Promise<Result> {
  return { head: { identity: await volume.identity(viewOf(volume, head, "view")) } };
}

async function message(served: Served, { head }: Call): Promise<Result> {
  const { volume } = served;
  const id = await volume.message(textOf(head, "text"));
  const made = volume.snapshots.find((view) => view.id === id);
  return { head: { id, view: made ? viewRow(made) : null, ...statusOf(served) } };
}

async function merge(served: Served, { signal, progress }: Call): Promise<Result> {
  await served.volume.merge({ signal, progress });
  return { head: statusOf(served) };
}

async function reclaimed(served: Served, { signal, progress }: Call): Promise<Result> {
  await served.volume.reclaimed({ signal, progress });
  return { head: statusOf(served) };
}

async function usage({ volume }: Served, { row, signal, progress }: Call): Promise<Result> {
  const usages: SnapshotUsage[] = await volume.snapshotUsage({ signal, progress });
  for (const usage of usages) {
    const later = row(usage);
    if (later) await later;
  }
  return {};
}

async function account({ volume }: Served, call: Call): Promise<Result> {
  const { payload, row, signal, progress } = call;
  const without = snapshotsOf(volume, payload);
  const { snapshots, ...bytes } = await volume.accounting({ without, signal, progress });
  for (const usage of snapshots) {
    const later = row(usage);
    if (later) await later;
  }
  return { head: bytes };
}

async function check(served: Served, { head, row, signal, progress }: Call): Promise<Result> {
  const data = head.data === true;
  const found = await served.volume.check({ data, signal, progress });
  const { problems, notes, losses, ...report } = found;
  for (const { where, message } of problems) {
    const problem: CheckProblem = { message: message.slice(0, MESSAGE_LENGTH_MAX), where };
    await row({ problem });
  }
  for (const note of notes) await row({ note: note.slice(0, MESSAGE_LENGTH_MAX) });
  for (const loss of losses) await row({ loss });
  return { head: { report, ...statusOf(served) } };
}

async function diff({ volume }: Served, { head, signal, progress }: Call): Promise<Result> {
  const within = { offset: numberOf(head, "offset"), length: numberOf(head, "length") };
  // A client of version 1 that knows nothing of it leaves it out.
  const content = head.content === undefined ? false : flagOf(head, "content");
  const options = { ...within, content, signal, progress };
  const ranges = volume.diff(viewOf(volume, head, "from"), viewOf(volume, head, "to"), options);
  return { head: await page(ranges, ({ offset, length }) => [offset, length]) };
}

async function extents({ volume }: Served, { head }: Call): Promise<Result> {
  const view = viewOf(volume, head, "view");
  const found = view.extents(numberOf(head, "offset"), numberOf(head, "length"));
  return { head: await page(found, ({ offset, length, data }) => [offset, length, data]) };
}

/** The first ranges, and where the others begin; null where there are none. */
async function page<T extends ByteRange>(
  ranges: AsyncIterable<T>,
  row: (range: T) => unknown,
): Promise<Head> {
  const rows: unknown[] = [];
  for await (const range of ranges) {
    rows.push(row(range));
    if (rows.length === PAGE_ROWS) return { rows, next: range.offset + range.length };
  }
  return { rows, next: null };
}
