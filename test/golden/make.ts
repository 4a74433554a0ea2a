/**
 * Makes the golden stores of the current format version: `npx tsx test/golden/make.ts`. One for
 * each origin mode, closed well or left as a crash leaves it, with the hashes of its views. Files
 * that are there already stay: a released version's stores are opened by the tests forever.
 */
import { createHash } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { View, Volume } from "../../src/volume/types.ts";
import { Fixture, readAll } from "../model/fixture.ts";
import type { Image } from "../model/image.ts";
import type { OriginMode } from "../model/model.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";
import type { Opener } from "../model/subjects.ts";

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

/** Some of everything: writes, holes, snapshots of snapshots, deleted ones, renamed ones. */
async function history(fixture: Fixture): Promise<void> {
  const random = new Random(VERSION);
  const { volume } = fixture;
  const write = async (view: View, count: number) => {
    for (let i = 0; i < count; i++) {
      const length = random.pick([512, CHUNK, 3 * CHUNK, 1000]);
      await view.write(random.below(SIZE - length), pattern(random, length));
    }
  };
  await write(volume.origin, 12);
  const names = ["monday", "tuesday", "wednesday", "thursday", "friday"];
  for (const [i, name] of names.entries()) {
    const made = await volume.snapshot(name, { readOnly: i === 3 });
    await write(volume.origin, 4);
    if (!made.readOnly) await write(made, 2);
  }
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

function bytesOf(image: Image): Uint8Array {
  const bytes = new Uint8Array(image.size);
  image.read(bytes, 0, bytes.length, 0);
  return bytes;
}

export type Ending = "closed" | "crashed";

export interface Made {
  golden: Golden;
  store: Uint8Array;
  /** The base or the attached origin. */
  under: Uint8Array | null;
}

/** Makes a store in memory: the same bytes each time. */
export async function make(open: Opener, mode: OriginMode, ending: Ending): Promise<Made> {
  const image = mode === "inline" ? new Uint8Array(0) : pattern(new Random(2), SIZE);
  const fixture = await Fixture.make(open, { mode, size: SIZE, chunk: CHUNK, image });
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
  const { open } = subjects[0] as (typeof subjects)[0];
  for (const mode of ["inline", "base", "attached"] as const) {
    for (const ending of ["closed", "crashed"] as const) {
      const name = join(import.meta.dirname, `format-${VERSION}-${mode}-${ending}`);
      if (existsSync(`${name}.json`)) console.log(`${name}.json is there already`);
      else save(await make(open, mode, ending), name);
    }
  }
}

if (process.argv[1] === import.meta.filename) await main();
