/**
 * 4 KiB requests after a snapshot, one at a time, in random order over a fully written volume: the
 * first write to each chunk, later writes, reads. Every turn has a new store; the peers do the same
 * offsets with bare system calls.
 */

import { medianOf, ratioOf, TURNS, takeTurns } from "../measure.ts";
import { shuffled } from "../order.ts";
import { buildPeer, FilePeer } from "../peers/peer.ts";
import { type Context, comparedRow, type Row, type Section } from "../row.ts";
import { touchMemory } from "../scratch.ts";
import { type Requests, runAwaited, runSync } from "./requests.ts";
import { writtenStore } from "./stores.ts";

const BYTES = 2 ** 30;
const PAGE = 4096;
const PAGES = BYTES / PAGE;
const [FIRST_SEED, LATER_SEED, READ_SEED] = [11, 12, 13];

const CHUNKS = [
  { chunk: 4096, label: "4 KiB chunks", firstTarget: { least: 0.35 } },
  { chunk: 65536, label: "64 KiB chunks", firstTarget: { least: 0.6 } },
];
const LATER_TARGET = { least: 0.4 };

/** What a turn takes: the file, and new places for all of it; freed memory may be gone again. */
const TOUCHED = 2.5 * 2 ** 30;

type Run = (requests: Requests) => Promise<number>;

/** Snapshot, first writes, later writes, reads on a new store. */
async function ours(context: Context, chunk: number, run: Run) {
  const { volume, remove } = await writtenStore(context, { size: BYTES, chunk });
  try {
    await volume.snapshot("before");
    const { origin: view } = volume;
    const pages = { view, unit: PAGE, count: PAGES, bytes: PAGE };
    const first = await run({
      ...pages,
      what: "write",
      order: shuffled(BYTES / chunk, FIRST_SEED),
      unit: chunk,
      count: BYTES / chunk,
    });
    const later = await run({ ...pages, what: "write", order: shuffled(PAGES, LATER_SEED) });
    const read = await run({ ...pages, what: "read", order: shuffled(PAGES, READ_SEED) });
    return { first, later, read };
  } finally {
    await remove();
  }
}

/**
 * The system calls that are needed: a pwrite where nothing is copied, else old chunk in, new chunk
 * out.
 */
function needed(peer: FilePeer, chunk: number) {
  const pages = { bytes: BYTES, unit: PAGE, count: PAGES };
  const chunks = { bytes: BYTES, unit: chunk, count: BYTES / chunk, seed: FIRST_SEED };
  return {
    first: peer.run({ ...chunks, what: chunk === PAGE ? "write" : "first" }).flushed,
    // What any copy-on-write store has to do: the same bytes, but to pages that are not there yet.
    placed: peer.run({ ...chunks, what: "append" }).flushed,
    later: peer.run({ ...pages, what: "write", seed: LATER_SEED }).flushed,
    read: peer.run({ ...pages, what: "read", seed: READ_SEED }).flushed,
  };
}

async function rowsOf(
  context: Context,
  peer: FilePeer,
  which: (typeof CHUNKS)[number],
): Promise<Row[]> {
  const { chunk, label, firstTarget } = which;
  const turns = await takeTurns(
    {
      sync: () => ours(context, chunk, runSync),
      awaited: () => ours(context, chunk, runAwaited),
      needed: async () => needed(peer, chunk),
    },
    TURNS,
    () => touchMemory(context.scratch, TOUCHED),
  );
  const names = {
    first: { text: "first write of 4 KiB to a chunk", target: firstTarget },
    later: { text: "later writes of 4 KiB", target: LATER_TARGET },
    read: { text: "reads of 4 KiB", target: LATER_TARGET },
  };
  const peers = {
    first: chunk === PAGE ? "C pwrite" : "C pread + pwrite",
    later: "C pwrite",
    read: "C pread",
  };
  const placed = comparedRow(
    `${names.first.text}, ${label}, sync, against writes of whole chunks to new places`,
    { value: medianOf(turns.sync, "first"), unit: "op/s" },
    { name: "C pwrite to new places", value: medianOf(turns.needed, "placed"), unit: "op/s" },
    medianOf(turns.sync, "first") / medianOf(turns.needed, "placed"),
    null,
  );
  const rows = (["first", "later", "read"] as const).flatMap((figure) =>
    (["sync", "awaited"] as const).map((how) =>
      comparedRow(
        `${names[figure].text}, ${label}, ${how}`,
        { value: medianOf(turns[how], figure), unit: "op/s" },
        { name: peers[figure], value: medianOf(turns.needed, figure), unit: "op/s" },
        ratioOf(turns[how], figure, turns.needed, figure),
        names[figure].target,
      ),
    ),
  );
  return [...rows, placed];
}

async function run(context: Context): Promise<Row[]> {
  const peer = new FilePeer(buildPeer(context, "file"), context.scratch.file("peer.img"));
  peer.fill(BYTES);
  const rows: Row[] = [];
  for (const which of CHUNKS) {
    context.say(`4 KiB requests after a snapshot, ${which.label}: ${TURNS} turns`);
    rows.push(...(await rowsOf(context, peer, which)));
  }
  return rows;
}

export const afterSnapshot: Section = {
  name: "after-snapshot",
  about: "first writes, later writes and reads of 4 KiB after a snapshot",
  run,
};
