/**
 * Steps of a random history that change what views are: their sizes, whether they can be written,
 * what they are marked with, who holds them; and groups of snapshots.
 */
import { snapshotAll } from "../../src/volume/life/snapshot-all.ts";
import { DiskVolume } from "../../src/volume/volume.ts";
import { expectCode, type History } from "./history.ts";
import type { Marks } from "./model.ts";

/** Bytes: what is compared stays small. */
const LARGEST = 2 ** 20;
const REASONS = ["backup", "audit"];

/** The origin gets another size; to a smaller one only where that is said. */
export async function resize(history: History): Promise<void> {
  const { volume, model, random } = history;
  const from = model.size;
  const size = newSize(history);
  history.note(`resize ${from} to ${size}`);
  if (size < from) await expectCode("Invalid", volume.resize(size));
  await volume.resize(size, { shrink: random.chance(0.5) || size < from });
  model.resize(model.origin, size);
  if (volume.origin.size !== size) throw new Error(`a size of ${volume.origin.size}, not ${size}`);
  const end = Math.min(size, Math.min(from, size) + 2 * history.world.chunk);
  const offset = Math.max(0, Math.min(from, size) - history.world.chunk);
  await history.verify(model.origin, { offset, length: end - offset });
}

/** A large volume loses little: what an attached origin has there is copied out. */
function newSize({ model, random, world }: History): number {
  const unit = random.pick([world.chunk, 512]);
  if (world.shape === "sparse") {
    const most = Math.min(model.size, 8 * world.chunk) / unit;
    return Math.max(unit, model.size + unit * random.between(-Math.floor(most), 64));
  }
  return unit * random.between(1, Math.floor(Math.min(2 * world.size, LARGEST) / unit));
}

/** Read-only and back, a note, tags. */
export async function set(history: History): Promise<void> {
  const { volume, model, random } = history;
  const id = history.anyView();
  const snapshot = model.snapshots.get(id);
  const what = random.pick(snapshot ? ["readOnly", "note", "tags"] : ["note", "tags"]);
  const marks = model.marksOf(id);
  history.note(`set ${what} of ${id}`);
  const text = random.chance(0.3) ? null : `ü ${random.below(1000)}`;
  if (snapshot && what === "readOnly") {
    const readOnly = random.chance(0.5);
    await volume.set(history.view(id), { readOnly });
    snapshot.readOnly = readOnly;
  } else if (what === "note") {
    await volume.set(history.view(id), { note: text });
    model.marks.set(id, { ...marks, note: text });
  } else {
    const tags = text === null ? [] : [text, "a"];
    await volume.set(history.view(id), { tags });
    model.marks.set(id, { ...marks, tags: tags.sort() });
  }
  history.sameViews();
}

/** Held twice is held once; what is held is not deleted, nor what was to go with it. */
export async function hold(history: History): Promise<void> {
  const { volume, model, random } = history;
  const ids = [...model.snapshots.keys()];
  if (ids.length === 0) return;
  const [id, reason] = [random.pick(ids), random.pick(REASONS)];
  const marks = model.marksOf(id);
  history.note(`hold ${id} for ${reason}`);
  await volume.addHold(history.view(id), reason);
  const holds = [...new Set([...marks.holds, reason])].sort();
  model.marks.set(id, { ...marks, holds });
  const others = random.chance(0.5) ? [random.pick(ids)] : [];
  await expectCode("Busy", volume.delete(...[...others, id].map((one) => history.view(one))));
  history.sameViews();
}

export async function release(history: History): Promise<void> {
  const { volume, model, random } = history;
  const ids = [...model.snapshots.keys()];
  if (ids.length === 0) return;
  const held = ids.filter((one) => model.marksOf(one).holds.length > 0);
  const id = random.pick(held.length > 0 && random.chance(0.8) ? held : ids);
  const reason = random.pick(REASONS);
  const marks = model.marksOf(id);
  history.note(`release ${id} for ${reason}`);
  if (!marks.holds.includes(reason)) {
    return expectCode("NotFound", volume.removeHold(history.view(id), reason));
  }
  await volume.removeHold(history.view(id), reason);
  model.marks.set(id, released(marks, reason));
  history.sameViews();
}

function released(marks: Marks, reason: string): Marks {
  return { ...marks, holds: marks.holds.filter((other) => other !== reason) };
}

/** A limit that there is room under, or none; one that is exceeded already is refused. */
export async function limit(history: History): Promise<void> {
  const { volume, random } = history;
  const bytes = random.chance(0.3) ? null : 2 ** 33 + random.below(2 ** 33);
  history.note(`limit ${bytes}`);
  await volume.setMaxSize(bytes);
  if (volume.usage().dataBytes > 0) await expectCode("Invalid", volume.setMaxSize(4096));
}

/** Two snapshots at one instant, where the volume is not behind something else. */
export async function group(history: History): Promise<void> {
  const { volume, model } = history;
  const most = Math.min(history.world.snapshotsMax, history.subject.capabilities.snapshots);
  if (!(volume instanceof DiskVolume) || model.snapshots.size + 2 > most) return;
  const members = [history.source(), history.source()].map((of) => ({
    of,
    name: history.newName(),
  }));
  history.note(`group of ${members.map(({ of }) => of)}`);
  const made = await snapshotAll(
    members.map(({ of, name }) => ({ volume, name, of: history.view(of) })),
  );
  for (const [i, { of, name }] of members.entries()) model.snapshot(of, made[i]!.id, name);
}
