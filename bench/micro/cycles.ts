/** Ways to look many chunks up in an engine, each a cycle of some thousand queries. */
import type { Engine } from "../../src/engine/engine.ts";

const VIEW = 1;
/** Queries of one call that the benchmark package times: a multiple of every batch. */
export const CYCLE = 4096;
/** Chunks that one query asks for at once. */
export const RUN = 8;

/** Looks up queries `from` to `from + CYCLE`; answers the sum of the places. */
export type Cycle = (chunks: Uint32Array, from: number) => number;

export function oneAtATime(engine: Engine): Cycle {
  const { x } = engine;
  const place = (engine.at.runs >>> 3) + 1;
  return (chunks, from) => {
    let sum = 0;
    for (let i = from; i < from + CYCLE; i++) {
      if (x.lookup(VIEW, chunks[i], 1, false) !== 1) throw new Error(`lookup of ${chunks[i]}`);
      sum += engine.f64[place];
    }
    return sum;
  };
}

export function inBatches(engine: Engine, size: number): Cycle {
  const { x, f64, u32 } = engine;
  const bytes = engine.constant("BATCH_BYTES");
  const at = engine.at.batch;
  return (chunks, from) => {
    let sum = 0;
    for (let start = from; start < from + CYCLE; start += size) {
      for (let i = 0; i < size; i++) {
        f64[(at + i * bytes) >>> 3] = chunks[start + i];
        u32[(at + i * bytes + 8) >>> 2] = VIEW;
      }
      if (x.lookupBatch(size) !== 0) throw new Error("lookupBatch did not find its pages");
      for (let i = 0; i < size; i++) sum += f64[(at + i * bytes + 16) >>> 3];
    }
    return sum;
  };
}

/** Each query answers `RUN` chunks in one call: the sum is another one. */
export function inRuns(engine: Engine): Cycle {
  const { x } = engine;
  const place = (engine.at.runs >>> 3) + 1;
  return (chunks, from) => {
    let sum = 0;
    for (let i = from; i < from + CYCLE; i += RUN) {
      const runs = x.lookup(VIEW, chunks[i], RUN, false);
      for (let run = 0; run < runs; run++) sum += engine.f64[place + run * 2];
    }
    return sum;
  };
}
