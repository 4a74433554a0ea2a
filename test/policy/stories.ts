/** Volumes under pressure: snapshots that are no victims take up all room that there is. */
import { seededEnv } from "../../src/env.ts";
import type { StoreKind } from "../../src/volume/types.ts";
import type { Fixture, FixtureOptions } from "../model/fixture.ts";
import { Random } from "../model/prng.ts";
import { CHUNK, CHUNKS, make } from "./pruning.ts";

/** Half of the volume; a store has room for some two of it. */
export const HALF = (CHUNKS / 2) * CHUNK;
const PIECE = HALF / 16;
const ROUNDS_MAX = 20;

export function names({ volume }: Fixture): string[] {
  return volume.snapshots.map(({ name }) => name as string);
}

/** The model has no more snapshots than the volume. */
export function forget({ volume, model }: Fixture): void {
  const left = new Set(volume.snapshots.map(({ id }) => id));
  for (const id of [...model.snapshots.keys()]) if (!left.has(id)) model.delete(id);
}

/** Its origin is written once; snapshots get later times than those before. */
export async function full(
  kind: StoreKind,
  seed: number,
  how: Omit<FixtureOptions, "size">,
): Promise<Fixture> {
  const options = { env: seededEnv(seed), ...how.options };
  const fixture = await make(kind, new Random(seed), { ...how, options });
  await rewrite(fixture, new Random(seed + 1));
  return fixture;
}

/** New bytes in the first half of the origin: as much as a snapshot before it costs. */
export async function rewrite(fixture: Fixture, random: Random, bytes = HALF): Promise<void> {
  for (let at = 0; at < bytes; at += PIECE) await put(fixture, at, random.bytes(PIECE));
}

/** A write that fails may have changed its range. */
export async function put(fixture: Fixture, at: number, bytes: Uint8Array): Promise<void> {
  const { origin } = fixture.volume;
  try {
    await fixture.write(origin, at, bytes);
  } catch (error) {
    const found = new Uint8Array(bytes.length);
    await origin.read(at, found);
    fixture.model.write(origin.id, at, found);
    throw error;
  }
}

/** Rewrites the origin between snapshots called `prefix` and a number, until `isEnough`. */
export async function press(
  fixture: Fixture,
  random: Random,
  prefix: string,
  isEnough: () => boolean = () => false,
): Promise<{ code: string; message: string }> {
  try {
    for (let i = 0; i < ROUNDS_MAX; i++) {
      await fixture.snapshot(`${prefix}${fixture.volume.status().counters.writes}`);
      for (let at = 0; at < HALF; at += PIECE) {
        if (isEnough()) return { code: "none", message: "" };
        await put(fixture, at, random.bytes(PIECE));
      }
    }
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error("the store never became full");
}
