/** Random short histories, and a crash at each of their device events. */
import { Random } from "../model/prng.ts";
import { FIXED, keepsWhatWas, rollsBack, type Subject } from "../model/subjects.ts";
import { Wreck } from "./log.ts";
import { Script } from "./script.ts";
import type { Effort } from "./tear.ts";
import { type Crashed, verifyCrash, verifyCrashedRecovery, verifyViews } from "./verify.ts";
import { describeWorld, drawWorld, storeImage } from "./world.ts";

export interface Depth {
  effort: Effort;
  /** Share of the states in which work goes on after the crash. */
  life: number;
  /** Share of the states whose recovery crashes again. */
  again: number;
  /** Most points of one history that are looked at. */
  pointsMax: number;
}

export const quick: Depth = {
  effort: { allUpTo: 3, samples: 3, torn: 1 },
  life: 0.02,
  again: 0.01,
  pointsMax: 40,
};

export const thorough: Depth = {
  effort: { allUpTo: 6, samples: 12, torn: 4 },
  life: 0.1,
  again: 0.05,
  pointsMax: 1000,
};

const few: Effort = { allUpTo: 2, samples: 2, torn: 1 };
/** Of the work after a crash. */
const STEPS_AFTERWARDS = 6;
const afterwards: Depth = { effort: few, life: 0, again: 0, pointsMax: 8 };

/** The first two blocks of a store. */
const SUPERBLOCK = 4096;
/** Points so close to a switch of superblocks are looked at more often. */
const NEAR = 6;

const weights = {
  write: 40,
  burst: 6,
  trim: 4,
  writeZeroes: 4,
  clone: 4,
  snapshot: 16,
  delete: 8,
  rename: 2,
  flush: 12,
  reclaimed: 5,
  reopen: 3,
  rollback: 4,
  merge: 0,
};

/** Of a store whose one snapshot is there from the beginning. */
const fixedWeights = {
  ...weights,
  snapshot: 0,
  delete: 0,
  rollback: 0,
  rename: 0,
  reclaimed: 0,
};
const mergeWeights = { ...fixedWeights, merge: 3 };

/** A history of `steps` operations (chosen by the seed if not given), recorded to its end. */
export async function recordScript(
  subject: Subject,
  seed: number,
  steps?: number,
): Promise<Script> {
  const random = new Random(seed);
  const world = drawWorld(random, subject);
  const script = await Script.start(subject, world, random.bytes(world.size));
  const isCrowded = !subject.capabilities.fixed && random.chance(0.03);
  if (isCrowded) await crowd(script, random);
  const most = isCrowded ? script.can.snapshots : 6;
  const count = steps ?? drawLength(random);
  for (let step = 0; step < count; step++) await runStep(script, random, most);
  await script.close();
  return script;
}

/**
 * Mostly short; now and then long enough for the journal to fill and a checkpoint to be written.
 */
function drawLength(random: Random): number {
  if (random.chance(0.85)) return random.between(3, 20);
  return random.pick([100, 100, 200, 1000]);
}

/** Hundreds of snapshots with data of their own, before the first crash. */
async function crowd(script: Script, random: Random): Promise<void> {
  const { chunk, size } = script.world;
  for (let i = Math.min(script.can.snapshots - 4, random.pick([100, 400])); i > 0; i--) {
    const made = await script.snapshot(script.model.origin);
    const offset = random.below(2) * chunk;
    await script.write(script.model.origin, offset, random.bytes(512));
    await script.write(made, Math.min(offset + 512, size - 512), random.bytes(512));
  }
  await script.flush();
  script.created = script.log.now;
}

function range(script: Script, random: Random): [offset: number, length: number] {
  const { chunk, size } = script.world;
  const unit = random.pick([chunk, chunk, 512, 100]);
  const offset = Math.min(size - 512, random.below(size / unit) * unit);
  const longest = random.pick([chunk, chunk, size]);
  const length = unit * random.between(1, Math.max(1, Math.floor(longest / unit)));
  return [offset, Math.min(length, size - offset)];
}

function writable(script: Script, random: Random): number {
  const { views, snapshots, origin } = script.model;
  const id = random.chance(0.5) ? origin : random.pick([...views.keys()]);
  return snapshots.get(id)?.readOnly ? origin : id;
}

/** `most`: snapshots at a time. */
async function runStep(script: Script, random: Random, most: number): Promise<void> {
  const { fixed, merge, ofSnapshots } = script.can;
  const snapshots = [...script.model.snapshots.keys()];
  const [offset, length] = range(script, random);
  switch (random.weighted(fixed ? (merge ? mergeWeights : fixedWeights) : weights)) {
    case "write":
      return script.write(writable(script, random), offset, random.bytes(length));
    case "burst":
      return burst(script, random);
    case "trim": {
      // Another store's chunks are larger or smaller: which of them are whole is not said here.
      const id = writable(script, random);
      return script.trim(fixed ? Math.min(id, FIXED.id) : id, offset, length);
    }
    case "writeZeroes":
      return script.writeZeroes(writable(script, random), offset, length);
    case "clone": {
      const { chunk, size } = script.world;
      const chunks = size / chunk;
      const first = random.below(chunks);
      const count = random.between(1, chunks - first);
      const source = random.pick([...script.model.views.keys()]);
      return script.clone(writable(script, random), source, first * chunk, count * chunk);
    }
    case "snapshot": {
      if (snapshots.length >= most) return script.delete(random.pick(snapshots));
      const views = random.chance(0.6) || !ofSnapshots ? [] : [...script.model.views.keys()];
      const of = random.pick([script.model.origin, ...views]);
      await script.snapshot(of, random.chance(0.1));
      return;
    }
    case "delete": {
      const victims = snapshots.filter(() => random.chance(0.4));
      return victims.length > 0 ? script.delete(...victims) : script.flush();
    }
    case "rollback": {
      const [id, to] = [writable(script, random), random.pick([...script.model.views.keys()])];
      const can = rollsBack(script.can, script.world.mode, id === script.model.origin);
      if (!can || id === to) return script.flush();
      const keeps = keepsWhatWas(script.can, id === script.model.origin);
      return script.rollback(id, to, keeps && snapshots.length < most && random.chance(0.5));
    }
    case "rename":
      return snapshots.length > 0 ? script.rename(random.pick(snapshots)) : script.flush();
    case "flush":
      return script.flush();
    case "reclaimed":
      return script.reclaimed();
    case "reopen":
      return script.reopen();
    case "merge":
      return script.merge();
  }
}

/** Writes to different chunks and a flush, in flight together. */
async function burst(script: Script, random: Random): Promise<void> {
  const { chunk, size } = script.world;
  const requests: Promise<void>[] = [];
  for (let offset = 0; offset < size; offset += chunk) {
    if (random.chance(0.3)) requests.push(script.flush());
    if (random.chance(0.5)) continue;
    const bytes = random.bytes(random.pick([512, chunk]));
    requests.push(script.write(writable(script, random), offset, bytes));
  }
  await Promise.all(requests);
}

/** Events that switch from one checkpoint to the next, in stores that have them. */
function superblockWrites({ log, can }: Script): number[] {
  if (can.fixed) return [];
  return log.events.flatMap((event, at) =>
    event.kind === "write" && event.device === 0 && event.offset < 2 * SUPERBLOCK ? [at + 1] : [],
  );
}

/**
 * Opens what a crash may leave after each event from `first` on; answers with the number of
 * states. An error names the point, and the operations before it.
 */
export async function crashEverywhere(
  script: Script,
  random: Random,
  depth: Depth,
  first = script.created,
): Promise<number> {
  const { log, oracle, world, subject } = script;
  const wreck = new Wreck(log);
  const points = log.events.length - first;
  const share = Math.min(1, depth.pointsMax / points);
  const switches = superblockWrites(script);
  let states = 0;
  let looked = first - 1;
  for (let point = 1; point <= log.events.length; point++) {
    const event = log.events[point - 1] as (typeof log.events)[0];
    wreck.advance(event);
    const near = switches.some((at) => Math.abs(at - point) < NEAR);
    if (point < first || (point > first && !random.chance(near ? share ** 0.3 : share))) continue;
    const newest = event.kind !== "flush" && looked === point - 1 && !oracle.changes(looked, point);
    looked = point;
    try {
      for (const images of wreck.states(random, depth.effort, newest)) {
        const crashed = () => {
          const copies = images.map((image) => image.copy());
          return { subject, world, images: copies, expected: oracle.at(point) };
        };
        states++;
        await verifyCrash(crashed());
        if (random.chance(depth.life)) states += await goOn(crashed(), random);
        if (random.chance(depth.again)) {
          states += await verifyCrashedRecovery(crashed(), random, few);
        }
      }
    } catch (error) {
      const where = `crash after device event ${point} of ${log.events.length}, state ${states}`;
      const done = script.lines.map((line) => `  ${line}`);
      const message = [(error as Error).message, where, describeWorld(world), ...done].join("\n");
      throw new Error(message, { cause: error });
    }
  }
  return states;
}

/**
 * Goes on working with what a crash left, and crashes again: all views stay what they are, whatever
 * is written to the others. Answers with the number of states.
 */
async function goOn(crashed: Crashed, random: Random): Promise<number> {
  const { subject, world, images } = crashed;
  const isLost = subject.capabilities.crash === "lost";
  if (isLost) images[0] = storeImage(world);
  const script = await Script.resume(subject, world, images);
  if (!isLost) await verifyViews(script.volume, crashed);
  try {
    for (let step = 0; step < STEPS_AFTERWARDS; step++) await runStep(script, random, 6);
    await script.close();
    const copies = images.map((image) => image.copy());
    const expected = script.oracle.at(script.log.now);
    await verifyCrash({ subject, world, images: copies, expected });
  } catch (error) {
    const done = script.lines.map((line) => `  after the crash: ${line}`);
    throw new Error([(error as Error).message, ...done].join("\n"), { cause: error });
  }
  return await crashEverywhere(script, random, afterwards);
}

/** Records the history of `seed` and crashes it everywhere. */
export async function runCrashes(
  subject: Subject,
  seed: number,
  depth: Depth,
  steps?: number,
): Promise<number> {
  try {
    const script = await recordScript(subject, seed, steps);
    return await crashEverywhere(script, new Random(seed + 1), depth);
  } catch (error) {
    const length = steps === undefined ? "" : ` STEPS=${steps}`;
    const mode = depth === thorough ? " THOROUGH=1" : "";
    const replay = `KIND=${subject.kind} SEED=${seed}${length}${mode}`;
    const line = `${replay} npx tsx test/crash/crash.test.ts`;
    throw new Error(`${(error as Error).message}\n  ${line}`, { cause: error });
  }
}
