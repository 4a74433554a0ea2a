/** What a store in the tree takes, from the superblock's counters and the engine's. */
import type { Engine } from "../../engine/engine.ts";
import type { StoreUsage } from "../store.ts";
import type { Superblock } from "./layout.ts";

const BLOCK = 4096;

export function usageOf(engine: Engine, fields: Superblock): StoreUsage {
  const chunk = 2 ** fields.u32("SUPER_CHUNK_SHIFT");
  const top = fields.u64("SUPER_TOP");
  const limit = fields.u64("SUPER_LIMIT");
  const fixed = 2 + 2 * fields.u32("SUPER_AREA_BLOCKS");
  const held = engine.u64At(engine.constant("HELD_CHUNKS"));
  const spare = engine.state("META_FREE") + engine.state("META_PENDING");
  return {
    storeBytes: top * chunk,
    maxBytes: limit === 0 ? null : limit,
    dataBytes: fields.u64("SUPER_DATA") * chunk,
    metadataBytes: fields.u32("SUPER_META") * BLOCK,
    fixedBytes: Math.ceil((fixed * BLOCK) / chunk) * chunk,
    freeBytes: (top - fields.u64("SUPER_USED") + held) * chunk + spare * BLOCK,
    memoryBytes: engine.u8.length,
    snapshots: engine.state("VIEW_LIVE") - 1,
    exceptions: fields.u64("SUPER_ENTRIES"),
    reclaiming: engine.state("VIEW_DEAD"),
  };
}
