/**
 * `npm start [-- my.img]`: the main job on real input. Puts a disk image into a volume, lives
 * through a day of rolling snapshots, and proves that every snapshot still holds what it held when
 * it was made.
 */
import { mkdirSync, rmSync, statSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import {
  fileDevice,
  MultisnapError,
  openVolume,
  type Usage,
  type Volume,
} from "../../src/index.ts";
import { type Day, IMPORTED, ROUNDS, runDay } from "./day.ts";
import { joinedFiles, realFiles } from "./files.ts";
import { givenImage, type Image, makeImage } from "./image.ts";
import { JobError } from "./job-error.ts";
import { type Progress, withProgress } from "./progress.ts";
import { countLines, spaceLines, throughputTable } from "./report.ts";
import { SEGMENT_BYTES, Shadow } from "./shadow.ts";
import { checkFileSystem, exportView, verifyView } from "./verify.ts";

const FOLDER = path.join(os.tmpdir(), "multisnap-job");
const STORE = path.join(FOLDER, "disk.msnap");
const EXPORTED = path.join(FOLDER, `${IMPORTED}.img`);

/** Of real files: in the image, and to write afterwards. */
const FILE_BYTES = 64 << 20;
const SEED = 20090324;

const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

interface Job {
  image: Image;
  /** Bytes of real files. */
  files: Buffer;
  shadow: Shadow;
  signal: AbortSignal;
}

async function importImage(
  volume: Volume,
  { image, signal }: Job,
  progress: Progress,
): Promise<void> {
  const zeros = Buffer.alloc(SEGMENT_BYTES);
  for (let offset = 0; offset < image.content.length; offset += SEGMENT_BYTES) {
    signal.throwIfAborted();
    const segment = image.content.subarray(offset, offset + SEGMENT_BYTES);
    const isZero = segment.equals(zeros.subarray(0, segment.length));
    if (!isZero) await volume.origin.write(offset, segment);
    progress(offset / SEGMENT_BYTES + 1);
  }
  await volume.flush();
}

function verifyNames(volume: Volume, day: Day): void {
  const names = new Set(volume.snapshots.map(({ name }) => name));
  for (const name of day.expected.keys()) {
    if (!names.has(name)) throw new JobError(`snapshot ${name} is gone, but nobody deleted it`);
  }
  if (names.size !== day.expected.size) throw new JobError("a deleted snapshot is still there");
}

async function verifyAll(volume: Volume, day: Day, job: Job, progress: Progress): Promise<void> {
  verifyNames(volume, day);
  let done = 0;
  for (const [name, digests] of day.expected) {
    await verifyView(volume.get(name), digests, job.signal);
    progress(++done);
  }
  await verifyView(volume.origin, job.shadow.digests(), job.signal);
}

async function checkVolume(volume: Volume, signal: AbortSignal): Promise<string> {
  const report = await volume.check({ signal });
  if (!report.clean) {
    const problems = report.problems.map(({ where, message }) => `  ${where}: ${message}`);
    throw new JobError(`check found damage:\n${problems.join("\n")}`);
  }
  return `check: clean, ${report.exceptions} exceptions in ${report.blocks} metadata blocks`;
}

/** Import and a day; the store is closed afterwards. */
async function liveADay(job: Job): Promise<{ day: Day; imported: Usage }> {
  const { image, shadow, files, signal } = job;
  const create = { size: image.content.length };
  const volume = await openVolume({ store: await fileDevice(STORE), create });
  try {
    const segments = Math.ceil(image.content.length / SEGMENT_BYTES);
    await withProgress("import (MiB)", segments, (progress) => importImage(volume, job, progress));
    const imported = volume.usage();
    const day = await withProgress("a day (rounds)", ROUNDS, (progress) =>
      runDay({ volume, shadow, files, seed: SEED, signal, progress }),
    );
    await volume.reclaimed({ signal });
    return { day, imported };
  } finally {
    await volume.close();
  }
}

/** Opens the store again and proves what it holds; the lines to print. */
async function prove(job: Job, day: Day, imported: Usage): Promise<string[]> {
  const volume = await openVolume({ store: await fileDevice(STORE) });
  try {
    await withProgress("verify (snapshots)", day.expected.size, (progress) =>
      verifyAll(volume, day, job, progress),
    );
    const checked = await checkVolume(volume, job.signal);
    await exportView(volume.get(IMPORTED), EXPORTED);
    const fsck = checkFileSystem(EXPORTED, job.image.isExt);
    return [
      "",
      ...throughputTable(day),
      "",
      ...spaceLines(imported, volume.usage()),
      ...countLines(day),
      checked,
      fsck,
    ];
  } finally {
    await volume.close();
  }
}

async function main(): Promise<void> {
  const stop = new AbortController();
  process.on("SIGINT", () => stop.abort());
  process.on("SIGTERM", () => stop.abort());
  const given = process.argv[2];
  const started = performance.now();
  try {
    const files = realFiles(FILE_BYTES);
    const image = given === undefined ? makeImage(FOLDER, files) : givenImage(given);
    mkdirSync(FOLDER, { recursive: true });
    for (const made of [STORE, EXPORTED]) {
      if (made === path.resolve(image.path)) throw new JobError(`the job itself makes ${made}`);
      rmSync(made, { force: true });
    }
    console.log(`image: ${image.path}, ${mib(image.content.length)}, ${image.about}`);
    const shadow = new Shadow(image.content);
    const job = { image, files: joinedFiles(files), shadow, signal: stop.signal };
    const { day, imported } = await liveADay(job);
    const lines = await prove(job, day, imported);
    lines.push(
      `took ${((performance.now() - started) / 1000).toFixed(1)} s`,
      "",
      `store             ${STORE} (${mib(statSync(STORE).size)})`,
      `image             ${image.path}`,
      `exported snapshot ${EXPORTED}`,
    );
    console.log(lines.join("\n"));
  } catch (error) {
    if (stop.signal.aborted) {
      console.error(`\nstopped; what was made so far is in ${FOLDER}`);
      process.exitCode = 130;
      return;
    }
    if (!(error instanceof JobError || error instanceof MultisnapError)) throw error;
    console.error(`\nthe job failed: ${error.message}\nits files are in ${FOLDER}`);
    process.exitCode = 1;
  }
}

await main();
