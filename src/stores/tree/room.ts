/**
 * Room for data where the store seems to be full: places that wait for a commit, slabs that
 * metadata no longer needs, and what the device may have room for by now. Then `NoSpace`.
 */
import type { Engine } from "../../engine/engine.ts";
import { MultisnapError } from "../../errors.ts";
import type { Task } from "../../task.ts";
import type { Visit } from "../store.ts";
import type { Superblock } from "./layout.ts";
import type { Log } from "./log.ts";

export class Room {
  readonly #engine: Engine;
  readonly #log: Log;
  readonly #super: Superblock;
  readonly #held: number;
  /** Who met what the device refused to others: there may be room by now, they ask once more. */
  readonly #askedAgain = new WeakSet<Visit>();

  constructor(engine: Engine, log: Log, superblock: Superblock) {
    this.#engine = engine;
    this.#log = log;
    this.#super = superblock;
    this.#held = engine.constant("HELD_CHUNKS");
  }

  /** Ends where it is worth while to look again. Errors: `NoSpace`. */
  *make(visit: Visit | null): Task<void> {
    const engine = this.#engine;
    if (engine.u64At(this.#held) > 0) {
      yield* this.#log.commit(visit);
      yield* this.#log.released(visit);
      return;
    }
    const spare = engine.state("META_FREE") + engine.state("META_PENDING");
    if (spare >= engine.x.trimFloor()) {
      const used = this.#super.u64("SUPER_USED");
      yield* this.#log.checkpoint(visit, true);
      if (this.#super.u64("SUPER_USED") < used) return;
    }
    const isRefused = engine.x.spaceRetry() !== 0;
    if (isRefused && visit && !this.#askedAgain.has(visit)) {
      this.#askedAgain.add(visit);
      return;
    }
    const { name } = engine.device;
    const full = isRefused ? `there is no room on the device of ${name}` : `${name} is full`;
    const advice = isRefused ? "make room there" : "raise its limit";
    throw new MultisnapError(
      "NoSpace",
      `${full}; every snapshot is intact: delete snapshots or ${advice}`,
    );
  }
}
