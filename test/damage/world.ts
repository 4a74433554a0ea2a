/** Small rich stores to damage, as bytes, and what their views have. */
import { openVolume } from "../../src/volume/open/open.ts";
import type { View, Volume } from "../../src/volume/types.ts";
import { bytesOf, TREES } from "../format/agree.ts";
import { Fixture } from "../model/fixture.ts";
import type { Model, OriginMode } from "../model/model.ts";
import { Random } from "../model/prng.ts";
import { bytesDevice } from "./bytes.ts";

const CHUNK = 4096;

export interface WorldOptions {
  kind: "range" | "bitmap";
  mode: OriginMode;
  /** Or crashed: records of the journal are left to replay. */
  closed: boolean;
  /** Chunks of the origin. */
  chunks: number;
  writes: number;
  checksums?: boolean;
}

export interface DamageWorld extends WorldOptions {
  name: string;
  store: Uint8Array;
  /** The store at earlier moments. */
  past: Uint8Array[];
  under: Uint8Array;
  model: Model;
}

/** Every kind and origin, closed and crashed: a tree of two levels, snapshots, deleted ones. */
const PLAIN: WorldOptions[] = (["range", "bitmap"] as const).flatMap((kind) =>
  (["inline", "base", "attached"] as const).flatMap((mode) =>
    [true, false].map((closed) => ({ kind, mode, closed, chunks: 512, writes: 300 })),
  ),
);

export const WORLDS: WorldOptions[] = [
  ...PLAIN,
  { kind: "range", mode: "inline", closed: false, chunks: 512, writes: 300, checksums: true },
  { kind: "bitmap", mode: "attached", closed: true, chunks: 512, writes: 300, checksums: true },
];

export function nameOf({ kind, mode, closed, checksums }: WorldOptions): string {
  const how = closed ? "closed" : "crashed";
  return `${kind}, ${mode}, ${how}${checksums ? ", with checksums" : ""}`;
}

export async function makeWorld(options: WorldOptions): Promise<DamageWorld> {
  const { kind, mode, closed, chunks, writes, checksums = false } = options;
  const subject = TREES.find((one) => one.kind === kind);
  if (!subject) throw new Error(`no store of kind ${kind}`);
  const size = chunks * CHUNK;
  const create = { size, checksums };
  const fixture = await Fixture.make(subject.open, { mode, size, create });
  const random = new Random(chunks + writes);
  const past: Uint8Array[] = [];
  for (let step = 0; step < 8; step++) {
    await scatter(fixture, random, writes / 8, chunks);
    await fixture.snapshot(`snap-${step}`);
    if (step === 3) await fixture.delete(fixture.volume.get("snap-1"));
    // A checkpoint.
    if (step > 4) await fixture.volume.check();
    past.push(bytesOf(fixture.store));
  }
  await fixture.volume.reclaimed();
  await scatter(fixture, random, writes / 4, chunks);
  const { volume, store, under, model } = fixture;
  if (closed) await volume.close();
  else await leaveRecords(fixture, random, chunks);
  const name = nameOf(options);
  return { ...options, name, store: bytesOf(store), past, under: bytesOf(under), model };
}

/** Writes of single chunks here and there, to any view. */
async function scatter(
  fixture: Fixture,
  random: Random,
  writes: number,
  chunks: number,
): Promise<void> {
  for (let i = 0; i < writes; i++) {
    const views: View[] = [fixture.volume.origin, ...fixture.volume.snapshots];
    const at = random.below(chunks) * CHUNK;
    await fixture.write(random.pick(views), at, random.bytes(CHUNK));
  }
}

/** A checkpoint, then records: of writes, of a snapshot, of a delete. */
async function leaveRecords(fixture: Fixture, random: Random, chunks: number): Promise<void> {
  await fixture.volume.check();
  for (let i = 0; i < 5; i++) {
    await scatter(fixture, random, 10, chunks);
    await fixture.volume.flush();
    if (i === 1) await fixture.snapshot("late");
    if (i === 3) await fixture.delete(fixture.volume.get("snap-2"));
  }
  await fixture.volume.reclaimed();
  await fixture.volume.flush();
}

/** For reading. */
export function openWorld({ mode, under }: DamageWorld, store: Uint8Array): Promise<Volume> {
  const devices = { store: bytesDevice(store) };
  const below = bytesDevice(under);
  if (mode === "base") return openVolume({ ...devices, base: below, readOnly: true });
  if (mode === "attached") return openVolume({ ...devices, origin: below, readOnly: true });
  return openVolume({ ...devices, readOnly: true });
}
