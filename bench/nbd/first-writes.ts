/**
 * The first write to each block after a snapshot, through our server and through the peers', and
 * the same with 1,000 snapshots. Before each turn everything is shared again.
 */
import { type Contestant, medianOf, ratioOf, TURNS, takeTurns } from "../measure.ts";
import type { SharedDisk } from "../peers/disk.ts";
import { nbdkitCow } from "../peers/nbdkit.ts";
import { qcow2 } from "../peers/qemu.ts";
import { missingOf } from "../peers/server-process.ts";
import {
  type Context,
  comparedRow,
  type Figure,
  type Row,
  type Section,
  skippedRow,
  type Target,
} from "../row.ts";
import { touchMemory } from "../scratch.ts";
import { fill, replay } from "./fio.ts";
import { FIRST_WRITES, type FirstWrites } from "./loads.ts";
import { ServedStore } from "./served-store.ts";

const MANY_SNAPSHOTS = 1000;
const SAME = { least: 0.9 };
/** What the peers copy for each block. */
const CLUSTER = 65536;

/** Someone to compare with. */
interface Rival {
  name: string;
  target: Target;
  /** Or why there is none. */
  disk: SharedDisk | string;
}

async function findRivals({ scratch }: Context, measure: FirstWrites): Promise<Rival[]> {
  const { size } = measure.load;
  const rivals: Rival[] = [];
  if (measure.qcow2 !== null) {
    const disk = await qcow2(scratch, size);
    if (typeof disk !== "string") await fill(scratch, disk.uri, size);
    rivals.push({ name: "qcow2 in a live QEMU", target: measure.qcow2, disk });
  }
  if (measure.cow !== null) {
    const disk = await nbdkitCow(scratch, size);
    rivals.push({ name: "nbdkit's cow filter", target: measure.cow, disk });
  }
  return rivals;
}

/** Each turn in an order of its own, the same one for all. */
function firstWrites({ scratch }: Context, { load }: FirstWrites, disk: SharedDisk) {
  let turn = 0;
  return async () => {
    await disk.shareAll();
    return { rate: await replay(scratch, disk.uri, load, ++turn) };
  };
}

/** Ours, and proof that each write was the first to its block. */
function ourFirstWrites({ scratch }: Context, measure: FirstWrites, disk: ServedStore) {
  const { load, chunk, what } = measure;
  const wanted = load.count * Math.max(chunk, load.bytes);
  let turn = 0;
  return async () => {
    await disk.shareAll();
    const before = (await disk.status()).dataBytes;
    const rate = await replay(scratch, disk.uri, load, ++turn);
    const taken = (await disk.status()).dataBytes - before;
    if (taken !== wanted) throw new Error(`${what}: took ${taken} bytes, not ${wanted}`);
    return { rate };
  };
}

/** The same blocks again, in another order. */
function overwrites({ scratch }: Context, { load }: FirstWrites, disk: SharedDisk) {
  let turn = 0;
  return async () => ({ rate: await replay(scratch, disk.uri, load, ++turn + TURNS) });
}

async function rowsOf(context: Context, measure: FirstWrites): Promise<Row[]> {
  const { what, chunk, load } = measure;
  const { scratch } = context;
  const store = { size: load.size, chunk };
  const one = await ServedStore.start(scratch, "one", { ...store, snapshots: 1 });
  const many = await ServedStore.start(scratch, "many", { ...store, snapshots: MANY_SNAPSHOTS });
  const rivals = await findRivals(context, measure);
  const contestants: Record<string, Contestant<"rate">> = {
    one: ourFirstWrites(context, measure, one),
  };
  if (measure.overwrites !== null) contestants.overwrites = overwrites(context, measure, one);
  contestants.many = firstWrites(context, measure, many);
  for (const { name, disk } of rivals) {
    if (typeof disk !== "string") contestants[name] = firstWrites(context, measure, disk);
  }
  // Freed memory may be gone again: each one finds what it is going to take.
  const taken = Math.min(load.size, load.count * Math.max(CLUSTER, load.bytes));
  const touch = () => touchMemory(scratch, taken);
  const turns = await takeTurns<Record<string, "rate">>(contestants, TURNS, touch);
  for (const { disk } of rivals) if (typeof disk !== "string") await disk.stop();
  await one.stop();
  await many.stop();

  const figure = (who: string): Figure => {
    const rate = medianOf(turns[who], "rate");
    return load.order === "random"
      ? { value: rate, unit: "op/s" }
      : { value: (rate * load.bytes) / 2 ** 20, unit: "MiB/s" };
  };
  const compare = (name: string, who: string, peer: string, target: Target, measured = what) => {
    const ratio = ratioOf(turns[who], "rate", turns[peer], "rate");
    return comparedRow(measured, figure(who), { name, ...figure(peer) }, ratio, target);
  };
  const rows = rivals.map(({ name, target, disk }) =>
    typeof disk === "string"
      ? skippedRow(`${what} / ${name}`, target, disk, figure("one"))
      : compare(name, "one", name, target),
  );
  if (measure.overwrites !== null) {
    rows.push(compare("our own overwrites", "one", "overwrites", measure.overwrites));
  }
  const crowded = `${what}, ${MANY_SNAPSHOTS.toLocaleString("en")} snapshots`;
  return [...rows, compare("the same with 1", "many", "one", SAME, crowded)];
}

function sectionOf(measure: FirstWrites): Section {
  const run = async (context: Context) => {
    const missing = missingOf("fio");
    const target = measure.qcow2 ?? measure.overwrites;
    if (missing !== null) return [skippedRow(measure.what, target, missing)];
    context.say(`${measure.what}, over NBD: ${TURNS} turns`);
    return rowsOf(context, measure);
  };
  return { name: `nbd/${measure.name}`, about: measure.what, run };
}

export const firstWriteSections: readonly Section[] = FIRST_WRITES.map(sectionOf);
