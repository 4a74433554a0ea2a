/**
 * The server's memory over ten million requests: reads, writes, trims and flushes from three
 * connections, while snapshots come and go.
 */
import { readFileSync } from "node:fs";
import { median } from "../measure.ts";
import { missingOf } from "../peers/server-process.ts";
import { type Context, plainRow, type Row, type Section, skippedRow } from "../row.ts";
import { fio, type Job } from "./fio.ts";
import { ServedStore } from "./served-store.ts";

const REQUESTS = 10_000_000;
const PIECES = 20;
/** More metadata than the 64 MiB of the cache hold, together with the snapshots. */
const SIZE = 4 * 2 ** 30;
const SNAPSHOTS_KEPT = 4;
const SAMPLE_MS = 250;
const PIECE_SECONDS_MAX = 3600;

const MEASURES = {
  most: { what: "server memory over 10M requests, 64 MiB cache", target: { most: 256 } },
  growth: { what: "the same, growth from the second fifth to the last", target: { most: 10 } },
};

/** Resident MiB of a process, or null where the system does not tell. */
function residentMib(pid: number): number | null {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return kib === null ? null : Number(kib[1]) / 1024;
  } catch {
    return null;
  }
}

/** Three connections: one at full speed, one that trims, one that flushes after each write. */
const CONNECTIONS = [
  ["--name=mixed", "--rw=randrw", "--bs=4k", "--iodepth=16", `--number_ios=${REQUESTS / PIECES}`],
  ["--name=trims", "--rw=randtrim", "--bs=64k", "--iodepth=4", "--rate_iops=,,200"],
  ["--name=flushes", "--rw=randwrite", "--bs=4k", "--iodepth=1", "--fsync=1", "--rate_iops=,200"],
].map((options) => [...options, `--size=${SIZE}`, "--norandommap", "--randrepeat=0"]);
/** The slow ones go on until the first one is done. */
const ENDLESS = ["--time_based", `--runtime=${PIECE_SECONDS_MAX}`];

function requestsOf(jobs: readonly Job[]): number {
  return jobs.reduce(
    (sum, { read, write, trim, sync }) =>
      sum + read.total_ios + write.total_ios + trim.total_ios + sync.total_ios,
    0,
  );
}

/** Resident MiB, sampled during each piece of the load. */
async function sampled(context: Context, store: ServedStore) {
  const samples: number[][] = [];
  let requests = 0;
  const [mixed, trims, flushes] = CONNECTIONS;
  const load = ["--exitall", ...mixed, ...trims, ...ENDLESS, ...flushes, ...ENDLESS];
  for (let piece = 0; requests < REQUESTS; piece++) {
    await store.snapshot(`piece-${piece}`);
    if (piece >= SNAPSHOTS_KEPT) await store.delete(`piece-${piece - SNAPSHOTS_KEPT}`);
    const taken: number[] = [];
    const sample = () => taken.push(residentMib(store.pid) ?? Number.NaN);
    const timer = setInterval(sample, SAMPLE_MS);
    requests += requestsOf(await fio(context.scratch, store.uri, load));
    clearInterval(timer);
    sample();
    samples.push(taken);
    context.say(`  ${requests.toLocaleString("en")} requests: ${Math.round(median(taken))} MiB`);
  }
  return { samples, requests };
}

async function run(context: Context): Promise<Row[]> {
  const missing = missingOf("fio") ?? (residentMib(process.pid) === null ? "no /proc" : null);
  if (missing !== null) return [skippedRow(MEASURES.most.what, MEASURES.most.target, missing)];
  context.say(MEASURES.most.what);
  const store = await ServedStore.start(context.scratch, "memory", {
    size: SIZE,
    chunk: 4096,
    snapshots: 1,
  });
  const atStart = residentMib(store.pid) ?? Number.NaN;
  const { samples, requests } = await sampled(context, store);
  await store.stop();
  const fifth = (which: number) => {
    const pieces = samples.length / 5;
    return median(
      samples.slice(Math.floor(which * pieces), Math.floor((which + 1) * pieces)).flat(),
    );
  };
  const [early, late] = [fifth(1), fifth(4)];
  const { most, growth } = MEASURES;
  const sent = requests.toLocaleString("en");
  return [
    plainRow(
      most.what,
      { value: Math.max(...samples.flat()), unit: "MiB" },
      most.target,
      `the most; ${Math.round(atStart)} MiB at the start, ${sent} requests`,
    ),
    plainRow(
      growth.what,
      { value: late - early, unit: "MiB" },
      growth.target,
      `medians ${early.toFixed(0)} and ${late.toFixed(0)} MiB`,
    ),
  ];
}

export const memory: Section = {
  name: "nbd-memory",
  about: "memory of the server over 10M requests (takes minutes)",
  run,
};
