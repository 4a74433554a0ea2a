/**
 * Ten thousand snapshots with a million exceptions, all deleted: in one commit, and how fast their
 * space comes back; what that does to who writes meanwhile; and what the file system gets.
 */
import { rmSync, statSync } from "node:fs";
import { type Device, fileDevice, openVolume, type Volume } from "../../src/index.ts";
import type { DiskVolume } from "../../src/volume/volume.ts";
import { median } from "../measure.ts";
import { randomNumbers } from "../order.ts";
import { type Context, comparedRow, plainRow, type Row, type Section } from "../row.ts";
import { SinkDevice } from "./sink-device.ts";
import { DATA_BYTE } from "./stores.ts";

const CHUNK = 4096;
/** Written four times over, so that three of four exceptions go. */
const CHUNKS = 2 ** 18;
const EXCEPTIONS = 1_000_000;
const SNAPSHOTS = 10_000;
const TURNS = 3;
const TOGETHER_MS_MOST = 2000;
const A_SECOND_LEAST = 5_000_000;
/** Of the 99th percentile with nothing else going on. */
const SLOWER_MOST = 2;
/** Between two writes of who writes meanwhile: a request each 200 us. */
const EVERY_US = 200;
const IDLE_WRITES = 4000;

/** Every chunk is written between any of the snapshots. */
async function crowd(volume: Volume, snapshots: number, exceptions: number): Promise<void> {
  const data = new Uint8Array(CHUNK).fill(DATA_BYTE);
  const chunks = volume.origin.size / CHUNK;
  const next = randomNumbers(9);
  for (let i = 0; i < snapshots; i++) {
    for (let n = 0; n < exceptions / snapshots; n++) {
      volume.origin.writeSync((next() % chunks) * CHUNK, data);
    }
    await volume.snapshot(`s${i}`);
  }
  await volume.flush();
}

function openLarge(store: Device): Promise<Volume> {
  const create = { size: CHUNKS * CHUNK, chunk: CHUNK };
  return openVolume({ store, create, cacheBytes: 2 ** 28 });
}

async function rateRows(context: Context): Promise<Row[]> {
  const deleted: number[] = [];
  const all: number[] = [];
  const rates: number[] = [];
  let commits = 0;
  for (let turn = 0; turn < TURNS; turn++) {
    context.say(`deleting ten thousand snapshots, turn ${turn + 1} of ${TURNS}`);
    const volume = await openLarge(new SinkDevice());
    await crowd(volume, SNAPSHOTS, EXCEPTIONS);
    const { exceptions } = volume.usage();
    const { snapshots } = volume;
    const { counters } = volume.status();
    const start = performance.now();
    await volume.delete(...snapshots);
    const behind = performance.now();
    const now = volume.status().counters;
    commits = now.commits + now.checkpoints - counters.commits - counters.checkpoints;
    await volume.reclaimed();
    const end = performance.now();
    deleted.push(behind - start);
    all.push(end - start);
    rates.push(exceptions / ((end - behind) / 1000));
    await volume.close();
  }
  const many = "10,000 snapshots with 1M exceptions";
  return [
    plainRow(`delete ${many}: commits`, { value: commits, unit: "commits" }, { most: 1 }),
    plainRow(`delete ${many}, in one call`, { value: median(deleted), unit: "ms" }, null),
    plainRow(
      `delete ${many}, until all of it can be used again`,
      { value: median(all), unit: "ms" },
      { most: TOGETHER_MS_MOST },
    ),
    plainRow(
      "reclaim, in the background, commits and all",
      { value: median(rates), unit: "exceptions/s" },
      { least: A_SECOND_LEAST },
    ),
  ];
}

/**
 * Writes of 4 KiB that are due every 200 us, as long as `goOn`: how long after that each was done.
 * Who had to wait for the thread is counted, and all that came due meanwhile.
 */
async function writeMeanwhile(volume: Volume, goOn: (done: number) => boolean): Promise<number> {
  const data = new Uint8Array(CHUNK).fill(DATA_BYTE);
  const next = randomNumbers(33);
  const times: number[] = [];
  let due = performance.now();
  while (goOn(times.length)) {
    await new Promise((resolve) => setImmediate(resolve));
    if (performance.now() < due) continue;
    await volume.origin.write((next() % CHUNKS) * CHUNK, data);
    const now = performance.now();
    times.push(now - due);
    due += EVERY_US / 1000;
  }
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length * 0.99)]! * 1000;
}

/** `store`: what the store lies on. */
async function waitRow(
  context: Context,
  where: string,
  exceptions: number,
  store: () => Promise<Device>,
): Promise<Row> {
  const ratios: number[] = [];
  const idle: number[] = [];
  const busy: number[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    context.say(`writes while snapshots are reclaimed, ${where}, turn ${turn + 1} of ${TURNS}`);
    const volume = await openLarge(await store());
    const { store: tree } = (volume as DiskVolume).core;
    await crowd(volume, SNAPSHOTS / 100, exceptions);
    await writeMeanwhile(volume, (done) => done < IDLE_WRITES);
    const before = await writeMeanwhile(volume, (done) => done < IDLE_WRITES);
    await volume.delete(...volume.snapshots);
    const during = await writeMeanwhile(volume, () => tree.usage().reclaiming > 0);
    await volume.close();
    idle.push(before);
    busy.push(during);
    ratios.push(before / during);
  }
  return comparedRow(
    `write of 4 KiB while snapshots are reclaimed, ${where}, 99th percentile`,
    { value: median(busy), unit: "us" },
    { name: "idle", value: median(idle), unit: "us" },
    median(ratios),
    { least: 1 / SLOWER_MOST },
    `a write is due every ${EVERY_US} us; counted from then`,
  );
}

async function waitRows(context: Context): Promise<Row[]> {
  const file = context.scratch.file("reclaim.msnap");
  const onFile = () => {
    rmSync(file, { force: true });
    return fileDevice(file);
  };
  const rows = [
    await waitRow(context, "no disk", 2 * EXCEPTIONS, async () => new SinkDevice()),
    await waitRow(context, "file", EXCEPTIONS / 4, onFile),
  ];
  rmSync(file);
  return rows;
}

/** What forks wrote lies at the end of the file. */
async function fileRow(context: Context): Promise<Row> {
  context.say("the file of a store whose snapshots are deleted");
  const file = context.scratch.file("delete.msnap");
  const size = 2 ** 26;
  const volume = await openVolume({ store: await fileDevice(file), create: { size } });
  const data = new Uint8Array(2 ** 20).fill(DATA_BYTE);
  const fill = (view: Volume["origin"]) => {
    for (let at = 0; at < size; at += data.length) view.writeSync(at, data);
  };
  fill(volume.origin);
  for (let i = 0; i < 8; i++) fill(await volume.snapshot(`fork-${i}`));
  await volume.flush();
  const before = statSync(file).size;
  await volume.delete(...volume.snapshots);
  await volume.reclaimed();
  const after = statSync(file).size;
  await volume.close();
  rmSync(file);
  return plainRow(
    "file of a 64 MiB disk when 8 forks, all rewritten, are deleted",
    { value: after / 2 ** 20, unit: "MiB" },
    { most: 80 },
    `${Math.round(before / 2 ** 20)} MiB before`,
  );
}

async function run(context: Context): Promise<Row[]> {
  return [...(await rateRows(context)), ...(await waitRows(context)), await fileRow(context)];
}

export const deleting: Section = {
  name: "delete",
  about: "ten thousand snapshots deleted and reclaimed, and who writes meanwhile",
  run,
};
