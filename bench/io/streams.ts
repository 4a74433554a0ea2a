/** Incremental streams: what changed between two of many snapshots, sent and received. */
import { memoryDevice, openVolume, receiveStream, sendStream } from "../../src/index.ts";
import { medianOf, takeTurns } from "../measure.ts";
import { randomNumbers } from "../order.ts";
import { type Context, plainRow, type Row, type Section } from "../row.ts";
import { SinkDevice } from "./sink-device.ts";

const GIB = 2 ** 30;
const CHUNK = 4096;
const CHANGED = 10_000;
const COUNTS = [1, 100, 10_000];
const TURNS = 5;

async function senderOf(count: number) {
  const options = { create: { size: 64 * GIB, chunk: CHUNK }, cacheBytes: 2 ** 27 };
  const volume = await openVolume({ store: memoryDevice(), ...options });
  const next = randomNumbers(5);
  const data = new Uint8Array(CHUNK).map((_, i) => i * 7);
  const change = (chunks: number) => {
    for (let i = 0; i < chunks; i++) {
      volume.origin.writeSync((next() % (options.create.size / CHUNK)) * CHUNK, data);
    }
  };
  change(50_000);
  for (let i = 1; i < count; i++) await volume.snapshot(`s${i}`, { readOnly: true });
  await volume.snapshot("before", { readOnly: true });
  change(CHANGED);
  await volume.snapshot("after", { readOnly: true });
  return volume;
}

async function rowsOf(count: number): Promise<Row> {
  const volume = await senderOf(count);
  const stream: Uint8Array[] = [];
  const send = async () => {
    const start = performance.now();
    stream.length = 0;
    for await (const part of sendStream(volume, "after", { from: "before" })) stream.push(part);
    return { ms: performance.now() - start };
  };
  const turns = await takeTurns({ send }, TURNS);
  const whole = sendStream(volume, "before");
  const create = { size: 64 * GIB, chunk: CHUNK };
  const target = await openVolume({ store: new SinkDevice(), create });
  await receiveStream(target, whole);
  const start = performance.now();
  await receiveStream(target, parts(stream));
  const received = performance.now() - start;
  await target.close();
  await volume.close();
  const name = count.toLocaleString("en");
  const many = `${name} snapshot${count === 1 ? "" : "s"}`;
  return plainRow(
    `incremental send of ${CHANGED.toLocaleString("en")} changed chunks, 64 GiB, ${many}`,
    { value: medianOf(turns.send, "ms"), unit: "ms" },
    null,
    `received in ${Math.round(received)} ms`,
  );
}

async function* parts(stream: readonly Uint8Array[]) {
  yield* stream;
}

async function run(context: Context): Promise<Row[]> {
  const rows: Row[] = [];
  for (const count of COUNTS) {
    context.say(`incremental send with ${count} snapshots`);
    rows.push(await rowsOf(count));
  }
  return rows;
}

export const streams: Section = { name: "send", about: "incremental send and receive", run };
