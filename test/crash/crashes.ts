/** Random short histories, and a crash at each of their device events. */
import type { OriginMode } from "../model/model.ts";
import { Random } from "../model/prng.ts";
import type { Opener } from "../model/subjects.ts";
import { type CrashLog, type Effort, Wreck } from "./log.ts";
import { Script } from "./script.ts";
import { verifyCrash, verifyCrashedRecovery, verifyLife } from "./verify.ts";

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
  life: 0.03,
  again: 0.01,
  pointsMax: 40,
};

export const thorough: Depth = {
  effort: { allUpTo: 6, samples: 12, torn: 4 },
  life: 0.1,
  again: 0.05,
  pointsMax: 1000,
};

/** The first two blocks of a store. */
const SUPERBLOCK = 4096;
/** Points so close to a switch of superblocks are looked at more often. */
const NEAR = 6;

const weights = {
  write: 40,
  burst: 6,
  trim: 4,
  writeZeroes: 4,
  snapshot: 16,
  delete: 8,
  rename: 2,
  flush: 12,
  reclaimed: 5,
  reopen: 3,
};

/** A history of `steps` operations (chosen by the seed if not given), recorded to its end. */
export async function recordScript(open: Opener, seed: number, steps?: number): Promise<Script> {
  const random = new Random(seed);
  const chunk = random.pick([4096, 4096, 8192]);
  const size = chunk * random.between(2, 8);
  const mode: OriginMode = random.pick(["inline", "base", "attached"]);
  const late = random.chance(0.3) ? random.fork() : null;
  const script = await Script.start(open, { mode, chunk, size, late }, random.bytes(size));
  if (random.chance(0.03)) await crowd(script, random);
  const count = steps ?? drawLength(random);
  for (let step = 0; step < count; step++) await runStep(script, random);
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
  for (let i = random.pick([100, 400]); i > 0; i--) {
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

async function runStep(script: Script, random: Random): Promise<void> {
  const snapshots = [...script.model.snapshots.keys()];
  const [offset, length] = range(script, random);
  switch (random.weighted(weights)) {
    case "write":
      return script.write(writable(script, random), offset, random.bytes(length));
    case "burst":
      return burst(script, random);
    case "trim":
      return script.trim(writable(script, random), offset, length);
    case "writeZeroes":
      return script.writeZeroes(writable(script, random), offset, length);
    case "snapshot": {
      if (snapshots.length >= 6 && snapshots.length < 100)
        return script.delete(random.pick(snapshots));
      const of = random.chance(0.6)
        ? script.model.origin
        : random.pick([...script.model.views.keys()]);
      await script.snapshot(of, random.chance(0.1));
      return;
    }
    case "delete": {
      const victims = snapshots.filter(() => random.chance(0.4));
      return victims.length > 0 ? script.delete(...victims) : script.flush();
    }
    case "rename":
      return snapshots.length > 0 ? script.rename(random.pick(snapshots)) : script.flush();
    case "flush":
      return script.flush();
    case "reclaimed":
      return script.reclaimed();
    case "reopen":
      return script.reopen();
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

/** Events that switch from one checkpoint to the next. */
function superblockWrites(log: CrashLog): number[] {
  return log.events.flatMap((event, at) =>
    event.kind === "write" && event.device === 0 && event.offset < 2 * SUPERBLOCK ? [at + 1] : [],
  );
}

/**
 * Opens what a crash may leave after each event from `first` on; answers with the number of
 * states. An error names the point, and the operations before it.
 */
export async function crashEverywhere(
  open: Opener,
  script: Script,
  random: Random,
  depth: Depth,
  first = script.created,
): Promise<number> {
  const { log, oracle, world } = script;
  const wreck = new Wreck(log);
  const points = log.events.length - first;
  const share = Math.min(1, depth.pointsMax / points);
  const switches = superblockWrites(log);
  let states = 0;
  let looked = first - 1;
  for (let point = 1; point <= log.events.length; point++) {
    const event = log.events[point - 1] as (typeof log.events)[0];
    wreck.advance(event);
    const near = switches.some((at) => Math.abs(at - point) < NEAR);
    if (point < first || (point > first && !random.chance(near ? share ** 0.3 : share))) continue;
    const newest = event.kind !== "flush" && looked === point - 1 && !oracle.changes(looked, point);
    looked = point;
    const expected = () => oracle.at(point);
    try {
      for (const images of wreck.states(random, depth.effort, newest)) {
        states++;
        const copy = () => images.map((image) => image.copy());
        await verifyCrash(open, world.mode, copy(), expected());
        if (random.chance(depth.life)) {
          await verifyLife(open, world.mode, copy(), expected(), random);
        }
        if (random.chance(depth.again)) {
          const few = { allUpTo: 2, samples: 2, torn: 1 };
          states += await verifyCrashedRecovery(open, world.mode, copy(), expected(), random, few);
        }
      }
    } catch (error) {
      const where = `crash after device event ${point} of ${log.events.length}, state ${states}`;
      const { mode, chunk, size, late } = world;
      const what = `${mode}, chunk ${chunk}, size ${size}${late === null ? "" : ", late devices"}`;
      const done = script.lines.map((line) => `  ${line}`);
      const message = [`${(error as Error).message}`, where, what, ...done].join("\n");
      throw new Error(message, { cause: error });
    }
  }
  return states;
}

/** Records the history of `seed` and crashes it everywhere. */
export async function runCrashes(
  open: Opener,
  seed: number,
  depth: Depth,
  steps?: number,
): Promise<number> {
  try {
    const script = await recordScript(open, seed, steps);
    return await crashEverywhere(open, script, new Random(seed + 1), depth);
  } catch (error) {
    const replay = `SEED=${seed}${steps === undefined ? "" : ` STEPS=${steps}`}`;
    const mode = depth === thorough ? " THOROUGH=1" : "";
    const line = `${replay}${mode} npx tsx test/crash/crash.test.ts`;
    throw new Error(`${(error as Error).message}\n  ${line}`, { cause: error });
  }
}
