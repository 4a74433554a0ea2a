/**
 * Random lookups in the engine's tree, everything in its cache: one at a time, in batches, in runs;
 * against the C twin of the tree and against LMDB, with the same exceptions inserted in the same
 * order.
 */
import Benchmark from "benchmark";
import type { Engine } from "../../src/engine/engine.ts";
import { medianOf, ratioOf, takeTurns } from "../measure.ts";
import { drawn } from "../order.ts";
import { LmdbPeer } from "../peers/lmdb.ts";
import { buildPeer, TreePeer } from "../peers/peer.ts";
import { type Context, comparedRow, type Row, type Section } from "../row.ts";
import { builtEngine } from "./built-engine.ts";
import { CYCLE, type Cycle, inBatches, inRuns, oneAtATime, RUN } from "./cycles.ts";

const BUILD_SEED = 41;
const QUERY_SEED = 42;
const QUERIES = 1_000_000;
const BATCHES = [8, 16, 64];

const ALONE_TWIN = { least: 0.75 };
const ALONE_LMDB = { least: 1.5 };
const BATCH_TWIN = { least: 1.5 };

/** Nanoseconds a lookup, by the benchmark package, over `QUERIES` queries again and again. */
function timed(cycle: Cycle, chunks: Uint32Array): number {
  let from = 0;
  const fn = () => {
    cycle(chunks, from);
    from = from + 2 * CYCLE <= chunks.length ? from + CYCLE : 0;
  };
  const bench = new Benchmark({ fn, maxTime: 0.5, minSamples: 20 });
  bench.run({ async: false });
  return (bench.stats.mean * 1e9) / CYCLE;
}

/** Throws where two ways of looking up do not agree. */
function compareAnswers(alone: Cycle, others: Cycle[], chunks: Uint32Array): void {
  for (let from = 0; from + CYCLE <= chunks.length; from += CYCLE) {
    const sum = alone(chunks, from);
    if (others.some((other) => other(chunks, from) !== sum)) {
      throw new Error("a batch of lookups and single lookups differ");
    }
  }
}

interface Peers {
  twin: TreePeer | null;
  lmdb: LmdbPeer;
}

async function rowsOf(engine: Engine, { twin, lmdb }: Peers, count: number): Promise<Row[]> {
  const chunks = drawn(QUERIES, count, QUERY_SEED);
  // Runs begin where all their chunks are within the tree.
  const starts = chunks.map((chunk) => Math.min(chunk, count - RUN));
  const alone = oneAtATime(engine);
  const batches = BATCHES.map((size) => inBatches(engine, size));
  compareAnswers(alone, batches, chunks);
  const turns = await takeTurns({
    alone: async () => ({ ns: timed(alone, chunks) }),
    twin: async () => twin?.lookup(QUERIES, QUERY_SEED) ?? { ns: Number.NaN, checksum: 0 },
    batch8: async () => ({ ns: timed(batches[0], chunks) }),
    batch16: async () => ({ ns: timed(batches[1], chunks) }),
    batch64: async () => ({ ns: timed(batches[2], chunks) }),
    runs: async () => ({ ns: timed(inRuns(engine), starts) }),
    lmdb: async () => lmdb.lookup(QUERIES, QUERY_SEED),
  });
  if (twin !== null && turns.twin[0].checksum !== turns.lmdb[0].checksum) {
    throw new Error("the C twin and LMDB do not hold the same");
  }
  const exceptions = `${(count / 1e6).toFixed(0)}M exceptions`;
  const against = (
    how: "alone" | "batch8" | "batch16" | "batch64" | "runs",
    text: string,
    peer: "twin" | "lmdb",
    target: { least: number },
  ) =>
    comparedRow(
      `lookup, ${exceptions}, ${text}`,
      { value: medianOf(turns[how], "ns"), unit: "ns" },
      {
        name: peer === "twin" ? "C twin, one at a time" : "LMDB",
        value: medianOf(turns[peer], "ns"),
        unit: "ns",
      },
      ratioOf(turns[peer], "ns", turns[how], "ns"),
      target,
    );
  return [
    against("alone", "one at a time", "twin", ALONE_TWIN),
    against("alone", "one at a time", "lmdb", ALONE_LMDB),
    against("batch8", "batches of 8", "twin", BATCH_TWIN),
    against("batch16", "batches of 16", "twin", BATCH_TWIN),
    against("batch64", "batches of 64", "twin", BATCH_TWIN),
    against("runs", `runs of ${RUN} chunks, for each chunk`, "twin", BATCH_TWIN),
  ];
}

async function run(context: Context): Promise<Row[]> {
  const program = buildPeer(context, "tree");
  const rows: Row[] = [];
  for (const count of [1_000_000, 10_000_000]) {
    context.say(`lookups: building three trees of ${count.toLocaleString("en")} exceptions`);
    const twin = program === null ? null : await TreePeer.build(program, count, BUILD_SEED);
    const lmdb = LmdbPeer.build(context.scratch, count, BUILD_SEED);
    const engine = await builtEngine(count, BUILD_SEED);
    context.say("lookups: measuring");
    rows.push(...(await rowsOf(engine, { twin, lmdb }, count)));
    twin?.close();
    await lmdb.close();
  }
  return rows;
}

export const lookup: Section = {
  name: "lookup",
  about: "lookups in the engine against a C twin and LMDB",
  run,
};
