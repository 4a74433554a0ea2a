/** Opens what a crash left and compares it with what may be there. */
import { seededEnv } from "../../src/env.ts";
import type { View, Volume } from "../../src/volume/types.ts";
import { firstUnexplained, same } from "../model/explain.ts";
import { type Image, imageDevice } from "../model/image.ts";
import type { OriginMode } from "../model/model.ts";
import type { Random } from "../model/prng.ts";
import type { Devices, Opener } from "../model/subjects.ts";
import { CrashLog, type Effort, Wreck } from "./log.ts";
import type { ExpectedView } from "./oracle.ts";

export type Expected = Map<number, ExpectedView>;

/** `images`: the store's, then the attached origin's or the base's. */
export function devicesOn(
  mode: OriginMode,
  images: Image[],
  device: (image: Image, options: { fixed?: boolean; readOnly?: boolean }) => Devices["store"],
): Devices {
  const store = device(images[0] as Image, {});
  const under = images[1];
  if (under === undefined) return { store };
  if (mode === "base") return { store, base: device(under, { readOnly: true, fixed: true }) };
  return { store, origin: device(under, { fixed: true }) };
}

function reopen(open: Opener, mode: OriginMode, images: Image[]): Promise<Volume> {
  return open(devicesOn(mode, images, imageDevice), { cacheBytes: 2 ** 20, env: seededEnv(2) });
}

async function content(view: View): Promise<Uint8Array> {
  const bytes = new Uint8Array(view.size);
  await view.read(0, bytes);
  return bytes;
}

function viewsOf(volume: Volume): View[] {
  return [volume.origin, ...volume.snapshots];
}

async function mustBeClean(volume: Volume): Promise<void> {
  const { clean, problems } = await volume.check();
  if (!clean) throw new Error(`check: ${JSON.stringify(problems.slice(0, 4))}`);
}

/** Compares all views with `expected`; answers with what they hold. */
async function verifyViews(volume: Volume, expected: Expected): Promise<Map<number, Uint8Array>> {
  const found = new Map<number, Uint8Array>();
  for (const view of viewsOf(volume)) {
    const should = expected.get(view.id);
    if (should === undefined) throw new Error(`view ${view.id} (${view.name}) should not be there`);
    if (!should.names.has(view.name)) throw new Error(`view ${view.id} is called ${view.name}`);
    const bytes = await content(view);
    const at = firstUnexplained(should.durable, should.pending, bytes, 0, "inOrder");
    if (at >= 0) throw new Error(`view ${view.id} (${view.name}) at ${at}: not what may be there`);
    found.set(view.id, bytes);
  }
  for (const [id, { must }] of expected) {
    if (must && !found.has(id)) throw new Error(`view ${id} is lost`);
  }
  return found;
}

/** Opens `images` (which change) and compares. */
export async function verifyCrash(
  open: Opener,
  mode: OriginMode,
  images: Image[],
  expected: Expected,
): Promise<void> {
  const volume = await reopen(open, mode, images);
  await mustBeClean(volume);
  await verifyViews(volume, expected);
  await volume.close();
}

/**
 * Goes on working with what a crash left: all views stay what they are, whatever is written to
 * the others.
 */
export async function verifyLife(
  open: Opener,
  mode: OriginMode,
  images: Image[],
  expected: Expected,
  random: Random,
): Promise<void> {
  let volume = await reopen(open, mode, images);
  const contents = await verifyViews(volume, expected);
  for (let step = 0; step < 8; step++) {
    const views = viewsOf(volume).filter((view) => !view.readOnly);
    const view = random.pick(views);
    if (step === 3) {
      const made = await view.snapshot("after the crash");
      contents.set(made.id, (contents.get(view.id) as Uint8Array).slice());
    }
    const bytes = random.bytes(random.pick([512, volume.chunk, view.size]));
    const offset = random.below((view.size - bytes.length) / 512 + 1) * 512;
    await view.write(offset, bytes);
    contents.get(view.id)?.set(bytes, offset);
    if (step === 5 && volume.snapshots.length > 1) {
      const victim = random.pick(volume.snapshots);
      await volume.delete(victim);
      contents.delete(victim.id);
      await volume.reclaimed();
    }
  }
  await volume.close();
  volume = await reopen(open, mode, images);
  await mustBeClean(volume);
  for (const view of viewsOf(volume)) {
    const should = contents.get(view.id) ?? new Uint8Array(0);
    if (!same(await content(view), should)) throw new Error(`view ${view.id} changed afterwards`);
  }
  await volume.close();
}

/**
 * A second crash, at each device event of the first recovery. Answers with the number of states.
 */
export async function verifyCrashedRecovery(
  open: Opener,
  mode: OriginMode,
  images: Image[],
  expected: Expected,
  random: Random,
  effort: Effort,
): Promise<number> {
  const log = new CrashLog();
  const devices = devicesOn(mode, images, (image, options) => log.device(image, options));
  const volume = await open(devices, { cacheBytes: 2 ** 20, env: seededEnv(2) });
  await volume.close();
  const wreck = new Wreck(log);
  let states = 0;
  for (const event of log.events) {
    wreck.advance(event);
    if (event.kind === "flush") continue;
    for (const state of wreck.states(random, effort, true)) {
      await verifyCrash(open, mode, state, expected);
      states++;
    }
  }
  return states;
}
