/**
 * Makes the golden stores of the current format version: `npx tsx test/golden/make.ts`. One for
 * each set and origin mode, closed well or left as a crash leaves it, with the hashes of its views.
 * Files that are there already stay: a released version's stores are opened by the tests forever.
 */
import { createHash } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { StoreKind, View, Volume } from "../../src/volume/types.ts";
import { Fixture, readAll } from "../model/fixture.ts";
import type { Image } from "../model/image.ts";
import type { OriginMode } from "../model/model.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";
import type { Subject } from "../model/subjects.ts";

const VERSION = 1;
const CHUNK = 4096;
const SIZE = 40 * CHUNK + 1536;

export interface GoldenView {
  name: string | null;
  id: number;
  parent: number | null;
  readOnly: boolean;
  sha256: string;
}

export interface Golden {
  mode: OriginMode;
  size: number;
  chunk: number;
  uuid: string;
  views: GoldenView[];
}

export async function describe(volume: Volume, mode: OriginMode): Promise<Golden> {
  const views: GoldenView[] = [];
  for (const view of [volume.origin, ...volume.snapshots]) {
    const { name, id, parent, readOnly } = view;
    const sha256 = createHash("sha256")
      .update(await readAll(view))
      .digest("hex");
    views.push({ name, id, parent, readOnly, sha256 });
  }
  return { mode, size: volume.origin.size, chunk: volume.chunk, uuid: volume.uuid, views };
}

/** Bytes that compress well: the files are in the repository for good. */
function pattern(random: Random, length: number): Uint8Array {
  const piece = random.bytes(16);
  return new Uint8Array(length).map((_, i) => piece[i % piece.length] as number);
}

type Write = (view: View, count: number) => Promise<void>;

function writes(random: Random): Write {
  return async (view, count) => {
    for (let i = 0; i < count; i++) {
      const length = random.pick([512, CHUNK, 3 * CHUNK, 1000]);
      await view.write(random.below(SIZE - length), pattern(random, length));
    }
  };
}

async function fiveDays(volume: Volume, write: Write): Promise<void> {
  await write(volume.origin, 12);
  const names = ["monday", "tuesday", "wednesday", "thursday", "friday"];
  for (const [i, name] of names.entries()) {
    const made = await volume.snapshot(name, { readOnly: i === 3 });
    await write(volume.origin, 4);
    if (!made.readOnly) await write(made, 2);
  }
}

/** Some of everything: writes, holes, snapshots of snapshots, deleted ones, renamed ones. */
async function firstHistory(fixture: Fixture): Promise<void> {
  const write = writes(new Random(VERSION));
  const { volume } = fixture;
  await fiveDays(volume, write);
  const fork = await volume.get("tuesday").snapshot("fork");
  await write(fork, 3);
  await fork.trim(4 * CHUNK, 5 * CHUNK);
  await volume.origin.trim(20 * CHUNK, 3 * CHUNK);
  await volume.origin.writeZeroes(30 * CHUNK + 5, 2 * CHUNK);
  await volume.delete("monday", "wednesday");
  await volume.reclaimed();
  await volume.rename("friday", "weekend, déjà");
  await write(volume.get("tuesday"), 2);
  await volume.flush();
}

/**
 * The same, with chunks that views share, and a snapshot between two that see the same; a part of
 * it before the last checkpoint of a crashed store, a part after.
 */
async function secondHistory(fixture: Fixture): Promise<void> {
  const write = writes(new Random(VERSION));
  await fiveDays(fixture.volume, write);
  await fixture.volume.delete("monday", "wednesday");
  await fixture.volume.reclaimed();
  await fixture.volume.close();
  const volume = await fixture.reopen();
  await write(volume.origin, 4);
  const of = fixture.capabilities.ofSnapshots ? volume.get("tuesday") : volume.origin;
  const saturday = await volume.snapshot("saturday", { of });
  await write(saturday, 3);
  await saturday.trim(4 * CHUNK, 5 * CHUNK);
  await volume.origin.trim(20 * CHUNK, 3 * CHUNK);
  await volume.origin.writeZeroes(30 * CHUNK + 5, 2 * CHUNK);
  await write(volume.origin, 2);
  await volume.get("tuesday").cloneFrom(saturday, 0, 12 * CHUNK);
  const bytes = new Random(3);
  await volume.origin.write(33 * CHUNK, pattern(bytes, 2 * CHUNK));
  for (const name of ["sunday", "sunday noon", "sunday night"]) await volume.snapshot(name);
  await volume.get("sunday noon").write(33 * CHUNK, pattern(bytes, 2 * CHUNK));
  await volume.origin.write(33 * CHUNK, pattern(bytes, 2 * CHUNK));
  await volume.delete("saturday");
  await volume.reclaimed();
  await volume.snapshot("next monday", { readOnly: true });
  await volume.rename("friday", "weekend, déjà");
  await write(volume.get("tuesday"), 2);
  await write(volume.origin, 1);
  await volume.flush();
}

export interface GoldenSet {
  /** What names of its stores have for it. */
  label: string;
  kind: StoreKind;
  history: (fixture: Fixture) => Promise<void>;
  checksums?: boolean;
}

export const SETS: readonly GoldenSet[] = [
  { label: "", kind: "range", history: firstHistory },
  { label: "range-", kind: "range", history: secondHistory },
  { label: "bitmap-", kind: "bitmap", history: secondHistory },
  { label: "sums-", kind: "range", history: secondHistory, checksums: true },
  { label: "bitmap-sums-", kind: "bitmap", history: secondHistory, checksums: true },
];
export const MODES: readonly OriginMode[] = ["inline", "base", "attached"];
export const ENDINGS = ["closed", "crashed"] as const;
export type Ending = (typeof ENDINGS)[number];

export function nameOf({ label }: GoldenSet, mode: OriginMode, ending: Ending): string {
  return `format-${VERSION}-${label}${mode}-${ending}`;
}

function bytesOf(image: Image): Uint8Array {
  const bytes = new Uint8Array(image.size);
  image.read(bytes, 0, bytes.length, 0);
  return bytes;
}

export interface Made {
  golden: Golden;
  store: Uint8Array;
  /** The base or the attached origin. */
  under: Uint8Array | null;
}

/** Makes a store in memory: the same bytes each time. */
export async function make(
  { kind, history, checksums }: GoldenSet,
  mode: OriginMode,
  ending: Ending,
): Promise<Made> {
  const { open } = subjects.find((subject) => subject.kind === kind) as Subject;
  const image = mode === "inline" ? new Uint8Array(0) : pattern(new Random(2), SIZE);
  const create = checksums ? { checksums } : {};
  const fixture = await Fixture.make(open, { mode, size: SIZE, chunk: CHUNK, image, create });
  await history(fixture);
  const golden = await describe(fixture.volume, mode);
  if (ending === "closed") await fixture.volume.close();
  const under = mode === "inline" ? null : bytesOf(fixture.under);
  return { golden, store: bytesOf(fixture.store), under };
}

function save({ golden, store, under }: Made, name: string): void {
  writeFileSync(`${name}.store.gz`, gzipSync(store, { level: 9 }));
  if (under) writeFileSync(`${name}.${golden.mode}.gz`, gzipSync(under, { level: 9 }));
  writeFileSync(`${name}.json`, `${JSON.stringify(golden, null, 2)}\n`);
}

async function main(): Promise<void> {
  for (const set of SETS) {
    for (const mode of MODES) {
      for (const ending of ENDINGS) {
        const name = join(import.meta.dirname, nameOf(set, mode, ending));
        if (existsSync(`${name}.json`)) console.log(`${name}.json is there already`);
        else save(await make(set, mode, ending), name);
      }
    }
  }
}

if (process.argv[1] === import.meta.filename) await main();
