/** Does the steps of a life: each client's one after the other, different clients' together. */

import type { View } from "../../src/volume/types.ts";
import { Random } from "../model/prng.ts";
import { keepsWhatWas, rollsBack } from "../model/subjects.ts";
import type { Life } from "./life.ts";
import type { Action, Step } from "./plan.ts";
import { reopen } from "./reopen.ts";
import { compareDiff, compareExtents } from "./reports.ts";

type Of<D extends Action["do"]> = Extract<Action, { do: D }>;

type Zeroing = Extract<Action, { do: "trim" | "zero" }>;

/** Steps that begin when nothing is in flight, and let nobody else begin. */
const ALONE: ReadonlySet<Action["do"]> = new Set([
  "clone",
  "diff",
  "extents",
  "reopen",
  "merge",
  "rollback",
  "resize",
  "join",
]);

export async function runSteps(life: Life, steps: readonly Step[]): Promise<void> {
  const { power } = life.machine;
  const running = new Map<number, Promise<void>>();
  const failures: unknown[] = [];
  const ended = async (which: Iterable<Promise<void> | undefined>, what: string) => {
    const waited = [...which].filter((one) => one !== undefined);
    if (waited.length > 0) await power.settled(Promise.all(waited), what);
    if (failures.length > 0) throw failures[0];
  };
  for (const step of steps) {
    const { client } = step;
    const isAlone = ALONE.has(step.do);
    const before = isAlone ? running.values() : [running.get(client)];
    await ended(before, `what client ${client} waits for`);
    if (isAlone) await power.settled(life.rest(), "rest");
    if (life.isOver) return;
    life.tally.operations++;
    const request = runStep(life, step)
      .catch((error) => {
        failures.push(error);
      })
      .finally(() => {
        if (running.get(client) === request) running.delete(client);
      });
    running.set(client, request);
    if (isAlone) await ended([request], step.do);
  }
  await ended(running.values(), "the last requests");
  await power.settled(life.rest(), "rest");
}

async function runStep(life: Life, step: Step): Promise<void> {
  switch (step.do) {
    case "write":
      return write(life, step);
    case "read":
      return read(life, step);
    case "trim":
    case "zero":
      return zero(life, step);
    case "extents": {
      const view = life.pick(step.view);
      const { offset, length } = inside(view, step);
      return compareExtents(life, view, offset, length);
    }
    case "diff":
      return compareDiff(life, life.pick(step.from), life.pick(step.to));
    case "clone":
      return clone(life, step);
    case "snapshot":
      return snapshot(life, step);
    case "message":
      return message(life, step);
    case "delete":
      return remove(life, step.views);
    case "rollback":
      return rollback(life, step);
    case "resize":
      return resize(life, step.size);
    case "describe":
      return describe(life, step);
    case "rename":
      return rename(life, step);
    case "reopen":
      return reopen(life, step.how, step.views);
    case "merge":
      return merge(life);
    case "fault":
      return life.machine.faults.arm(step);
    case "full":
      life.machine.faults.room = step.blocks;
      return;
    case "heal":
      return life.machine.faults.heal();
    case "flush":
      return flush(life);
    default:
      return look(life, step.do);
  }
}

/** What of a range a view has, or one like it: sizes change. */
function inside({ size }: View, { offset, length }: { offset: number; length: number }) {
  const at = offset % size;
  return { offset: at, length: Math.min(length, size - at) };
}

/** A change of a view: marked when it is asked for, and when it was answered. */
async function change(
  life: Life,
  view: View,
  offset: number,
  bytes: Uint8Array,
  request: () => Promise<void> | void,
): Promise<void> {
  const key = life.mark({ do: "patch", view: view.id, offset, bytes });
  const isDone = await life.on([view.id], () => life.attempt(request));
  life.mark({ do: "patched", isDone }, key);
}

function write(life: Life, { view: number, data, how, ...range }: Of<"write">) {
  const view = life.writable(number);
  const { offset, length } = inside(view, range);
  const bytes = new Random(data).bytes(length);
  const request = () => {
    if (how === "async") return view.write(offset, bytes);
    if (how === "start") return view.startWrite(offset, bytes) ?? undefined;
    return life.orBusy(() => view.writeSync(offset, bytes));
  };
  return change(life, view, offset, bytes, request);
}

async function read(life: Life, { view: number, how, ...range }: Of<"read">) {
  const view = life.pick(number);
  const { offset, length } = inside(view, range);
  await life.on([view.id], () =>
    life.read(view, offset, length, (target) => {
      if (how === "async") return view.read(offset, target);
      if (how === "start") return view.startRead(offset, target);
      return life.orBusy(() => view.readSync(offset, target));
    }),
  );
}

function zero(life: Life, step: Zeroing): Promise<void> {
  const view = life.writable(step.view);
  const { offset, length } = inside(view, step);
  if (step.do === "zero") {
    const bytes = new Uint8Array(length);
    return change(life, view, offset, bytes, () => view.writeZeroes(offset, length));
  }
  const [first, end] = life.wholeChunks(view, offset, length);
  const bytes = new Uint8Array(Math.max(0, end - first));
  return change(life, view, first, bytes, () => view.trim(offset, length));
}

async function clone(life: Life, { view, source, offset, ...range }: Of<"clone">): Promise<void> {
  const [target, from] = [life.writable(view), life.pick(source)];
  const { chunk } = life.world;
  const least = Math.min(target.size, from.size);
  const whole = least === target.size ? least : Math.floor(least / chunk) * chunk;
  const length = Math.min(range.length, whole - offset);
  if (length <= 0) return;
  if (life.oracle.view(from.id)?.content.isVague(offset, length)) return;
  const bytes = await life.adopt(from, offset, length);
  if (bytes === null) return;
  await change(life, target, offset, bytes, () => target.cloneFrom(from, offset, length));
}

async function snapshot(life: Life, { view, name, readOnly }: Of<"snapshot">): Promise<void> {
  const of = life.pick(view);
  const key = life.mark({ do: "snapshot", of: of.id, name });
  let id: number | null = null;
  await life.on([of.id], () =>
    life.attempt(async () => {
      id = (await of.snapshot(name, { readOnly })).id;
    }),
  );
  life.mark({ do: "snapped", id }, key);
}

async function message(life: Life, { verb, view: number }: Of<"message">): Promise<void> {
  const [view] = life.snapshots([number]);
  if (verb === "delete") return remove(life, [number], true);
  if (verb === "create_subsnap" && view === undefined) return;
  const of = verb === "create" || view === undefined ? life.volume.origin : view;
  const text = verb === "create" ? verb : `${verb} ${of.id}`;
  const key = life.mark({ do: "snapshot", of: of.id, name: null });
  let id: number | null = null;
  await life.on([of.id], () =>
    life.attempt(async () => {
      id = await life.volume.message(text);
    }),
  );
  life.mark({ do: "snapped", id }, key);
}

async function remove(life: Life, numbers: readonly number[], byMessage = false): Promise<void> {
  const { rollingBack } = life.volume.status();
  const views = life.snapshots(numbers).filter(({ name }) => name !== rollingBack);
  const ids = views.map(({ id }) => id);
  if (ids.length === 0) return;
  await life.reserve(ids);
  const key = life.mark({ do: "delete", ids });
  const isDone = await life.owed(async () => {
    if (byMessage) await life.volume.message(`delete ${ids[0]}`);
    else await life.volume.delete(...views);
  });
  life.mark({ do: "deleted", isDone }, key);
  for (const id of ids) life.doomed.delete(id);
}

/** Refused, it has changed nothing; where the store has failed, nobody knows. */
async function rollback(life: Life, { view, to, keepAs, waits }: Of<"rollback">): Promise<void> {
  const [of, source] = [life.writable(view), life.pick(to)];
  const { capabilities } = life.subject;
  const isOrigin = of.id === life.volume.origin.id;
  if (of.id === source.id || !rollsBack(capabilities, life.world.mode, isOrigin)) return;
  const { faults } = life.machine;
  const isAttached = isOrigin && life.world.mode === "attached";
  const copies = !capabilities.ofSnapshots || isAttached;
  // Copies that a full store or a broken disk cuts off leave half of each, until it goes on.
  if (copies && !(faults.areNone && life.world.maxSize === null)) return;
  const isKept = keepAs !== null && keepsWhatWas(capabilities, isOrigin);
  const options = { of, ...(isKept && { keepAs }) };
  const key = life.mark({
    do: "rollback",
    id: of.id,
    to: source.id,
    keepAs: isKept ? keepAs : null,
  });
  const isDone = await life.on([of.id, source.id], () =>
    life.attempt(() => {
      const rolling = life.volume.rollback(source, options);
      return waits || !isAttached ? rolling : life.beside(rolling);
    }),
  );
  const kept = isDone && isKept ? life.volume.get(keepAs).id : null;
  const outcome = isDone ? "done" : life.volume.readOnly ? "unknown" : "refused";
  life.mark({ do: "rolled", outcome, kept }, key);
  if (outcome === "unknown") life.isOver = true;
}

/** Refused, it may have made zeros of the end. */
async function resize(life: Life, size: number): Promise<void> {
  const { volume } = life;
  const key = life.mark({ do: "resize", id: volume.origin.id, size });
  const isDone = await life.on([volume.origin.id], () =>
    life.attempt(() => volume.resize(size, { shrink: true })),
  );
  const outcome = isDone ? "done" : volume.readOnly ? "unknown" : "refused";
  life.mark({ do: "rolled", outcome, kept: null }, key);
  if (outcome === "unknown") life.isOver = true;
}

/** What views are marked with goes through the journal as all else does. */
async function describe(life: Life, { view: number, note }: Of<"describe">): Promise<void> {
  const [view] = life.snapshots([number]);
  if (view === undefined) return;
  const { volume } = life;
  await life.reserve([view.id]);
  const isDone = await life.attempt(async () => {
    await volume.set(view, { note });
    await volume.addHold(view, note);
    const error = await volume.delete(view).catch((caught) => caught);
    if (error?.code === undefined) throw new Error(`a held snapshot is deleted`);
    await volume.removeHold(view, note);
  });
  life.doomed.delete(view.id);
  const isThere = volume.snapshots.some(({ id }) => id === view.id);
  if (isDone && isThere && view.note !== note)
    throw new Error(`a note is ${view.note}, not ${note}`);
}

async function rename(life: Life, { view: number, name }: Of<"rename">): Promise<void> {
  const [view] = life.snapshots([number]);
  if (view === undefined) return;
  await life.reserve([view.id]);
  const key = life.mark({ do: "rename", id: view.id, name });
  const isDone = await life.attempt(() => life.volume.rename(view, name));
  life.mark({ do: "renamed", isDone }, key);
  life.doomed.delete(view.id);
}

async function flush(life: Life): Promise<void> {
  const key = life.mark({ do: "flush" });
  const isDone = await life.owed(() => life.volume.flush());
  life.mark({ do: "flushed", isDone }, key);
}

/** The origin becomes what the snapshot is; opened again, the volume has a snapshot again. */
async function merge(life: Life): Promise<void> {
  const { volume, oracle } = life;
  const snapshot = volume.snapshots[0];
  if (snapshot === undefined || life.subject.capabilities.crash === "lost") return;
  if (oracle.view(snapshot.id)?.content.isVague(0, snapshot.size)) return;
  const bytes = await life.adopt(snapshot, 0, snapshot.size);
  if (bytes === null) return;
  let isDone = false;
  await change(life, volume.origin, 0, bytes.subarray(0, volume.origin.size), async () => {
    await volume.merge();
    isDone = true;
  });
  if (!isDone) life.isOver = true;
  else await reopen(life, "close", []);
}

/** What changes nothing. */
async function look(life: Life, what: Action["do"]): Promise<void> {
  const { volume } = life;
  if (what === "reclaimed") await life.owed(() => volume.reclaimed());
  if (what === "costs") await life.attempt(() => volume.snapshotUsage());
  if (what === "check") {
    await life.attempt(async () => life.mustBeClean(await volume.check()));
  }
  if (what !== "status") return;
  const { dataBytes, freeBytes, snapshots } = volume.status();
  const { storeBytes } = volume.usage();
  if ([dataBytes, freeBytes, snapshots, storeBytes].every((number) => number >= 0)) return;
  throw new Error(`status: ${JSON.stringify(volume.status())}`);
}
