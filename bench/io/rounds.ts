/** Rounds of replication with many snapshots on both sides: what one more costs a round. */
import { type Env, systemEnv } from "../../src/env.ts";
import {
  answerReplica,
  memoryDevice,
  openVolume,
  type ReplicaTarget,
  replicate,
  type Volume,
} from "../../src/index.ts";
import { median } from "../measure.ts";
import { type Context, plainRow, type Row, type Section } from "../row.ts";

const CHUNK = 4096;
const CHANGED = 16;
const COUNTS = [1, 100, 10_000];
/** The first one looks at all that is there, the next ones still warm up. */
const UNCOUNTED = 20;
const ROUNDS = 100;
const EVERY = 1000;

async function crowded(count: number, env: Env): Promise<Volume> {
  const create = { size: 2 ** 30, chunk: CHUNK };
  const volume = await openVolume({ store: memoryDevice(), create, env });
  for (let i = 1; i <= count; i++) await volume.snapshot(`s${i}`, { readOnly: true });
  return volume;
}

async function rowOf(count: number): Promise<Row> {
  let now = Date.now();
  const env = { ...systemEnv, now: () => now };
  const [here, there] = [await crowded(count, env), await crowded(count, env)];
  let answering = 0;
  const target: ReplicaTarget = {
    name: "the copy",
    async exchange(bytes, signal) {
      const parts: Uint8Array[] = [];
      for await (const part of bytes) parts.push(part);
      const start = performance.now();
      const answer = await answerReplica(there, each(parts), { signal });
      answering = performance.now() - start;
      return answer;
    },
  };
  const times = { all: [] as number[], there: [] as number[] };
  const stop = new AbortController();
  const data = new Uint8Array(CHUNK).fill(1);
  let start = performance.now();
  const sleep = async (ms: number) => {
    now += ms;
    for (let i = 0; i < CHANGED; i++) here.origin.writeSync(2 * i * CHUNK, data);
    start = performance.now();
  };
  const how = { every: EVERY, force: true, env, sleep, signal: stop.signal };
  for await (const _ of replicate(here, target, how)) {
    times.all.push(performance.now() - start);
    times.there.push(answering);
    if (times.all.length === UNCOUNTED + ROUNDS) stop.abort();
  }
  await here.close();
  await there.close();
  const name = count.toLocaleString("en");
  const other = median(times.there.slice(UNCOUNTED)).toFixed(2);
  return plainRow(
    `a round of replication, ${CHANGED} changed chunks, ${name} snapshot${count === 1 ? "" : "s"}`,
    { value: median(times.all.slice(UNCOUNTED)), unit: "ms" },
    null,
    `${other} ms of it on the other side, which has as many`,
  );
}

async function* each(parts: readonly Uint8Array[]) {
  yield* parts;
}

async function run(context: Context): Promise<Row[]> {
  const rows: Row[] = [];
  for (const count of COUNTS) {
    context.say(`rounds of replication with ${count} snapshots`);
    rows.push(await rowOf(count));
  }
  return rows;
}

export const rounds: Section = {
  name: "replicate",
  about: "rounds of replication with many snapshots",
  run,
};
