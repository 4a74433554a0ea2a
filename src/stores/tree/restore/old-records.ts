/** Records that both journal areas hold, of whatever checkpoint. */
import type { Engine } from "../../../engine/engine.ts";
import { settle, type Task } from "../../../task.ts";
import { u64At } from "../check/blocks.ts";
import { Superblock } from "../layout.ts";

const BLOCK = 4096;
const READ_BYTES = 64 * BLOCK;
/** A number that is further off is no record's, but damage. */
const AHEAD_MAX = 2 ** 32;

/**
 * The highest sequence of all records of this store from `sequence` on; one less where there is
 * none. Goes through the transfer buffer.
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
  let highest = sequence - 1;
  for (let offset = 2 * BLOCK; offset < end; offset += READ_BYTES) {
    const length = Math.min(READ_BYTES, end - offset);
    yield* settle(device.read(u8, engine.at.transfer, length, offset));
    for (let i = 0; i < length; i += BLOCK) {
      const head = engine.at.transfer + i;
      const isOurs = u64At(u8, head + at.store) === u64At(u8, uuid);
      const found = isOurs ? u64At(u8, head + at.sequence) : 0;
      if (found > highest && found < sequence + AHEAD_MAX) highest = found;
    }
  }
  return highest;
}
