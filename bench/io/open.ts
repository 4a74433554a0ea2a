/** Opening a store with ten million exceptions after a clean close. */
import { openVolume } from "../../src/index.ts";
import { median, TURNS } from "../measure.ts";
import { type Context, plainRow, type Row, type Section } from "../row.ts";
import { CountingDevice } from "./counting-device.ts";
import { SinkDevice } from "./sink-device.ts";
import { DATA_BYTE } from "./stores.ts";

const CHUNK = 4096;
const EXCEPTIONS = 10_000_000;
const CACHE_BYTES = 512 << 20;
const OPEN_MS_MOST = 1000;

/** Every second chunk of a disk, so that no two are one exception. */
async function fill(store: SinkDevice, say: Context["say"]): Promise<number> {
  const create = { size: EXCEPTIONS * 2 * CHUNK, chunk: CHUNK };
  const volume = await openVolume({ store, create, cacheBytes: CACHE_BYTES });
  const data = new Uint8Array(CHUNK).fill(DATA_BYTE);
  for (let i = 0; i < EXCEPTIONS; i++) {
    volume.origin.writeSync(i * 2 * CHUNK, data);
    if (i % 2_500_000 === 0) say(`opening: ${i.toLocaleString("en")} exceptions made`);
  }
  await volume.flush();
  const { metadataBytes } = volume.usage();
  await volume.close();
  return metadataBytes;
}

async function run({ say }: Context): Promise<Row[]> {
  const store = new SinkDevice();
  const metadataBytes = await fill(store, say);
  const spent: number[] = [];
  const reads: number[] = [];
  let exceptions = 0;
  const target = new Uint8Array(CHUNK);
  for (let turn = 0; turn < TURNS; turn++) {
    const device = new CountingDevice(store);
    const start = performance.now();
    const volume = await openVolume({ store: device });
    await volume.origin.read(EXCEPTIONS * CHUNK, target);
    spent.push(performance.now() - start);
    reads.push(device.bytesRead);
    exceptions = volume.usage().exceptions;
    await volume.close();
  }
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  return [
    plainRow(
      `open after a clean close, and one read: ${exceptions.toLocaleString("en")} exceptions`,
      { value: median(spent), unit: "ms" },
      { most: OPEN_MS_MOST },
      `${mib(median(reads))} read, of ${mib(metadataBytes)} of metadata`,
    ),
  ];
}

export const open: Section = { name: "open", about: "opening a store with 10M exceptions", run };
