/**
 * An engine whose tree holds one exception for each of many chunks, inserted in random order, all
 * of it in the cache.
 */
import { memoryDevice } from "../../src/devices/memory.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { engineModule } from "../../src/engine/module.ts";
import { seededEnv } from "../../src/env.ts";
import { RangeStore } from "../../src/stores/range.ts";
import { KIND_RANGE } from "../../src/stores/tree/layout.ts";
import { createTree } from "../../src/stores/tree/open.ts";
import type { TreeStore } from "../../src/stores/tree/tree-store.ts";
import { run } from "../../src/task.ts";
import { shuffled } from "../order.ts";

const CHUNK = 4096;
const VIEW = 1;
/**
 * Leaves are two thirds full: 36 bytes an exception; and blocks that the last checkpoint still
 * holds.
 */
const CACHE_BYTES_AN_EXCEPTION = 64;
const CACHE_BYTES_LEAST = 64 << 20;

/** Maps the chunk to a new place; answers the status of what must be served first, or 0. */
function mapChunk(store: TreeStore, chunk: number): number {
  const taken = store.allocate(1);
  if (taken < 0) return taken;
  const mapped = store.map(VIEW, chunk, 1, store.allocated(), false);
  return Math.min(mapped, 0);
}

export async function builtEngine(count: number, seed: number): Promise<Engine> {
  const format = {
    size: count * CHUNK,
    chunk: CHUNK,
    mode: "inline" as const,
    maxSize: null,
    originPath: null,
    basePath: null,
    policy: { victims: null, preserves: true },
    checksums: false,
  };
  const setup = {
    module: await engineModule(),
    cacheBytes: Math.max(CACHE_BYTES_LEAST, count * CACHE_BYTES_AN_EXCEPTION),
    copyBytes: () => 0,
    env: seededEnv(seed),
  };
  const kind = { number: KIND_RANGE, over: (engine: Engine) => new RangeStore(engine) };
  const store = await run(createTree(kind, memoryDevice(), format, setup));
  for (const chunk of shuffled(count, seed)) {
    let status: number;
    while ((status = mapChunk(store, chunk)) < 0) await run(store.serve(status, null));
  }
  return store.engine;
}
