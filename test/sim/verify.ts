/**
 * Opens what a power cut left, checks it and compares every view with what may be there; and cuts
 * the power again while that goes on, to any depth.
 */
import { MultisnapError } from "../../src/errors.ts";
import type { View, Volume } from "../../src/volume/types.ts";
import type { DiskVolume } from "../../src/volume/volume.ts";
import { readAll } from "../model/fixture.ts";
import type { Image } from "../model/image.ts";
import type { Random } from "../model/prng.ts";
import { FIXED, type Subject } from "../model/subjects.ts";
import type { Digest } from "./digest.ts";
import { Machine, optionsOf, storeImage } from "./machine.ts";
import type { Expected, Oracle } from "./oracle.ts";
import type { SimWorld } from "./plan.ts";
import { Wreck } from "./wreck.ts";

/** What may be found after a power cut. */
export interface Expectation {
  oracle: Oracle;
  /** The store was not made yet. */
  isUnmade: boolean;
  /** Snapshots were given up, and their store could not be told so. */
  isWorthless: boolean;
}

export interface Scene {
  subject: Subject;
  world: SimWorld;
  digest: Digest;
  random: Random;
  /** Counts power cuts. */
  cuts: { count: number };
}

const AGAIN_POINTS = 3;
/** What may be said of a store that was being made. */
const UNMADE = ["NotFound", "Invalid", "Corrupt"];

/** `images` are changed. `depth`: so often the power is cut again. */
export async function verifyCut(
  scene: Scene,
  images: Image[],
  expectation: Expectation,
  depth: number,
): Promise<void> {
  const { subject, world, digest, random } = scene;
  scene.cuts.count++;
  if (subject.capabilities.crash === "lost") return verifyLost(scene, images, expectation);
  const first = depth > 0 ? images.map((image) => image.copy()) : [];
  const late = random.chance(0.05);
  const machine = new Machine(world, images, digest, { random: random.fork(), late });
  machine.power.records = depth > 0;
  const looking = look(scene, machine, expectation);
  await (late ? machine.power.settled(looking, "recovery") : looking);
  if (depth > 0) await cutAgain(scene, machine, first, expectation, depth - 1);
}

async function look(scene: Scene, machine: Machine, expectation: Expectation): Promise<void> {
  const { subject, world, digest, random } = scene;
  const options = optionsOf(world, false, subject);
  if (random.chance(0.1) && !expectation.isUnmade) {
    try {
      const reader = await subject.open(machine.devices(true), { ...options, readOnly: true });
      await compareViews(reader, expectation, digest);
      await reader.close();
    } catch (error) {
      // Half of a view that is copied while nobody uses it is nothing to read.
      const isHalf = error instanceof MultisnapError && error.code === "Unsupported";
      const mayBe = isHalf && expectation.oracle.views.some(({ instead }) => instead);
      if (!mayBe && !isGivenUp(error, expectation)) throw error;
    }
  }
  let volume: Volume;
  try {
    volume = await subject.open(machine.devices(), options);
  } catch (error) {
    if (isGivenUp(error, expectation)) return compareOrigin(machine.images, expectation.oracle);
    const isKnown = error instanceof MultisnapError && UNMADE.includes(error.code);
    if (expectation.isUnmade && isKnown) return;
    throw error;
  }
  const { clean, problems } = await volume.check();
  if (!clean && !expectation.oracle.isSpoiled)
    throw new Error(`check: ${JSON.stringify(problems.slice(0, 4))}`);
  await compareViews(volume, expectation, digest);
  // The naive volume has no core.
  const { core } = volume as Partial<DiskVolume>;
  if (core?.missing && random.chance(0.5)) {
    await core.missing.finished({});
    await compareViews(volume, expectation, digest);
  }
  await volume.close();
}

/** The snapshot of such a store is invalid for good, and its origin goes on without it. */
export function isGivenUp(error: unknown, { oracle }: Expectation): boolean {
  return oracle.isSpoiled && error instanceof MultisnapError && error.code === "Corrupt";
}

function compareOrigin(images: readonly Image[], oracle: Oracle): void {
  const origin = new Uint8Array(images[1]?.size ?? 0);
  images[1]?.read(origin, 0, origin.length, 0);
  const at = oracle.view(oracle.origin)?.content.unexplained(origin) ?? 0;
  if (at >= 0) throw new Error(`the origin at byte ${at}: not what may be there`);
}

export async function compareViews(
  volume: Volume,
  { oracle, isWorthless }: Expectation,
  digest: Digest,
): Promise<void> {
  const found = new Map<Expected, Found>();
  for (const view of [volume.origin, ...volume.snapshots]) {
    const what = `view ${view.id} (${view.name})`;
    const candidates = oracle.candidates(view.id, view.name);
    if (candidates.length === 0) throw new Error(`${what} should not be there`);
    const one: Found = { what, name: view.name, candidates, bytes: null };
    const isOrigin = view.id === oracle.origin;
    if (isOrigin || !isWorthless) one.bytes = await contentOf(view, candidates, oracle);
    if (one.bytes) digest.bytes(one.bytes);
    const misfit = candidates.map((expected) => misfitOf(one, expected, isOrigin));
    one.candidates = candidates.filter((_, i) => misfit[i] === null);
    if (!assign(one, found, new Set())) throw new Error(misfit[0] ?? `${what} is one too many`);
  }
  for (const [expected, { what, bytes }] of found) {
    const { instead } = expected;
    if (!instead?.kept || bytes === null) continue;
    const now = found.has(instead.kept) ? instead.content : expected.content;
    if (now.unexplained(bytes) >= 0) throw new Error(`${what}: half of a rollback`);
  }
  for (const view of oracle.views) {
    if (oracle.mustBeThere(view) && !found.has(view)) throw new Error(`view ${view.id} is lost`);
  }
}

interface Found {
  what: string;
  name: string | null;
  /** What it may be. */
  candidates: Expected[];
  /** null: whatever it holds. */
  bytes: Uint8Array | null;
}

/** Null where it cannot be read, and may be so. */
async function contentOf(
  view: View,
  candidates: readonly Expected[],
  oracle: Oracle,
): Promise<Uint8Array | null> {
  try {
    return await readAll(view);
  } catch (error) {
    const isCorrupt = error instanceof MultisnapError && error.code === "Corrupt";
    if (isCorrupt && candidates.some((one) => oracle.mayBeSpoiled(one))) return null;
    throw error;
  }
}

/** Why a view that was found is not that one, or null. */
function misfitOf({ what, name, bytes }: Found, should: Expected, isOrigin: boolean) {
  const isNumbered = should.names.has(null) && !isOrigin;
  if (!should.names.has(name) && !isNumbered) return `${what}: another name`;
  const { content, instead } = should;
  const at = bytes === null ? -1 : content.unexplained(bytes);
  if (at >= 0 && bytes !== null && instead && instead.content.unexplained(bytes) < 0) return null;
  return at < 0 ? null : `${what} at byte ${at}: not what may be there`;
}

/** Each view that was found is another one: those before it make way where they can. */
function assign(one: Found, found: Map<Expected, Found>, tried: Set<Expected>): boolean {
  for (const expected of one.candidates) {
    if (tried.has(expected)) continue;
    tried.add(expected);
    const other = found.get(expected);
    if (other && !assign(other, found, tried)) continue;
    found.set(expected, one);
    return true;
  }
  return false;
}

/** The power goes again at some moments of the recovery. */
async function cutAgain(
  scene: Scene,
  { power: { events } }: Machine,
  first: Image[],
  expectation: Expectation,
  depth: number,
): Promise<void> {
  const { random } = scene;
  const wreck = new Wreck(first);
  const share = Math.min(1, AGAIN_POINTS / Math.max(1, events.length));
  for (const event of events) {
    wreck.advance(event);
    if (!random.chance(share)) continue;
    await verifyCut(scene, wreck.one(random), expectation, depth);
  }
}

/**
 * Nothing can be opened any more; the origin is what was flushed, and a new store has a snapshot of
 * that.
 */
async function verifyLost(scene: Scene, images: Image[], { oracle }: Expectation): Promise<void> {
  const { subject, world, digest, random } = scene;
  const timing = { random: random.fork(), late: false };
  const copies = images.map((image) => image.copy());
  const left = new Machine(world, copies, digest, timing).devices();
  const { create: _, ...options } = optionsOf(world, true, subject);
  const error = await subject.open(left, options).catch((caught) => caught);
  if (!(error instanceof MultisnapError && ["NotFound", "Invalid"].includes(error.code))) {
    throw new Error(`a store that keeps nothing, opened again: ${error.message ?? "opens"}`);
  }
  images[0] = storeImage(world);
  const machine = new Machine(world, images, digest, timing);
  const volume = await subject.open(machine.devices(), optionsOf(world, true, subject));
  const origin = await readAll(volume.origin);
  const should = oracle.view(oracle.origin);
  const at = should?.content.unexplained(origin) ?? 0;
  if (at >= 0) throw new Error(`the origin at byte ${at}: not what may be there`);
  const snapshot = await readAll(volume.get(FIXED.name));
  if (Buffer.compare(snapshot, origin) !== 0) throw new Error("the new snapshot differs");
  await volume.close();
}
