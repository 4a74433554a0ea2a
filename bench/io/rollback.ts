/** Rolling an inline origin back: small and large volumes, few snapshots and many. */
import { fileDevice, openVolume } from "../../src/index.ts";
import { median } from "../measure.ts";
import { type Context, plainRow, type Row, type Section } from "../row.ts";
import { CountingDevice } from "./counting-device.ts";

const TURNS = 50;
const CHUNK = 4096;
/** Microseconds, beside the commit: 10 ms. */
const OWN_US_MOST = 10_000;
const FLUSHES_MOST = 2;
const WRITTEN_MOST = 4096;

interface World {
  what: string;
  size: number;
  /** Chunks written after each of the first ten snapshots. */
  writes: number;
  snapshots: number;
}

const WORLDS: readonly World[] = [
  { what: "1 GiB, 10,000 exceptions, 10 snapshots", size: 2 ** 30, writes: 1000, snapshots: 10 },
  { what: "1 TiB, 1M exceptions, 10 snapshots", size: 2 ** 40, writes: 100_000, snapshots: 10 },
  {
    what: "1 TiB, 1M exceptions, 10,000 snapshots",
    size: 2 ** 40,
    writes: 100_000,
    snapshots: 10_000,
  },
];

async function measure(context: Context, world: World): Promise<Row[]> {
  const file = context.scratch.file(`rollback-${world.size}-${world.snapshots}.msnap`);
  const device = new CountingDevice(await fileDevice(file));
  const volume = await openVolume({ store: device, create: { size: world.size } });
  const data = new Uint8Array(CHUNK).fill(1);
  const chunks = world.size / CHUNK;
  let at = 1;
  for (let i = 0; i < world.snapshots; i++) {
    await volume.snapshot(`s${i}`);
    if (i >= 10) continue;
    for (let n = 0; n < world.writes; n++) {
      at = (at * 1_103_515_245 + 12_345) % 2 ** 31;
      await volume.origin.write((at % chunks) * CHUNK, data);
    }
  }
  // The first one writes a superblock, too: that programs which do not know rollbacks stay away.
  await volume.rollback("s0");
  const spent: number[] = [];
  const own: number[] = [];
  const flushes: number[] = [];
  const bytes: number[] = [];
  for (let i = 0; i < TURNS; i++) {
    await volume.origin.write(i * CHUNK, data);
    await volume.flush();
    device.reset();
    const start = performance.now();
    await volume.rollback(`s${i % world.snapshots}`, { keepAs: `kept-${i}` });
    const us = (performance.now() - start) * 1000;
    spent.push(us);
    own.push(us - device.spentMs * 1000);
    flushes.push(device.flushes);
    bytes.push(device.bytesWritten);
  }
  await volume.close();
  const name = `rollback of the origin, ${world.what}`;
  const written = Math.max(...bytes);
  return [
    plainRow(
      `${name}, without the device's time`,
      { value: median(own), unit: "us" },
      { most: OWN_US_MOST },
      `${median(spent).toFixed(0)} us with it, at most ${Math.max(...spent).toFixed(0)}`,
    ),
    plainRow(
      `${name}: flushes`,
      { value: Math.max(...flushes), unit: "flushes" },
      { most: FLUSHES_MOST },
    ),
    plainRow(`${name}: written`, { value: written, unit: "bytes" }, { most: WRITTEN_MOST }),
  ];
}

async function run(context: Context): Promise<Row[]> {
  const rows: Row[] = [];
  for (const world of WORLDS) {
    context.say(`rollback: ${world.what}`);
    rows.push(...(await measure(context, world)));
  }
  return rows;
}

export const rollback: Section = {
  name: "rollback",
  about: "rolling an inline origin back",
  run,
};
