/**
 * Runs hostile cases in a process of its own, which may be killed: says which case it is at before
 * it begins it, and what came of it.
 */
import fs from "node:fs";
import { Random } from "../model/prng.ts";
import { type Case, Cases, useGuarded } from "./cases.ts";

export interface Order {
  /** File of the guarded engine; its blocks of code lie beside it. */
  engine: string;
  /** The cases to run; or as many as fit, made from a seed. */
  cases?: Case[];
  seed?: number;
  count?: number;
  /** Only bases whose names hold this. */
  only?: string;
  /** What earlier processes found worth keeping. */
  corpus?: Case[];
  /** Pairs of blocks that ran in those, as `Cases.covered` has them. */
  covered?: string;
  /** The bases as they are come first. */
  plain?: boolean;
}

export type Said =
  | { case: Case }
  | { what: string }
  /** At the end: pairs of blocks that have run by now. */
  | { covered: string }
  | {
      done: {
        finding: string | null;
        detail: string;
        outcome: string;
        edges: number;
        /** It is in the corpus now. */
        isKept: boolean;
      };
    };

/**
 * Memories of engines are small to a collector that does not know what is behind them: they would
 * pile up and look like a case that takes too much.
 */
const BYTES_PER_COLLECTION = 2 ** 29;

process.once("message", (order: Order) => {
  work(order).catch((error) => {
    console.error(error);
    process.exit(3);
  });
});

async function work(order: Order) {
  const { engine, cases, seed = 1, count = 0, only, corpus = [], covered, plain: first } = order;
  await useGuarded(new Uint8Array(fs.readFileSync(engine)));
  const all = await Cases.make(JSON.parse(fs.readFileSync(`${engine}.json`, "utf8")), only);
  all.corpus.push(...corpus);
  if (covered !== undefined) all.covered = covered;
  const random = new Random(seed);
  let collected = process.memoryUsage.rss();
  for (let i = 0; i < (cases?.length ?? count); i++) {
    if (process.memoryUsage.rss() > collected + BYTES_PER_COLLECTION) {
      globalThis.gc?.();
      collected = process.memoryUsage.rss();
    }
    const one = cases?.[i] ?? (first && i < all.bases.length ? plain(all, i) : all.next(random));
    say({ case: one });
    const { finding, detail, outcomes, edges, isKept } = await all.run(one, (what) =>
      say({ what }),
    );
    const outcome = outcomes.find((line) => !line.endsWith(": ok")) ?? "all is well";
    say({ done: { finding, detail, outcome, edges, isKept } });
  }
  say({ covered: all.covered });
  process.disconnect();
}

/** A base as it is: nothing may be found of it. */
function plain(all: Cases, index: number): Case {
  return { base: all.bases[index] as string, seed: index, steps: [] };
}

function say(said: Said): void {
  process.send?.(said);
}
