/** What differs between two snapshots of a large disk: a walk of the tree, whatever the size. */
import { openVolume, type Volume } from "../../src/index.ts";
import { median } from "../measure.ts";
import { randomNumbers } from "../order.ts";
import { type Context, plainRow, type Row, type Section } from "../row.ts";
import { SinkDevice } from "./sink-device.ts";
import { DATA_BYTE } from "./stores.ts";

const TIB = 2 ** 40;
const CHUNK = 4096;
const EXCEPTIONS = 1_000_000;
const CHANGED = 10_000;
const TURNS = 7;
const MILLISECONDS_MOST = 100;

/** Chunks anywhere on the disk, `count` of them. */
function scatter(volume: Volume, count: number, seed: number): void {
  const data = new Uint8Array(CHUNK).fill(DATA_BYTE);
  const next = randomNumbers(seed);
  for (let i = 0; i < count; i++) volume.origin.writeSync((next() % (TIB / CHUNK)) * CHUNK, data);
}

async function rowOf(volume: Volume, content: boolean): Promise<Row> {
  const [before, after] = [volume.get("before"), volume.get("after")];
  const times: number[] = [];
  let found = 0;
  for (let turn = 0; turn < TURNS; turn++) {
    const start = performance.now();
    found = 0;
    for await (const _ of volume.diff(before, after, { content })) found++;
    times.push(performance.now() - start);
  }
  const what = content ? "with content, " : "";
  return plainRow(
    `diff of 1 TiB, ${what}${CHANGED.toLocaleString("en")} changed chunks among 1M exceptions`,
    { value: median(times), unit: "ms" },
    content ? null : { most: MILLISECONDS_MOST },
    `${found.toLocaleString("en")} ranges`,
  );
}

async function run(context: Context): Promise<Row[]> {
  context.say("differences among a million exceptions");
  const options = { create: { size: TIB, chunk: CHUNK }, cacheBytes: 2 ** 28 };
  const volume = await openVolume({ store: new SinkDevice(), ...options });
  scatter(volume, EXCEPTIONS, 7);
  await volume.snapshot("before");
  scatter(volume, CHANGED, 8);
  await volume.snapshot("after");
  const rows = [await rowOf(volume, false), await rowOf(volume, true)];
  await volume.close();
  return rows;
}

export const diff: Section = { name: "diff", about: "what differs between two snapshots", run };
