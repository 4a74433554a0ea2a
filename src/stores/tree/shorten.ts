/**
 * Gives the free end of a store back to its platform. What is cut off was free in the last two
 * checkpoints, and no record behind them names it: a power cut may come before or after it.
 */
import type { Engine } from "../../engine/engine.ts";
import { settle, type Task } from "../../task.ts";
import type { Superblock } from "./layout.ts";

/** Less is not worth the while: it is used again soon. */
const LEAST_BYTES = 2 ** 20;
/** Beside other work: so much, or such a part of the device, that writes do not want it back. */
const MUCH_BYTES = 2 ** 26;
const MUCH_PART = 16;
const ROUNDS_MAX = 4;

/** Of a checkpoint that has just ended, before anybody goes on. `all`: little is cut off, too. */
export function* shorten(engine: Engine, fields: Superblock, all: boolean): Task<void> {
  const { device } = engine;
  if (!device.growable) return;
  const size = device.size();
  const kept = engine.x.spaceCut() * 2 ** fields.u32("SUPER_CHUNK_SHIFT");
  const cut = size - kept;
  if (all ? cut < LEAST_BYTES : !isMuch(cut, size)) return;
  try {
    yield* settle(device.resize(kept));
  } catch {
    // The end stays and is used again: nothing depends on it.
  }
}

/**
 * Cuts off what is free at the store's end, where that may be worth a checkpoint or two: one that
 * knows it to be free, and one more. What metadata there moves takes another.
 */
export function* shrink(
  engine: Engine,
  fields: Superblock,
  checkpoint: () => Task<void>,
): Task<void> {
  const chunk = 2 ** fields.u32("SUPER_CHUNK_SHIFT");
  const held = engine.u64At(engine.constant("HELD_CHUNKS"));
  const free = (fields.u64("SUPER_TOP") - fields.u64("SUPER_USED") + held) * chunk;
  if (!engine.device.growable || !isMuch(free, engine.device.size())) return;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    yield* checkpoint();
    if (round > 0 && !hasUnusedEnd(engine, fields)) return;
  }
}

/** Whether the device is longer than what the last checkpoint needs of it. */
export function hasUnusedEnd({ device }: Engine, fields: Superblock): boolean {
  const top = fields.u64("SUPER_TOP") * 2 ** fields.u32("SUPER_CHUNK_SHIFT");
  return device.growable && device.size() - top >= LEAST_BYTES;
}

function isMuch(bytes: number, size: number): boolean {
  return bytes >= LEAST_BYTES && (bytes >= MUCH_BYTES || bytes * MUCH_PART >= size);
}
