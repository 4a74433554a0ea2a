/** Opens what a crash left and compares it with what may be there. */
import { seededEnv } from "../../src/env.ts";
import { MultisnapError } from "../../src/errors.ts";
import type { Volume } from "../../src/volume/types.ts";
import { firstUnexplained } from "../model/explain.ts";
import { mustBeClean, readAll } from "../model/fixture.ts";
import { Image, imageDevice } from "../model/image.ts";
import type { Random } from "../model/prng.ts";
import { FIXED, type Subject, type VolumeOptions } from "../model/subjects.ts";
import { CrashLog, Wreck } from "./log.ts";
import type { ExpectedView } from "./oracle.ts";
import type { Effort } from "./tear.ts";
import { type CrashWorld, devicesOn } from "./world.ts";

/** What is left of a volume, and by view id what may be there. */
export interface Crashed {
  subject: Subject;
  world: CrashWorld;
  images: Image[];
  expected: Map<number, ExpectedView>;
}

const options: VolumeOptions = { cacheBytes: 2 ** 20, env: seededEnv(2) };

export function open({ subject, world, images }: Crashed, device = imageDevice): Promise<Volume> {
  return subject.open(devicesOn(world, images, device), options);
}

/** Compares all views with what is expected. */
export async function verifyViews(volume: Volume, { expected }: Crashed): Promise<void> {
  const found = new Set<number>();
  for (const view of [volume.origin, ...volume.snapshots]) {
    const should = expected.get(view.id);
    if (should === undefined) throw new Error(`view ${view.id} (${view.name}) should not be there`);
    if (!should.names.has(view.name)) throw new Error(`view ${view.id} is called ${view.name}`);
    mustBeExplained(`view ${view.id} (${view.name})`, await readAll(view), asFound(volume, should));
    found.add(view.id);
  }
  for (const [id, { must }] of expected) {
    if (must && !found.has(id)) throw new Error(`view ${id} is lost`);
  }
}

/** A rollback that was in flight is whole, or was never: the snapshot that it keeps tells. */
function asFound(
  volume: Volume,
  should: ExpectedView,
): Pick<ExpectedView, "durable" | "pending">[] {
  const { instead } = should;
  if (!instead) return [should];
  if (instead.kept === null) return [should, instead];
  return volume.snapshots.some(({ id }) => id === instead.kept) ? [instead] : [should];
}

function mustBeExplained(
  what: string,
  found: Uint8Array,
  should: readonly Pick<ExpectedView, "durable" | "pending">[],
): void {
  const wrong = should.map(({ durable, pending }) =>
    firstUnexplained(durable, pending, found, 0, "inOrder"),
  );
  if (wrong.every((at) => at >= 0)) {
    throw new Error(`${what} at ${wrong[0]}: not what may be there`);
  }
}

/** Opens what is left (which changes it) and compares. */
export async function verifyCrash(crashed: Crashed): Promise<void> {
  if (crashed.subject.capabilities.crash === "lost") return verifyLost(crashed);
  const volume = await open(crashed);
  await mustBeClean(volume);
  await verifyViews(volume, crashed);
  await volume.close();
}

/**
 * Nothing can be opened any more; the origin is what was flushed, and a new store has a snapshot of
 * that.
 */
async function verifyLost(crashed: Crashed): Promise<void> {
  const { subject, world, images, expected } = crashed;
  const left = { ...crashed, images: images.map((image) => image.copy()) };
  const error = await open(left).catch((caught) => caught);
  if (!(error instanceof MultisnapError && ["NotFound", "Invalid"].includes(error.code))) {
    throw new Error(
      `a store that keeps nothing, opened after a crash: ${error.message ?? "opens"}`,
    );
  }
  const origin = new Uint8Array(world.size);
  images[1]?.read(origin, 0, origin.length, 0);
  const should = [...expected.values()][0] as ExpectedView;
  mustBeExplained("the origin", origin, [should]);
  const devices = devicesOn(
    { ...world, disk: null },
    [new Image(), ...images.slice(1)],
    imageDevice,
  );
  const create = { size: world.size, chunk: world.chunk };
  const volume = await subject.open(devices, { ...options, create });
  const now: ExpectedView = { ...should, durable: origin, pending: [] };
  mustBeExplained("the new snapshot", await readAll(volume.get(FIXED.name)), [now]);
  mustBeExplained("the origin opened again", await readAll(volume.origin), [now]);
  await volume.close();
}

/**
 * A second crash, at each device event of the first recovery. Answers with the number of states.
 */
export async function verifyCrashedRecovery(
  crashed: Crashed,
  random: Random,
  effort: Effort,
): Promise<number> {
  if (crashed.subject.capabilities.crash === "lost") return 0;
  const log = new CrashLog();
  const volume = await open(crashed, (image, how) => log.device(image, how));
  await volume.close();
  const wreck = new Wreck(log);
  let states = 0;
  for (const event of log.events) {
    wreck.advance(event);
    if (event.kind === "flush") continue;
    for (const images of wreck.states(random, effort, true)) {
      await verifyCrash({ ...crashed, images });
      states++;
    }
  }
  return states;
}
