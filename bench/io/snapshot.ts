/**
 * Creating a snapshot, with none and with 100,000 present; and what a commit of one new exception
 * costs a device.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { fileDevice, openVolume, type Volume } from "../../src/index.ts";
import { median } from "../measure.ts";
import { type Context, plainRow, type Row, type Section } from "../row.ts";
import { CountingDevice } from "./counting-device.ts";

const SIZE = 2 ** 30;
const PRESENT = 100_000;
const SAMPLES = 1000;
const COMMIT_SAMPLES = 100;

const SNAPSHOT_MEMORY_MOST = 128;
/** Microseconds of a snapshot outside the device. */
const CREATE_US_MOST = 20;
const FLUSHES_MOST = 2;
const COMMIT_BYTES_MOST = 8192;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

interface Opened {
  volume: Volume;
  device: CountingDevice;
}

async function openCounted(context: Context, name: string): Promise<Opened> {
  const device = new CountingDevice(await fileDevice(context.scratch.file(name)));
  const volume = await openVolume({ store: device, create: { size: SIZE } });
  return { volume, device };
}

interface Created {
  us: number;
  /** Of them, outside the device. */
  ownUs: number;
  flushes: number;
  bytes: number;
}

/** Medians over `SAMPLES` new snapshots. */
async function create({ volume, device }: Opened, prefix: string): Promise<Created> {
  const spent: number[] = [];
  const own: number[] = [];
  const flushes: number[] = [];
  const bytes: number[] = [];
  for (let i = 0; i < SAMPLES; i++) {
    device.reset();
    const start = performance.now();
    await volume.snapshot(`${prefix}-${i}`);
    const us = (performance.now() - start) * 1000;
    spent.push(us);
    own.push(us - device.spentMs * 1000);
    flushes.push(device.flushes);
    bytes.push(device.bytesWritten);
  }
  return { us: median(spent), ownUs: median(own), flushes: median(flushes), bytes: median(bytes) };
}

/** Bytes in use by the engine and by JavaScript. */
function memoryOf(volume: Volume): number {
  collectGarbage();
  return volume.usage().memoryBytes + process.memoryUsage().heapUsed;
}

async function createRows(context: Context): Promise<Row[]> {
  const opened = await openCounted(context, "snapshots.msnap");
  const { volume } = opened;
  const few = await create(opened, "few");
  const before = memoryOf(volume);
  for (let i = volume.snapshots.length; i < PRESENT; i++) await volume.snapshot(`present-${i}`);
  const perSnapshot = (memoryOf(volume) - before) / (PRESENT - SAMPLES);
  const many = await create(opened, "many");
  await volume.close();
  const rows = (present: string, { us, ownUs, flushes, bytes }: Created) => [
    plainRow(
      `creating a snapshot with ${present} present, without the device's time`,
      { value: ownUs, unit: "us" },
      { most: CREATE_US_MOST },
      `${us.toFixed(1)} us with it`,
    ),
    plainRow(
      `creating a snapshot with ${present} present: flushes`,
      { value: flushes, unit: "flushes" },
      { most: FLUSHES_MOST },
      `one commit of ${bytes} bytes`,
    ),
  ];
  return [
    ...rows("none", few),
    ...rows("100,000", many),
    plainRow(
      "memory per snapshot, names and all",
      { value: perSnapshot, unit: "bytes" },
      {
        most: SNAPSHOT_MEMORY_MOST,
      },
    ),
  ];
}

/** One first write of 4 KiB and a flush, after a snapshot. */
async function commitRows(context: Context): Promise<Row[]> {
  const { volume, device } = await openCounted(context, "commit.msnap");
  const data = new Uint8Array(4096).fill(1);
  const flushes: number[] = [];
  const bytes: number[] = [];
  for (let i = 0; i < COMMIT_SAMPLES; i++) {
    await volume.snapshot(`s${i}`);
    device.reset();
    await volume.origin.write(i * 8192, data);
    await volume.flush();
    flushes.push(device.flushes);
    bytes.push(device.bytesWritten);
  }
  await volume.close();
  const what = "a commit of one new exception";
  return [
    plainRow(
      `${what}: flushes`,
      { value: Math.max(...flushes), unit: "flushes" },
      { most: FLUSHES_MOST },
    ),
    plainRow(
      `${what}: written, with its 4 KiB of data`,
      { value: Math.max(...bytes), unit: "bytes" },
      { most: COMMIT_BYTES_MOST },
      `the most of ${COMMIT_SAMPLES}`,
    ),
  ];
}

async function run(context: Context): Promise<Row[]> {
  context.say("creating snapshots");
  const rows = await createRows(context);
  context.say("small commits");
  return [...rows, ...(await commitRows(context))];
}

export const snapshot: Section = {
  name: "snapshot",
  about: "creating a snapshot, and a small commit",
  run,
};
