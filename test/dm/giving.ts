/** Volumes whose origin goes on when their store cannot. */
import { openVolume } from "../../src/volume/open/open.ts";
import type { OpenOptions, StoreKind } from "../../src/volume/types.ts";
import { Fixture, type FixtureOptions } from "../model/fixture.ts";

export const CHUNK = 4096;
export const CHUNKS = 1024;
/** Those that keep their snapshots unless they are told not to. */
export const kinds: readonly StoreKind[] = ["range", "bitmap"];

export function make(kind: StoreKind, how: Partial<FixtureOptions> = {}): Promise<Fixture> {
  const open = (devices: object, options: object) =>
    openVolume({ preserveOnError: false, ...options, ...devices } as OpenOptions);
  const create = { kind, ...how.create };
  return Fixture.make(open, { mode: "attached", size: CHUNKS * CHUNK, ...how, create });
}
