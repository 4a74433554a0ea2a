/** The steps of a random history: each does something to the volume and the model, and compares. */
import { runBurst } from "./burst.ts";
import { expectCode, History, type Range } from "./history.ts";
import * as life from "./life-steps.ts";
import { compareDiff, compareExtents } from "./reports.ts";
import { FIXED, keepsWhatWas, type Subject } from "./subjects.ts";
import { describeWorld } from "./world.ts";

/** What a step touched: compared afterwards, together with another view. */
type Touched = { id: number; range?: Range };
type Run = (history: History) => Promise<Touched | null>;

const weights = {
  write: 30,
  read: 8,
  writeSync: 6,
  readSync: 4,
  burst: 14,
  trim: 5,
  writeZeroes: 4,
  clone: 2,
  snapshot: 9,
  delete: 6,
  rollback: 3,
  resize: 2,
  set: 1,
  hold: 1,
  release: 1,
  limit: 1,
  group: 1,
  rename: 1,
  refused: 1,
  flush: 3,
  reclaimed: 2,
  diff: 2,
  extents: 2,
  check: 1,
  reopen: 1,
  merge: 0,
};
type Step = keyof typeof weights;

/** Of a store whose one snapshot is there from the beginning. */
const fixedWeights = {
  ...weights,
  snapshot: 0,
  delete: 0,
  rollback: 0,
  resize: 0,
  set: 0,
  hold: 0,
  release: 0,
  limit: 0,
  group: 0,
  rename: 0,
  reclaimed: 1,
  refused: 2,
};
const mergeWeights = { ...fixedWeights, merge: 1 };

const steps: Record<Step, Run> = {
  async write(history) {
    const id = history.writableView();
    const range = history.range(id);
    history.note(`write ${id} ${range.offset}+${range.length}`);
    const bytes = history.data(range.length);
    await history.view(id).write(range.offset, bytes);
    history.model.write(id, range.offset, bytes);
    return { id, range };
  },

  async writeSync(history) {
    if (!history.answersAtOnce) return steps.write(history);
    const id = history.writableView();
    const range = history.range(id);
    history.note(`writeSync ${id} ${range.offset}+${range.length}`);
    const bytes = history.data(range.length);
    history.view(id).writeSync(range.offset, bytes);
    history.model.write(id, range.offset, bytes);
    return { id, range };
  },

  async read(history) {
    const id = history.anyView();
    const range = history.range(id);
    history.note(`read ${id} ${range.offset}+${range.length}`);
    await history.verify(id, range);
    return { id, range };
  },

  async readSync(history) {
    if (!history.answersAtOnce) return steps.read(history);
    const id = history.anyView();
    const range = history.range(id);
    history.note(`readSync ${id} ${range.offset}+${range.length}`);
    const found = new Uint8Array(range.length);
    history.view(id).readSync(range.offset, found);
    history.compare(id, range, found);
    return { id, range };
  },

  async burst(history) {
    return await runBurst(history);
  },

  async trim(history) {
    const id = history.trimmable(history.writableView());
    const range = trimRange(history, id);
    history.note(`trim ${id} ${range.offset}+${range.length}`);
    await history.view(id).trim(range.offset, range.length);
    history.model.trim(id, range.offset, range.length);
    return { id, range: bounded(history, range) };
  },

  async writeZeroes(history) {
    const id = history.writableView();
    const range = history.range(id);
    history.note(`writeZeroes ${id} ${range.offset}+${range.length}`);
    await history.view(id).writeZeroes(range.offset, range.length);
    history.model.writeZeroes(id, range.offset, range.length);
    return { id, range };
  },

  async clone(history) {
    const [id, source] = [history.trimmable(history.writableView()), history.anyView()];
    const range = wholeChunks(history, id, source);
    if (range.length === 0) return null;
    history.note(`clone ${id} of ${source} ${range.offset}+${range.length}`);
    await history.view(id).cloneFrom(history.view(source), ...ends(range));
    history.model.write(id, range.offset, history.model.read(source, ...ends(range)));
    return { id, range };
  },

  async snapshot(history): Promise<Touched | null> {
    if (history.model.snapshots.size >= history.world.snapshotsMax)
      return await steps.delete(history);
    const [of, name] = [history.source(), history.newName()];
    const readOnly = history.random.chance(0.15);
    history.note(`snapshot ${name} of ${of}${readOnly ? " read-only" : ""}`);
    const made = history.random.chance(0.5)
      ? await history.volume.snapshot(name, { of: history.view(of), readOnly })
      : await history.view(of).snapshot(name, { readOnly });
    history.model.snapshot(of, made.id, name, readOnly);
    return { id: made.id };
  },

  async delete(history): Promise<Touched | null> {
    const ids = [...history.model.snapshots.keys()];
    if (ids.length === 0) return await steps.snapshot(history);
    const free = ids.filter((id) => history.mayGo(id));
    if (free.length === 0) return null;
    const victims = new Set([history.random.pick(free)]);
    const more = ids.length > 40 ? 0.95 : 0.3;
    while (history.random.chance(more)) victims.add(history.random.pick(free));
    history.note(`delete ${[...victims]}`);
    const byName = history.random.chance(0.5);
    await history.volume.delete(
      ...[...victims].map((id) => (byName ? (history.view(id).name as string) : history.view(id))),
    );
    for (const id of victims) history.model.delete(id);
    return null;
  },

  async rollback(history): Promise<Touched | null> {
    const [id, to] = [history.writableView(), history.anyView()];
    if (id === to || !history.rollsBack(id)) return await steps.snapshot(history);
    const { snapshots } = history.model;
    const { capabilities } = history.subject;
    const most = Math.min(history.world.snapshotsMax, capabilities.snapshots);
    const canKeep = keepsWhatWas(capabilities, id === history.model.origin);
    const mayKeep = canKeep && snapshots.size < most;
    const name = mayKeep && history.random.chance(0.5) ? history.newName() : null;
    history.note(`rollback ${id} to ${to}${name === null ? "" : `, kept as ${name}`}`);
    const of = history.view(id);
    const options = { of, ...(name !== null && { keepAs: name }) };
    await history.rollback(id, () => history.volume.rollback(history.view(to), options));
    const kept = name === null ? null : { id: history.volume.get(name).id, name };
    history.model.rollback(id, to, kept);
    const length = history.model.sizeOf(id);
    await history.verify(id, bounded(history, { offset: 0, length }));
    return { id: kept?.id ?? id };
  },

  async resize(history) {
    if (!history.world.resizes) return null;
    await life.resize(history);
    return { id: history.model.origin };
  },
  set: (history) => life.set(history).then(() => null),
  hold: (history) => life.hold(history).then(() => null),
  release: (history) => life.release(history).then(() => null),
  limit: (history) => life.limit(history).then(() => null),
  group: (history) => life.group(history).then(() => null),

  async rename(history) {
    const ids = [...history.model.snapshots.keys()];
    if (ids.length === 0) return null;
    const [id, name] = [history.random.pick(ids), history.newName()];
    history.note(`rename ${id} ${name}`);
    await history.volume.rename(history.view(id), name);
    history.model.rename(id, name);
    return null;
  },

  /** What must be refused and change nothing. */
  async refused(history) {
    const { volume, world, model } = history;
    const fixed = [...history.model.snapshots].find(([, snapshot]) => snapshot.readOnly);
    history.note("refused requests");
    if (fixed !== undefined) {
      const view = history.view(fixed[0]);
      await expectCode("ReadOnly", view.write(0, new Uint8Array(512)));
      await expectCode("ReadOnly", view.trim(0, Math.min(view.size, world.chunk)));
      await expectCode("ReadOnly", view.writeZeroes(0, 512));
    }
    const past = new Uint8Array(2);
    await expectCode("Invalid", volume.origin.write(model.size - 1, past));
    await expectCode("Invalid", volume.origin.read(model.size - 1, past));
    if (history.subject.capabilities.fixed) {
      await expectCode("Unsupported", volume.delete(FIXED.name));
      await expectCode("Unsupported", volume.rename(FIXED.name, "other"));
    } else {
      await expectCode("NotFound", volume.delete("nobody"));
      const taken = history.model.snapshots.values().next().value;
      if (taken !== undefined) await expectCode("Exists", volume.snapshot(taken.name));
    }
    await refusedSnapshots(history);
    return null;
  },

  async flush(history) {
    history.note("flush");
    await (history.random.chance(0.5)
      ? history.volume.flush()
      : history.view(history.anyView()).flush());
    return null;
  },

  async reclaimed(history) {
    history.note("reclaimed");
    await history.volume.reclaimed();
    return null;
  },

  async diff(history) {
    await compareDiff(history, history.anyView(), history.anyView());
    return null;
  },

  async extents(history) {
    const id = history.anyView();
    await compareExtents(history, id, bounded(history, history.range(id)));
    return null;
  },

  async check(history) {
    await history.check();
    return null;
  },

  async reopen(history) {
    await history.reopen();
    return null;
  },

  /** What was merged is the origin alone; opened again, it has a snapshot again. */
  async merge(history) {
    await history.merge();
    const touched = await steps.write(history);
    await history.reopen();
    return touched;
  },
};

/** Snapshots that a store of this kind cannot have. */
async function refusedSnapshots({ volume, model, subject }: History): Promise<void> {
  const { snapshots, fixed, ofSnapshots } = subject.capabilities;
  if (fixed) await expectCode("Unsupported", volume.snapshot("refused"));
  else if (model.snapshots.size >= snapshots) {
    await expectCode("NoSpace", volume.snapshot("refused"));
  }
  const of = volume.snapshots[0];
  if (of && !ofSnapshots) await expectCode("Unsupported", of.snapshot("refused"));
}

export async function step(history: History): Promise<void> {
  const { fixed, merge } = history.subject.capabilities;
  const name = history.random.weighted(fixed ? (merge ? mergeWeights : fixedWeights) : weights);
  const touched = await steps[name](history);
  const range = touched?.range ?? history.range();
  const other = history.random.pick([...history.model.views.keys()]);
  for (const id of new Set([touched?.id ?? other, other, history.model.origin])) {
    await verifyAround(history, id, history.inside(id, range));
  }
}

/** Never ends inside a short last chunk: whether that one is whole is not said. */
function trimRange(history: History, id: number): Range {
  const size = history.model.sizeOf(id);
  if (history.world.shape !== "sparse" && history.random.chance(0.05)) {
    return {
      offset: 0,
      length: Math.floor(size / history.world.chunk) * history.world.chunk,
    };
  }
  const { offset, length } = history.range(id);
  const end = Math.floor(size / history.world.chunk) * history.world.chunk;
  return { offset: Math.min(offset, end), length: Math.max(0, Math.min(length, end - offset)) };
}

/** All chunks that a range touches, as far as both views have them. */
function wholeChunks(history: History, id: number, source: number): Range {
  const { model, world } = history;
  const { chunk } = world;
  const { offset, length } = bounded(history, history.range(id));
  const first = offset - (offset % chunk);
  const [size, most] = [model.sizeOf(id), model.sizeOf(source)];
  const end = Math.min(size, Math.ceil((offset + length) / chunk) * chunk);
  const last = end <= most ? end : Math.floor(most / chunk) * chunk;
  return { offset: first, length: Math.max(0, last - first) };
}

function bounded(history: History, range: Range): Range {
  return { offset: range.offset, length: Math.min(range.length, history.world.reach) };
}

function verifyAround(history: History, id: number, range: Range): Promise<void> {
  const { chunk, shape } = history.world;
  const size = history.model.sizeOf(id);
  if (shape === "tiny" && history.random.chance(0.3))
    return history.verify(id, { offset: 0, length: size });
  const offset = Math.max(0, range.offset - history.random.pick([0, 512, chunk]));
  const end = Math.min(size, range.offset + range.length + history.random.pick([0, 512, chunk]));
  return history.verify(id, { offset, length: end - offset });
}

function ends({ offset, length }: Range): [offset: number, length: number] {
  return [offset, length];
}

/**
 * Runs `steps` operations of the history that `seed` stands for; an error names its world, its
 * end and its replay.
 */
export async function runHistory(subject: Subject, seed: number, steps: number): Promise<number> {
  const history = await History.start(subject, seed);
  try {
    while (history.operations < steps) await step(history);
    await history.finish();
    return history.operations;
  } catch (error) {
    const lines = [
      `${error instanceof Error ? error.message : error}`,
      `  ${describeWorld(history.world)}`,
      ...history.log.map((line) => `  ${line}`),
      `  KIND=${subject.kind} SEED=${seed} STEPS=${steps} npx tsx test/model/random.test.ts`,
    ];
    throw new Error(lines.join("\n"), { cause: error });
  } finally {
    await history.discard();
  }
}
