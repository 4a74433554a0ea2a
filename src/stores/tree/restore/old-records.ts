/** Records that both journal areas hold, of whatever checkpoint. */
import type { Engine } from "../../../engine/engine.ts";
import { settle, type Task } from "../../../task.ts";
import { u64At } from "../check/blocks.ts";
import { AHEAD_MAX, Superblock } from "../layout.ts";

const BLOCK = 4096;
const READ_BYTES = 64 * BLOCK;

/**
 * The highest sequence of all records of this store from `sequence` on, so that no other is within
 * reach of it; one less where there is none. Goes through the transfer buffer. Memory: 8 bytes a
 * record.
 */
export function* highestRecord(engine: Engine, sequence: number): Task<number> {
  const { device, u8 } = engine;
  const fields = new Superblock(engine, engine.at.super);
  const uuid = engine.at.super + engine.constant("SUPER_UUID");
  const at = {
    sequence: engine.constant("RECORD_SEQUENCE"),
    store: engine.constant("RECORD_STORE"),
  };
  const end = (2 + 2 * fields.u32("SUPER_AREA_BLOCKS")) * BLOCK;
  const all: number[] = [];
  for (let offset = 2 * BLOCK; offset < end; offset += READ_BYTES) {
    const length = Math.min(READ_BYTES, end - offset);
    yield* settle(device.read(u8, engine.at.transfer, length, offset));
    for (let i = 0; i < length; i += BLOCK) {
      const head = engine.at.transfer + i;
      const isOurs = u64At(u8, head + at.store) === u64At(u8, uuid);
      const found = isOurs ? u64At(u8, head + at.sequence) : 0;
      if (found >= sequence) all.push(found);
    }
  }
  let highest = sequence - 1;
  for (const found of all.sort((a, b) => a - b)) {
    if (found > highest + AHEAD_MAX) break;
    highest = found;
  }
  return highest;
}
