/**
 * What checksums cost: the same work on a store with them and on one without, in turns. First
 * writes after a snapshot of an inline and of an attached origin, then reads of the snapshot.
 */
import { rmSync } from "node:fs";
import { fileDevice, openVolume, type Volume } from "../../src/index.ts";
import { medianOf, ratioOf, TURNS, takeTurns } from "../measure.ts";
import { shuffled } from "../order.ts";
import { type Context, comparedRow, type Row, type Section } from "../row.ts";
import { touchMemory } from "../scratch.ts";
import { type Requests, runSync } from "./requests.ts";
import { writeAll } from "./stores.ts";

const BYTES = 2 ** 27;
const PAGE = 4096;
const LONG = 2 ** 20;
/** What a turn takes: origin and store, with new places for all of it. */
const TOUCHED = 4 * BYTES;
const [WRITE_SEED, READ_SEED] = [11, 13];

const MODES = ["inline", "attached"] as const;
type Mode = (typeof MODES)[number];

/** Random first writes of 4 KiB and reads; sequential ones of 1 MiB; MiB/s of the long ones. */
const FIGURES = {
  first: { text: "first writes of 4 KiB after a snapshot", unit: "op/s" },
  read: { text: "reads of 4 KiB of the snapshot", unit: "op/s" },
  firstLong: { text: "first writes of 1 MiB after a snapshot, in order", unit: "MiB/s" },
  readLong: { text: "reads of 1 MiB of the snapshot, in order", unit: "MiB/s" },
} as const;
type Figure = keyof typeof FIGURES;

async function ours(context: Context, mode: Mode, checksums: boolean) {
  const files = ["sums.msnap", "sums.img"].map((name) => context.scratch.file(name));
  for (const file of files) rmSync(file, { force: true });
  const [store, image] = files as [string, string];
  const origin = mode === "attached" ? await fileDevice(image) : undefined;
  await origin?.resize(BYTES);
  const create = { size: BYTES, checksums };
  const volume = await openVolume({ store: await fileDevice(store), origin, create });
  try {
    return { ...(await pages(volume)), ...(await longOnes(volume)) };
  } finally {
    await volume.close();
    for (const file of files) rmSync(file, { force: true });
  }
}

async function pages(volume: Volume): Promise<Record<"first" | "read", number>> {
  await writeAll(volume);
  const snapshot = await volume.snapshot("before");
  const count = BYTES / PAGE;
  const all = { unit: PAGE, count, bytes: PAGE };
  const write: Requests = {
    ...all,
    view: volume.origin,
    what: "write",
    order: shuffled(count, WRITE_SEED),
  };
  const first = await runSync(write);
  const order = shuffled(count, READ_SEED);
  const read = await runSync({ ...all, view: snapshot, what: "read", order });
  return { first, read };
}

async function longOnes(volume: Volume): Promise<Record<"firstLong" | "readLong", number>> {
  const snapshot = await volume.snapshot("again");
  const count = BYTES / LONG;
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  const all = { unit: LONG, count, bytes: LONG, order };
  const firstLong = await runSync({ ...all, view: volume.origin, what: "write" });
  const readLong = await runSync({ ...all, view: snapshot, what: "read" });
  return { firstLong, readLong };
}

async function rowsOf(context: Context, mode: Mode): Promise<Row[]> {
  context.say(`checksums, ${mode} origin: ${TURNS} turns`);
  const turns = await takeTurns(
    { with: () => ours(context, mode, true), without: () => ours(context, mode, false) },
    TURNS,
    () => touchMemory(context.scratch, TOUCHED),
  );
  return (Object.keys(FIGURES) as Figure[]).map((figure) => {
    const { text, unit } = FIGURES[figure];
    return comparedRow(
      `${text}, ${mode}, with checksums`,
      { value: medianOf(turns.with, figure), unit },
      { name: "without", value: medianOf(turns.without, figure), unit },
      ratioOf(turns.with, figure, turns.without, figure),
      null,
    );
  });
}

async function run(context: Context): Promise<Row[]> {
  const rows: Row[] = [];
  for (const mode of MODES) rows.push(...(await rowsOf(context, mode)));
  return rows;
}

export const checksums: Section = {
  name: "checksums",
  about: "what checksums of chunks cost: first writes and reads, with and without",
  run,
};
