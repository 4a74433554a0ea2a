/**
 * First writes of 4 KiB after a snapshot, against a file on btrfs that was just cloned: the
 * kernel's own copy-on-write.
 */
import { medianOf, ratioOf, TURNS, takeTurns } from "../measure.ts";
import { shuffled } from "../order.ts";
import { mountBtrfs } from "../peers/btrfs.ts";
import { buildPeer, FilePeer } from "../peers/peer.ts";
import { type Context, comparedRow, type Row, type Section, skippedRow } from "../row.ts";
import { runSync } from "./requests.ts";
import { writtenStore } from "./stores.ts";

const BYTES = 2 ** 30;
const CHUNK = 4096;
/** A quarter of the chunks: btrfs takes seconds for as many. */
const COUNT = BYTES / CHUNK / 4;
const SEED = 31;
const MEASURE = "first write of 4 KiB to a chunk, 4 KiB chunks, sync";
const TARGET = { least: 1.2 };

async function ours(context: Context): Promise<{ flushed: number }> {
  const { volume, remove } = await writtenStore(context, { size: BYTES, chunk: CHUNK });
  try {
    await volume.snapshot("before");
    const order = shuffled(BYTES / CHUNK, SEED);
    const requests = { view: volume.origin, order, unit: CHUNK, count: COUNT, bytes: CHUNK };
    return { flushed: await runSync({ ...requests, what: "write" }) };
  } finally {
    await remove();
  }
}

async function run(context: Context): Promise<Row[]> {
  const program = buildPeer(context, "file");
  if (program === null) return [skippedRow(`${MEASURE} / btrfs`, TARGET, "no gcc here")];
  const mounted = mountBtrfs(context.scratch);
  if (typeof mounted === "string") return [skippedRow(`${MEASURE} / btrfs`, TARGET, mounted)];
  context.say(`first writes against a btrfs reflink file: ${TURNS} turns`);
  try {
    const peer = new FilePeer(program, mounted.file);
    peer.fill(BYTES);
    const writes = { what: "write", bytes: BYTES, unit: CHUNK, count: COUNT, seed: SEED } as const;
    const turns = await takeTurns({
      ours: () => ours(context),
      btrfs: async () => {
        mounted.clone();
        return peer.run(writes);
      },
    });
    const looped = Math.round(medianOf(turns.btrfs, "looped")).toLocaleString("en");
    return [
      comparedRow(
        MEASURE,
        { value: medianOf(turns.ours, "flushed"), unit: "op/s" },
        { name: "btrfs reflink", value: medianOf(turns.btrfs, "flushed"), unit: "op/s" },
        ratioOf(turns.ours, "flushed", turns.btrfs, "flushed"),
        TARGET,
        `the final flush counted for both; btrfs without its fsync, buffered: ${looped} op/s`,
      ),
    ];
  } finally {
    mounted.unmount();
  }
}

export const reflink: Section = {
  name: "reflink",
  about: "first writes after a snapshot against a btrfs reflink file",
  run,
};
