/** Views that one client holds: as long as it wants them, and its connection lives. */
import { MultisnapError } from "../errors.ts";
import type { Hold, View } from "../volume/types.ts";
import { HOLDS_MAX } from "./limits.ts";

export class HeldViews {
  readonly #holds = new Map<number, Hold>();

  /** Once, however often it is asked for. `Invalid`: too many. */
  take(view: View): void {
    if (this.#holds.has(view.id)) return;
    if (this.#holds.size >= HOLDS_MAX) throw tooManyHolds();
    this.#holds.set(view.id, view.hold());
  }

  release(id: number): void {
    this.#holds.get(id)?.release();
    this.#holds.delete(id);
  }

  releaseAll(): void {
    for (const id of [...this.#holds.keys()]) this.release(id);
  }
}

export function tooManyHolds(): MultisnapError {
  const most = `a client of a served volume holds at most ${HOLDS_MAX} views at a time`;
  return new MultisnapError("Invalid", `${most}: release one`);
}
