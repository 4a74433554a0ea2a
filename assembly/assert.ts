/** Asserts that stay in release builds: an invariant by number, checked where it costs little. */
import { POISON } from "./memory";

/**
 * Failures from this number on can come from what is on disk: nobody but the checker sees all of a
 * tree at once, so some lies (a block with two parents) show only when they are acted on.
 */
export const DAMAGED: i32 = 200;

/**
 * An invariant that does not hold stops the engine: nothing is changed further, the host reads the
 * number and poisons the volume.
 */
// @ts-ignore: decorator
@inline
export function assertThat(holds: bool, invariant: i32): void {
  if (!holds) fail(invariant);
}

function fail(invariant: i32): void {
  store<i32>(POISON, invariant);
  unreachable();
}
