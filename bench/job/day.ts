/**
 * A day of rolling snapshots in fast motion: each round writes real file data to the origin, here
 * and there and in one run, and takes a snapshot; some snapshots are forked and written, some
 * deleted.
 */
import { setImmediate } from "node:timers/promises";
import type { View, Volume } from "../../src/index.ts";
import { randomNumbers } from "../order.ts";
import { type Digests, digestOf, SEGMENT_BYTES, type Shadow } from "./shadow.ts";

/** A snapshot every 12 minutes for 24 hours. */
export const ROUNDS = 120;
const MINUTES_A_ROUND = 12;

const RANDOM_WRITES = 160;
const RANDOM_BYTES_MAX = 32768;
const SEQUENTIAL_WRITES = 16;
const SEQUENTIAL_BYTES = 256 << 10;

const FORK_EVERY = 6;
const WRITE_EVERY = 4;
const DELETE_EVERY = 5;
/** Snapshots that are kept before the first is deleted. */
const KEPT_FIRST = 20;

/** The name of the first snapshot: the disk as it was imported, never written. */
export const IMPORTED = "imported";

/** What one round took. */
export interface Round {
  /** Snapshots present while it wrote. */
  snapshots: number;
  randomMs: number;
  randomBytes: number;
  sequentialMs: number;
  sequentialBytes: number;
  snapshotMs: number;
}

export interface Day {
  rounds: Round[];
  /** What each snapshot must contain. */
  expected: Map<string, Digests>;
  forked: number;
  written: number;
  deleted: number;
}

interface Piece {
  offset: number;
  data: Uint8Array;
}

/** Makes the writes of a round: what is written, and where. */
class Writes {
  readonly #next: () => number;
  readonly #files: Buffer;
  readonly #diskBytes: number;

  constructor(files: Buffer, diskBytes: number, seed: number) {
    this.#files = files;
    this.#diskBytes = diskBytes;
    this.#next = randomNumbers(seed);
  }

  below(limit: number): number {
    return this.#next() % limit;
  }

  /** `length` bytes from somewhere in the files. */
  fileData(length: number): Uint8Array {
    const start = this.below(this.#files.length - length + 1);
    return this.#files.subarray(start, start + length);
  }

  /** Three of four in whole pages as a file system writes, the rest at any byte. */
  random(): Piece {
    const unit = this.below(4) === 0 ? 1 : 4096;
    const length = Math.max(unit, Math.floor((1 + this.below(RANDOM_BYTES_MAX)) / unit) * unit);
    const offset = Math.floor(this.below(this.#diskBytes - length + 1) / unit) * unit;
    return { offset, data: this.fileData(length) };
  }

  sequential(): Piece[] {
    const bytes = Math.min(SEQUENTIAL_BYTES, Math.floor(this.#diskBytes / SEQUENTIAL_WRITES));
    const start = this.below(this.#diskBytes - bytes * SEQUENTIAL_WRITES + 1);
    return Array.from({ length: SEQUENTIAL_WRITES }, (_, index) => ({
      offset: start + index * bytes,
      data: this.fileData(bytes),
    }));
  }
}

async function timed(view: View, pieces: readonly Piece[]): Promise<{ ms: number; bytes: number }> {
  const start = performance.now();
  for (const { offset, data } of pieces) await view.write(offset, data);
  const ms = performance.now() - start;
  return { ms, bytes: pieces.reduce((sum, { data }) => sum + data.length, 0) };
}

/** Writes one round's pieces to the origin and to the shadow. */
async function writeRound(volume: Volume, shadow: Shadow, random: Piece[], sequential: Piece[]) {
  const snapshots = volume.snapshots.length;
  const here = await timed(volume.origin, random);
  const run = await timed(volume.origin, sequential);
  for (const { offset, data } of [...random, ...sequential]) shadow.write(offset, data);
  return {
    snapshots,
    randomMs: here.ms,
    randomBytes: here.bytes,
    sequentialMs: run.ms,
    sequentialBytes: run.bytes,
  };
}

async function snapshotRound(volume: Volume, name: string): Promise<number> {
  const start = performance.now();
  await volume.snapshot(name);
  return performance.now() - start;
}

/** The time of day of a round, as a snapshot's name: `07h12`. */
function nameOf(round: number): string {
  const minutes = round * MINUTES_A_ROUND;
  const hour = String(Math.floor(minutes / 60)).padStart(2, "0");
  return `${hour}h${String(minutes % 60).padStart(2, "0")}`;
}

/**
 * Forks the snapshot just made and writes to the fork; the snapshot itself must not change.
 * Possible at any offset only now, while the shadow still holds what the snapshot holds.
 */
async function forkAndWrite(
  volume: Volume,
  shadow: Shadow,
  writes: Writes,
  day: Day,
  name: string,
) {
  const fork = await volume.get(name).snapshot(`${name}-fork`);
  const { offset, data } = writes.random();
  await fork.write(offset, data);
  day.expected.set(`${name}-fork`, shadow.digestsWith(offset, data));
  day.forked++;
}

/**
 * Writes a whole segment of an older snapshot: its digest is known without knowing what was there.
 */
async function writeOlder(volume: Volume, shadow: Shadow, writes: Writes, day: Day) {
  const names = [...day.expected.keys()].filter((name) => name !== IMPORTED);
  const name = names[writes.below(names.length)];
  const index = writes.below(Math.ceil(shadow.bytes.length / SEGMENT_BYTES));
  const data = writes.fileData(shadow.segment(index).length);
  await volume.get(name).write(index * SEGMENT_BYTES, data);
  const digests = [...(day.expected.get(name) ?? [])];
  digests[index] = digestOf(data);
  day.expected.set(name, digests);
  day.written++;
}

async function deleteOne(volume: Volume, writes: Writes, day: Day) {
  const names = [...day.expected.keys()].filter((name) => name !== IMPORTED);
  const name = names[writes.below(names.length)];
  await volume.delete(name);
  day.expected.delete(name);
  day.deleted++;
}

export interface DayOptions {
  volume: Volume;
  shadow: Shadow;
  /** Bytes of real files to write. */
  files: Buffer;
  seed: number;
  signal: AbortSignal;
  progress: (round: number) => void;
}

export async function runDay(options: DayOptions): Promise<Day> {
  const { volume, shadow, files, signal } = options;
  const writes = new Writes(files, shadow.bytes.length, options.seed);
  const day: Day = { rounds: [], expected: new Map(), forked: 0, written: 0, deleted: 0 };

  // The round without a snapshot writes back what is there: the first snapshot is the disk as
  // imported.
  const same = ({ offset, data }: Piece) => ({
    offset,
    data: Uint8Array.from(shadow.bytes.subarray(offset, offset + data.length)),
  });
  const random = Array.from({ length: RANDOM_WRITES }, () => same(writes.random()));
  const first = await writeRound(volume, shadow, random, writes.sequential().map(same));
  day.rounds.push({ ...first, snapshotMs: await snapshotRound(volume, IMPORTED) });
  day.expected.set(IMPORTED, shadow.digests());

  for (let round = 0; round < ROUNDS; round++) {
    await setImmediate();
    signal.throwIfAborted();
    const name = nameOf(round);
    const pieces = Array.from({ length: RANDOM_WRITES }, () => writes.random());
    const written = await writeRound(volume, shadow, pieces, writes.sequential());
    day.rounds.push({ ...written, snapshotMs: await snapshotRound(volume, name) });
    day.expected.set(name, shadow.digests());
    if (round % FORK_EVERY === 0) await forkAndWrite(volume, shadow, writes, day, name);
    if (round % WRITE_EVERY === 0) await writeOlder(volume, shadow, writes, day);
    if (round > KEPT_FIRST && round % DELETE_EVERY === 0) await deleteOne(volume, writes, day);
    options.progress(round + 1);
  }
  return day;
}
