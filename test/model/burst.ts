/**
 * Requests that are in flight together, many of them on the same chunks of several views. What is
 * found afterwards (and what the reads among them found) must be explained by some order, sector
 * by sector.
 */
import type { MultisnapError } from "../../src/errors.ts";
import type { View } from "../../src/volume/types.ts";
import { firstUnexplained, type Patch } from "./explain.ts";
import type { History, Range } from "./history.ts";

interface Flight {
  history: History;
  /** Of the views at the start. */
  patches: Patch[];
  snapshots: { of: number; name: string; made: Promise<View> }[];
  reads: { id: number; range: Range; target: Uint8Array }[];
  promises: Promise<unknown>[];
  /** Deleted once in this burst: no other request goes there. */
  victim: number | null;
  deleted: boolean;
  near: Range;
}

const kinds = {
  write: 40,
  read: 20,
  writeZeroes: 4,
  trim: 4,
  snapshot: 5,
  flush: 4,
  reclaimed: 1,
  delete: 3,
};

export async function runBurst(history: History): Promise<{ id: number; range: Range }> {
  const { random, model } = history;
  const ids = [...model.snapshots.keys()].filter((id) => history.mayGo(id));
  const canDelete = history.subject.capabilities.delete && ids.length > 1;
  const victim = canDelete && random.chance(0.3) ? random.pick(ids) : null;
  const near = history.range();
  const flight: Flight = {
    history,
    patches: [],
    snapshots: [],
    reads: [],
    promises: [],
    victim,
    deleted: false,
    near,
  };
  const count = random.between(2, 10);
  for (let i = 0; i < count; i++) {
    const kind = random.weighted(kinds);
    launch(flight, isPossible(flight, kind) ? kind : "write");
  }
  await Promise.all(flight.promises);
  verifyReads(flight);
  await adoptSnapshots(flight);
  await adoptWrites(flight);
  if (victim !== null && flight.deleted) model.delete(victim);
  return { id: model.origin, range: near };
}

function isPossible({ history, victim, deleted, snapshots }: Flight, kind: string): boolean {
  if (kind === "delete") return victim !== null && !deleted;
  const there = history.model.snapshots.size + snapshots.length;
  return kind !== "snapshot" || there < history.subject.capabilities.snapshots;
}

function target(flight: Flight, forWrite: boolean): number {
  const { history, victim } = flight;
  const id = forWrite ? history.writableView() : history.anyView();
  return id === victim ? history.model.origin : id;
}

/** Mostly close to the others, so that they meet. */
function rangeOf(flight: Flight, id: number): Range {
  const { history, near } = flight;
  const { random, world } = history;
  if (random.chance(0.3)) return history.range(id);
  const { length } = history.range(id);
  const shift = random.pick([0, 0, 1, 512, world.chunk]);
  const offset = near.offset + shift;
  return history.inside(id, { offset, length: Math.min(length, 2 * world.chunk) });
}

function launch(flight: Flight, kind: keyof typeof kinds): void {
  const { history, promises, patches } = flight;
  const { volume, model, random, world } = history;
  const id = target(flight, kind !== "read" && kind !== "snapshot");
  const range = rangeOf(flight, id);
  history.note(
    `  | ${kind} ${kind === "delete" ? flight.victim : id} ${range.offset}+${range.length}`,
  );
  switch (kind) {
    case "write": {
      const bytes = history.data(range.length);
      const sync = history.answersAtOnce && random.chance(0.2);
      const patch: Patch = { view: id, offset: range.offset, bytes };
      if (sync) patch.optional = !wroteNow(history.view(id), patch);
      else promises.push(history.view(id).write(range.offset, bytes));
      patches.push(patch);
      return;
    }
    case "writeZeroes":
      promises.push(history.view(id).writeZeroes(range.offset, range.length));
      patches.push({ view: id, offset: range.offset, bytes: new Uint8Array(range.length) });
      return;
    case "trim": {
      const view = history.trimmable(id);
      const end = Math.floor(model.sizeOf(view) / world.chunk) * world.chunk;
      const length = Math.max(0, Math.min(range.length, end - range.offset));
      promises.push(history.view(view).trim(Math.min(range.offset, end), length));
      const [first, last] = model.wholeChunks(view, range.offset, length);
      if (first < last) patches.push({ view, offset: first, bytes: new Uint8Array(last - first) });
      return;
    }
    case "read": {
      const bytes = new Uint8Array(range.length).fill(0xdd);
      promises.push(history.view(id).read(range.offset, bytes));
      flight.reads.push({ id, range, target: bytes });
      return;
    }
    case "snapshot": {
      const of = history.subject.capabilities.ofSnapshots ? id : model.origin;
      const name = history.newName();
      const made = history.view(of).snapshot(name);
      promises.push(made);
      flight.snapshots.push({ of, name, made });
      return;
    }
    case "flush":
      promises.push(volume.flush());
      return;
    case "reclaimed":
      promises.push(volume.reclaimed());
      return;
    case "delete":
      promises.push(volume.delete(history.view(flight.victim as number)));
      flight.deleted = true;
  }
}

/** `Busy` is an answer where others are in flight. */
function wroteNow(view: View, { offset, bytes }: Patch): boolean {
  try {
    view.writeSync(offset, bytes);
    return true;
  } catch (error) {
    if ((error as MultisnapError).code === "Busy") return false;
    throw error;
  }
}

function verifyReads(flight: Flight): void {
  for (const { id, range, target: found } of flight.reads) {
    const before = flight.history.model.read(id, range.offset, range.length);
    const patches = flight.patches.filter((patch) => patch.view === id);
    const at = firstUnexplained(before, patches, found, range.offset, "some");
    if (at >= 0) throw new Error(`a concurrent read of view ${id} at ${at}: no order explains it`);
  }
}

/**
 * A snapshot taken among the writes has any of them, and nothing else. The model takes what is
 * found.
 */
async function adoptSnapshots(flight: Flight): Promise<void> {
  const { model } = flight.history;
  for (const { of, name, made } of flight.snapshots) {
    const view = await made;
    model.snapshot(of, view.id, name);
    const patches = flight.patches.filter((patch) => patch.view === of);
    for (const patch of patches) await adopt(flight, view, patch, patches, "some", of);
  }
}

async function adoptWrites(flight: Flight): Promise<void> {
  for (const patch of flight.patches) {
    const patches = flight.patches.filter((other) => other.view === patch.view);
    const view = flight.history.view(patch.view);
    await adopt(flight, view, patch, patches, "all", patch.view);
  }
}

/**
 * Overlapping patches are adopted one after another: an order that explains the sector at the
 * first of them explains it again on top of itself.
 */
async function adopt(
  flight: Flight,
  view: View,
  patch: Patch,
  patches: Patch[],
  rule: "all" | "some",
  of: number,
): Promise<void> {
  const { model } = flight.history;
  const found = new Uint8Array(patch.bytes.length);
  await view.read(patch.offset, found);
  const old = model.read(of, patch.offset, found.length);
  const at = firstUnexplained(old, patches, found, patch.offset, rule);
  if (at >= 0) throw new Error(`view ${view.id} at ${at} after a burst: no order explains it`);
  model.write(view.id, patch.offset, found);
}
