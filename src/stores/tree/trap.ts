/**
 * What a trap of the engine means: an invariant did not hold. Those from `DAMAGED` on can be broken
 * by what is on the device, and while the journal is replayed all can (`assembly/assert.ts`).
 */
import type { Engine } from "../../engine/engine.ts";
import { MultisnapError } from "../../errors.ts";

const DAMAGED = 200;

/** An error for callers: `cause` itself, if it is one; else `Corrupt` or `Internal`. */
export function trapError(engine: Engine, cause: unknown): MultisnapError {
  if (cause instanceof MultisnapError) return cause;
  const number = engine.state("POISON");
  const message = cause instanceof Error ? cause.message : String(cause);
  if (number >= DAMAGED || (number > 0 && engine.state("REPLAYING") !== 0)) {
    const name = engine.device.name;
    return new MultisnapError("Corrupt", `${name} is damaged (${number}): run check`, { cause });
  }
  return new MultisnapError("Internal", `${message} (invariant ${number}); reopen the volume`, {
    cause,
  });
}
