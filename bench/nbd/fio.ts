/**
 * fio's nbd engine: the load of every measure here. First writes are replayed from a list of
 * offsets, because fio's own random map knows no gaps between blocks.
 */
import { execFile } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { shuffled } from "../order.ts";
import type { Scratch } from "../scratch.ts";

const execute = promisify(execFile);
const PRINTED_MAX = 64 << 20;

/** `count` writes of `bytes`, each at a multiple of `unit` of its own. */
export interface Load {
  /** Bytes of the disk. */
  size: number;
  unit: number;
  bytes: number;
  count: number;
  depth: number;
  order: "random" | "sequential";
}

export interface Direction {
  total_ios: number;
  io_bytes: number;
  iops: number;
}

/** What fio reports of a job: the part that is used here. */
export interface Job {
  error: number;
  read: Direction;
  write: Direction;
  trim: Direction;
  sync: { total_ios: number };
}

/** Runs one fio; its jobs. `options` without a value are flags. */
export async function fio(
  scratch: Scratch,
  uri: string,
  options: readonly string[],
): Promise<Job[]> {
  const args = ["--output-format=json", "--ioengine=nbd", `--uri=${uri}`, "--thread", ...options];
  const printing = { cwd: scratch.folder, maxBuffer: PRINTED_MAX };
  const { stdout } = await execute("fio", args, printing);
  // The engine says on standard output, too, that it is connected.
  const { jobs } = JSON.parse(stdout.slice(stdout.indexOf("{"))) as { jobs: Job[] };
  const failed = jobs.find(({ error }) => error !== 0);
  if (failed !== undefined) throw new Error(`fio ${args.join(" ")}: error ${failed.error}`);
  return jobs;
}

/** Writes the whole disk in order. */
export async function fill(scratch: Scratch, uri: string, size: number): Promise<void> {
  const options = ["--name=fill", "--rw=write", "--bs=1m", "--iodepth=4", `--size=${size}`];
  await fio(scratch, uri, [...options, "--refill_buffers"]);
}

/** Operations a second of 4 KiB requests at random places for `seconds`, with repeats. */
export async function play(
  scratch: Scratch,
  uri: string,
  what: "read" | "write",
  { size, depth, seconds }: { size: number; depth: number; seconds: number },
): Promise<number> {
  const options = [`--name=${what}`, `--rw=rand${what}`, "--bs=4k", `--size=${size}`];
  options.push(`--iodepth=${depth}`, "--time_based", `--runtime=${seconds * 1000}ms`);
  options.push("--norandommap", "--randrepeat=0");
  const [job] = await fio(scratch, uri, options);
  return job[what].iops;
}

/**
 * Operations a second of `load`, a final flush counted; the seed decides which blocks it takes in
 * which order. `synced`: a flush after every write, too.
 */
export async function replay(
  scratch: Scratch,
  uri: string,
  load: Load,
  seed: number,
  synced = false,
): Promise<number> {
  const list = scratch.file("offsets");
  writeFileSync(list, listOf(load, seed, synced));
  const bytes = load.count * load.bytes;
  const options = ["--name=replay", `--read_iolog=${list}`, "--replay_no_stall=1"];
  options.push(`--iodepth=${load.depth}`, `--size=${load.size}`);
  // Without the size, fio would leave what is in flight at the end of the list, and not flush.
  options.push(`--io_size=${bytes}`, "--end_fsync=1");
  const [{ write }] = await fio(scratch, uri, options);
  rmSync(list);
  if (write.total_ios !== load.count || write.io_bytes !== bytes) {
    throw new Error(`fio wrote ${write.total_ios} times, ${write.io_bytes} of ${bytes} bytes`);
  }
  return write.iops;
}

function listOf(load: Load, seed: number, synced: boolean): string {
  const { size, unit, bytes, count, order } = load;
  const units = size / unit;
  if (count > units) throw new RangeError(`${count} first writes to ${units} units`);
  const places = order === "random" ? shuffled(units, seed) : null;
  const lines = ["fio version 2 iolog", "disk add", "disk open"];
  for (let i = 0; i < count; i++) {
    lines.push(`disk write ${(places?.[i] ?? i) * unit} ${bytes}`);
    if (synced) lines.push("disk sync 0 0");
  }
  return [...lines, ""].join("\n");
}
