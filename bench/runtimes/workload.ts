/**
 * What one runtime does in one turn: the work of the sections lookup, after-snapshot, sequential
 * and snapshot in small, without their peers. Node's figures of the same turn are the measure.
 */
import { rmSync } from "node:fs";
import { fileDevice, openVolume } from "../../src/index.ts";
import { runSync } from "../io/requests.ts";
import { writtenStore } from "../io/stores.ts";
import { median } from "../measure.ts";
import { builtEngine } from "../micro/built-engine.ts";
import { CYCLE, inBatches, oneAtATime } from "../micro/cycles.ts";
import { drawn, shuffled } from "../order.ts";
import type { Context } from "../row.ts";

const BYTES = 2 ** 28;
const PAGE = 4096;
const PAGES = BYTES / PAGE;
const MIB = 2 ** 20;
const EXCEPTIONS = 1_000_000;
const QUERIES = 64 * CYCLE;
const SNAPSHOTS = 500;

export const groups = ["lookup", "after-snapshot", "sequential", "snapshot"] as const;
export type Group = (typeof groups)[number];

/** By what is measured: operations a second, or where the name ends with `(ns)` or `(us)`, time. */
export type Figures = Record<string, number>;
type Turn = (context: Context) => Promise<Figures>;

/** The tree is built once; each turn looks up all queries. */
async function lookups(): Promise<Turn> {
  const engine = await builtEngine(EXCEPTIONS, 41);
  const chunks = drawn(QUERIES, EXCEPTIONS, 42);
  const timed = (cycle: (chunks: Uint32Array, from: number) => number) => {
    const start = performance.now();
    for (let from = 0; from < QUERIES; from += CYCLE) cycle(chunks, from);
    return ((performance.now() - start) * 1e6) / QUERIES;
  };
  return async () => ({
    "lookup, one at a time (ns)": timed(oneAtATime(engine)),
    "lookup, batches of 16 (ns)": timed(inBatches(engine, 16)),
    "lookup, batches of 64 (ns)": timed(inBatches(engine, 64)),
  });
}

async function afterSnapshot(context: Context): Promise<Figures> {
  const { volume, remove } = await writtenStore(context, { size: BYTES, chunk: PAGE });
  try {
    await volume.snapshot("before");
    const pages = { view: volume.origin, unit: PAGE, count: PAGES, bytes: PAGE };
    const first = await runSync({ ...pages, what: "write", order: shuffled(PAGES, 11) });
    const later = await runSync({ ...pages, what: "write", order: shuffled(PAGES, 12) });
    const read = await runSync({ ...pages, what: "read", order: shuffled(PAGES, 13) });
    return {
      "first writes of 4 KiB": first,
      "later writes of 4 KiB": later,
      "reads of 4 KiB": read,
    };
  } finally {
    await remove();
  }
}

async function sequential(context: Context): Promise<Figures> {
  const { volume, remove } = await writtenStore(context, { size: BYTES, chunk: PAGE });
  try {
    await volume.snapshot("before");
    const count = BYTES / MIB;
    const order = Uint32Array.from({ length: count }, (_, index) => index);
    const requests = { view: volume.origin, order, unit: MIB, count, bytes: MIB };
    const writes = await runSync({ ...requests, what: "write" });
    const reads = await runSync({ ...requests, what: "read" });
    return { "sequential writes of 1 MiB": writes, "sequential reads of 1 MiB": reads };
  } finally {
    await remove();
  }
}

async function snapshots({ scratch }: Context): Promise<Figures> {
  const file = scratch.file("snapshots.msnap");
  const volume = await openVolume({ store: await fileDevice(file), create: { size: BYTES } });
  const spent: number[] = [];
  for (let i = 0; i < SNAPSHOTS; i++) {
    const start = performance.now();
    await volume.snapshot(`snapshot-${i}`);
    spent.push((performance.now() - start) * 1000);
  }
  await volume.close();
  rmSync(file);
  return { "creating a snapshot (us)": median(spent) };
}

/** Prepares what the groups need; the answer is one turn. */
export async function prepare(asked: readonly Group[]): Promise<Turn> {
  const turns: Turn[] = [];
  if (asked.includes("lookup")) turns.push(await lookups());
  if (asked.includes("after-snapshot")) turns.push(afterSnapshot);
  if (asked.includes("sequential")) turns.push(sequential);
  if (asked.includes("snapshot")) turns.push(snapshots);
  return async (context) => {
    const figures: Figures = {};
    for (const turn of turns) Object.assign(figures, await turn(context));
    return figures;
  };
}
