/** A write of 4 KiB and a flush, one after another, on a disk that has to be waited for. */
import { type Contestant, medianOf, ratioOf, TURNS, takeTurns } from "../measure.ts";
import { nbdkitFile } from "../peers/nbdkit.ts";
import { missingOf } from "../peers/server-process.ts";
import { type Context, comparedRow, type Row, type Section, skippedRow } from "../row.ts";
import { openDiskScratch, type Scratch } from "../scratch.ts";
import { type Load, replay } from "./fio.ts";
import { ServedStore } from "./served-store.ts";

const SIZE = 256 * 2 ** 20;
const PAGE = 4096;
const LOAD: Load = {
  size: SIZE,
  unit: PAGE,
  bytes: PAGE,
  count: 2000,
  depth: 1,
  order: "random",
};
const MEASURES = [
  { figure: "again", what: "overwrite of 4 KiB and flush, depth 1", target: { least: 0.8 } },
  { figure: "first", what: "first write of 4 KiB and flush, depth 1", target: { least: 0.45 } },
] as const;
const PEER = "nbdkit file, overwrites";
const NOTE = "on a disk, 4 KiB chunks";

function ours(scratch: Scratch, store: ServedStore): Contestant<"first" | "again"> {
  let turn = 0;
  return async () => {
    await store.shareAll();
    const first = await replay(scratch, store.uri, LOAD, ++turn, true);
    return { first, again: await replay(scratch, store.uri, LOAD, turn, true) };
  };
}

async function rowsOn(scratch: Scratch): Promise<Row[]> {
  const peer = await nbdkitFile(scratch, SIZE);
  if (typeof peer === "string") {
    return MEASURES.map(({ what, target }) => skippedRow(`${what} / ${PEER}`, target, peer));
  }
  const store = await ServedStore.start(scratch, "flushed", {
    size: SIZE,
    chunk: PAGE,
    snapshots: 1,
  });
  let turn = 0;
  const turns = await takeTurns<{ ours: "first" | "again"; peer: "again" }>({
    ours: ours(scratch, store),
    peer: async () => ({ again: await replay(scratch, peer.uri, LOAD, ++turn, true) }),
  });
  await peer.stop();
  await store.stop();
  const theirs = { name: PEER, value: medianOf(turns.peer, "again"), unit: "op/s" };
  return MEASURES.map(({ figure, what, target }) => {
    const own = { value: medianOf(turns.ours, figure), unit: "op/s" };
    const ratio = ratioOf(turns.ours, figure, turns.peer, "again");
    return comparedRow(what, own, theirs, ratio, target, NOTE);
  });
}

async function run(context: Context): Promise<Row[]> {
  const scratch = openDiskScratch();
  const missing = missingOf("fio") ?? (scratch === null ? "no folder on a disk" : null);
  if (missing !== null || scratch === null) {
    return MEASURES.map(({ what, target }) => skippedRow(what, target, missing ?? ""));
  }
  context.say(`4 KiB writes and flushes over NBD, files in ${scratch.folder}: ${TURNS} turns`);
  const rows = await rowsOn(scratch);
  scratch.remove();
  return rows;
}

export const flush: Section = {
  name: "nbd/flush",
  about: "4 KiB writes, each with a flush, on a disk",
  run,
};
