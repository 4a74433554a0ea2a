/**
 * What an exception costs: after random first writes, and on a disk that is only ever written in
 * order.
 */
import { openVolume, type Usage, type Volume } from "../../src/index.ts";
import { shuffled } from "../order.ts";
import { type Context, plainRow, type Row, type Section } from "../row.ts";
import { SinkDevice } from "./sink-device.ts";
import { DATA_BYTE, writeAll } from "./stores.ts";

const CHUNK = 4096;
const GIB = 2 ** 30;
const PAGE_BYTES = 4096;
/** A page in the engine's cache. */
const SLOT_BYTES = 4160;
const EXCEPTION_BYTES_MOST = 40;
const SEQUENTIAL_BYTES_MOST = 4096;
const REWRITES = 10;

/** Each chunk of 4 GiB once, in random order. */
async function writeRandomly(volume: Volume): Promise<void> {
  const data = new Uint8Array(CHUNK).fill(DATA_BYTE);
  for (const chunk of shuffled(volume.origin.size / CHUNK, 21)) {
    volume.origin.writeSync(chunk * CHUNK, data);
  }
  await volume.flush();
}

/** Bytes for one exception, `bytes` of them all. */
function perException(usage: Usage, bytes: number) {
  return { value: bytes / usage.exceptions, unit: "bytes" };
}

async function randomRows(): Promise<Row[]> {
  const store = new SinkDevice();
  const volume = await openVolume({ store, create: { size: 4 * GIB, chunk: CHUNK } });
  await writeRandomly(volume);
  const usage = volume.usage();
  await volume.close();
  const closed = await openVolume({ store });
  const settled = closed.usage();
  await closed.close();
  const what = "metadata per exception, 1M random first writes of 4 KiB";
  const count = `${usage.exceptions.toLocaleString("en")} exceptions`;
  const each = (bytes: number) => (bytes / usage.exceptions).toFixed(1);
  const { storeBytes, dataBytes, metadataBytes, fixedBytes, freeBytes } = usage;
  const held = storeBytes - dataBytes - metadataBytes - fixedBytes - freeBytes;
  return [
    plainRow(
      `${what}, on disk`,
      perException(usage, metadataBytes),
      { most: EXCEPTION_BYTES_MOST },
      `${count}; ${(settled.metadataBytes / settled.exceptions).toFixed(1)} after closing`,
    ),
    plainRow(
      `${what}, in memory`,
      perException(usage, (metadataBytes * SLOT_BYTES) / PAGE_BYTES),
      { most: EXCEPTION_BYTES_MOST },
      "all pages in the cache: a page is kept with 64 bytes about it",
    ),
    plainRow(
      `${what}, all of the file but data`,
      perException(usage, storeBytes - dataBytes),
      null,
      `${each(metadataBytes)} metadata, ${each(fixedBytes)} superblocks and journal, ` +
        `${each(freeBytes)} free, ${each(held)} held by the last checkpoint`,
    ),
  ];
}

async function sequentialRow(): Promise<Row> {
  const store = new SinkDevice();
  const volume = await openVolume({ store, create: { size: GIB, chunk: CHUNK } });
  await writeAll(volume);
  for (let i = 1; i <= REWRITES; i++) {
    await volume.snapshot(`s${i}`);
    await writeAll(volume);
  }
  const usage = volume.usage();
  await volume.close();
  const value = usage.metadataBytes / (usage.dataBytes / GIB);
  return plainRow(
    `metadata per GiB, disk written in order, then ${REWRITES} times snapshotted and rewritten`,
    { value, unit: "bytes" },
    { most: SEQUENTIAL_BYTES_MOST },
    `${usage.exceptions} exceptions, ${(usage.dataBytes / GIB).toFixed(2)} GiB of data`,
  );
}

async function run(context: Context): Promise<Row[]> {
  context.say("metadata of a million random writes");
  const rows = await randomRows();
  context.say("metadata of a disk written in order");
  return [...rows, await sequentialRow()];
}

export const metadata: Section = { name: "metadata", about: "what an exception costs", run };
