/** Lookups of many (chunk, view) pairs in one call, four abreast. */
import { BATCH, BATCH_BYTES, RUNS } from "./memory";
import { FAULT } from "./status";
import { lookup, lookupAt } from "./range";
import { MISSING, seek, seek4 } from "./seek";

/** Answers every pair of BATCH (chunk f64, view u32): kind and place. 0, FAULT, NOT_FOUND. */
export function lookupBatch(n: u32): i32 {
  const end = BATCH + n * BATCH_BYTES;
  let at = BATCH;
  for (; at + 3 * BATCH_BYTES < end; at += 4 * BATCH_BYTES) {
    // The first pair's answer and spare bytes hold the four entries until they are used.
    const b = at + BATCH_BYTES;
    const c = b + BATCH_BYTES;
    const d = c + BATCH_BYTES;
    if (!seek4(chunkOf(at), chunkOf(b), chunkOf(c), chunkOf(d), at + 16)) return FAULT;
    const e = load<u32>(at, 16);
    const f = load<u32>(at, 20);
    const g = load<u32>(at, 24);
    const h = load<u32>(at, 28);
    const status = answer(at, e) | answer(b, f) | answer(c, g) | answer(d, h);
    if (status < 0) return FAULT;
  }
  for (; at < end; at += BATCH_BYTES) {
    const entry = seek(chunkOf(at));
    if (entry == MISSING) return FAULT;
    const status = answer(at, entry);
    if (status < 0) return status;
  }
  return 0;
}

// @ts-ignore: decorator
@inline
function chunkOf(pair: usize): u64 {
  return <u64>load<f64>(pair);
}

/** Answers a pair from the first entry at or after its chunk. 0, or a status. */
function answer(pair: usize, entry: u32): i32 {
  const chunk = chunkOf(pair);
  const view = load<u32>(pair, 8);
  let runs = lookupAt(entry, view, chunk);
  if (runs == 0) runs = lookup(view, chunk, 1, false);
  if (runs < 0) return runs;
  store<u32>(pair, load<u32>(RUNS), 12);
  store<f64>(pair, load<f64>(RUNS, 8), 16);
  return 0;
}
