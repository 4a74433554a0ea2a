/**
 * Sequential writes of 1 MiB after a snapshot: whole chunks, so nothing is copied, and all of it
 * goes to new places.
 */
import { medianOf, ratioOf, TURNS, takeTurns } from "../measure.ts";
import { buildPeer, FilePeer } from "../peers/peer.ts";
import { type Context, comparedRow, type Row, type Section } from "../row.ts";
import { touchMemory } from "../scratch.ts";
import { runAwaited, runSync } from "./requests.ts";
import { writtenStore } from "./stores.ts";

const BYTES = 2 ** 30;
const REQUEST_BYTES = 2 ** 20;
const COUNT = BYTES / REQUEST_BYTES;
const TARGET = { least: 0.6 };
/** What a turn takes: the file, and new places for all of it; freed memory may be gone again. */
const TOUCHED = 2.5 * 2 ** 30;

const inOrder = Uint32Array.from({ length: COUNT }, (_, index) => index);

async function ours(context: Context, chunk: number, run: typeof runSync) {
  const { volume, remove } = await writtenStore(context, { size: BYTES, chunk });
  try {
    await volume.snapshot("before");
    const requests = { order: inOrder, unit: REQUEST_BYTES, count: COUNT, bytes: REQUEST_BYTES };
    return { writes: await run({ ...requests, view: volume.origin, what: "write" }) };
  } finally {
    await remove();
  }
}

async function run(context: Context): Promise<Row[]> {
  const peer = new FilePeer(buildPeer(context, "file"), context.scratch.file("peer.img"));
  peer.fill(BYTES);
  const append = {
    what: "append",
    bytes: BYTES,
    unit: REQUEST_BYTES,
    count: COUNT,
    seed: 1,
  } as const;
  const rows: Row[] = [];
  for (const chunk of [4096, 65536]) {
    context.say(`sequential writes after a snapshot, ${chunk >> 10} KiB chunks: ${TURNS} turns`);
    const turns = await takeTurns(
      {
        sync: () => ours(context, chunk, runSync),
        awaited: () => ours(context, chunk, runAwaited),
        needed: async () => ({ writes: peer.run(append).flushed }),
      },
      TURNS,
      () => touchMemory(context.scratch, TOUCHED),
    );
    for (const how of ["sync", "awaited"] as const) {
      rows.push(
        comparedRow(
          `sequential writes of 1 MiB after a snapshot, ${chunk >> 10} KiB chunks, ${how}`,
          { value: medianOf(turns[how], "writes"), unit: "MiB/s" },
          { name: "C pwrite", value: medianOf(turns.needed, "writes"), unit: "MiB/s" },
          ratioOf(turns[how], "writes", turns.needed, "writes"),
          TARGET,
        ),
      );
    }
  }
  return rows;
}

export const sequential: Section = {
  name: "sequential",
  about: "sequential 1 MiB writes after a snapshot",
  run,
};
