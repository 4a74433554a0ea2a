/**
 * First writes of 4 KiB with many snapshots present: what a snapshot more costs the writer, which
 * should be nothing.
 */
import { rmSync } from "node:fs";
import { fileDevice, openVolume, type Volume } from "../../src/index.ts";
import { medianOf, ratioOf, takeTurns } from "../measure.ts";
import { shuffled } from "../order.ts";
import { type Context, comparedRow, type Row, type Section } from "../row.ts";
import { runSync } from "./requests.ts";
import { writeAll } from "./stores.ts";

const BYTES = 256 * 2 ** 20;
/** Each turn writes to half of the chunks, so that no turn starts from a fully rewritten disk. */
const WRITTEN_PART = 0.5;
/** Differences are small here: more turns than elsewhere. */
const TURNS = 9;
const COUNTS = [1, 1000, 100_000];
const TARGET = { least: 0.9, most: 1 / 0.9 };

class Crowd {
  readonly #volume: Volume;
  readonly #chunk: number;
  #turn = 0;

  private constructor(volume: Volume, chunk: number) {
    this.#volume = volume;
    this.#chunk = chunk;
  }

  /**
   * A fully written volume with all but one of `count` snapshots; the last one is made in each
   * turn.
   */
  static async make(context: Context, chunk: number, count: number): Promise<Crowd> {
    const file = context.scratch.file(`crowd-${count}.msnap`);
    const store = await fileDevice(file);
    const volume = await openVolume({ store, create: { size: BYTES, chunk } });
    await writeAll(volume);
    for (let i = 1; i < count; i++) await volume.snapshot(`s${i}`);
    return new Crowd(volume, chunk);
  }

  async firstWrites(): Promise<{ first: number }> {
    const turn = ++this.#turn;
    await this.#volume.snapshot(`turn-${turn}`);
    const chunks = BYTES / this.#chunk;
    const order = shuffled(chunks, turn);
    const count = chunks * WRITTEN_PART;
    const requests = { order, unit: this.#chunk, count, bytes: 4096 };
    return { first: await runSync({ ...requests, view: this.#volume.origin, what: "write" }) };
  }

  close(): Promise<void> {
    return this.#volume.close();
  }
}

async function rowsOf(context: Context, chunk: number): Promise<Row[]> {
  const [alone, some, many] = await Promise.all(
    COUNTS.map((count) => Crowd.make(context, chunk, count)),
  );
  const turns = await takeTurns(
    {
      alone: () => alone.firstWrites(),
      some: () => some.firstWrites(),
      many: () => many.firstWrites(),
    },
    TURNS,
  );
  await Promise.all([alone, some, many].map((crowd) => crowd.close()));
  for (const count of COUNTS) rmSync(context.scratch.file(`crowd-${count}.msnap`));
  return (["some", "many"] as const).map((which, index) =>
    comparedRow(
      `first write of 4 KiB, ${chunk >> 10} KiB chunks, ` +
        `${COUNTS[index + 1].toLocaleString("en")} snapshots`,
      { value: medianOf(turns[which], "first"), unit: "op/s" },
      { name: "the same with 1", value: medianOf(turns.alone, "first"), unit: "op/s" },
      ratioOf(turns[which], "first", turns.alone, "first"),
      TARGET,
    ),
  );
}

async function run(context: Context): Promise<Row[]> {
  const rows: Row[] = [];
  for (const chunk of [4096, 65536]) {
    context.say(`first writes with 1, 1,000 and 100,000 snapshots, ${chunk >> 10} KiB chunks`);
    rows.push(...(await rowsOf(context, chunk)));
  }
  return rows;
}

export const manySnapshots: Section = {
  name: "many-snapshots",
  about: "first writes with 1, 1,000 and 100,000 snapshots",
  run,
};
