/** Replay of journal records on a store that is built anew, as far as they apply to it. */
import { CHECKPOINT, NO_SPACE } from "../../../engine/status.ts";
import { MultisnapError } from "../../../errors.ts";
import type { Task } from "../../../task.ts";
import { eachOperation, OP_MAP, OP_ROLLBACK, OP_SET } from "../check/operations.ts";
import type { Restorer } from "../restore/restorer.ts";

const WAITS = -5;
const ORIGIN = 1;
const OP_SLAB = 6;
const OP_AGAIN = 8;
const SET_SIZE = 1;
const OP_BYTES = 24;
const RECORD_HEADER = 64;
const LENGTH = 8;

/** A record does not apply: the engine is spoilt, and only so many records can be replayed. */
export class Stopped extends Error {
  readonly records: number;

  constructor(records: number, cause: unknown) {
    super(`record ${records} of the journal does not apply`, { cause });
    this.records = records;
  }
}

export class Replay {
  done = 0;
  readonly #restorer: Restorer;
  readonly #most: number;
  readonly #buffer: number;
  readonly #originOnly: boolean;

  /** `most`: records that are replayed; `originOnly`: of them what changes the origin. */
  constructor(restorer: Restorer, most: number, originOnly: boolean) {
    this.#restorer = restorer;
    this.#most = most;
    this.#originOnly = originOnly;
    const { engine } = restorer;
    this.#buffer = engine.state("JOURNAL_BUFFERS");
  }

  /** The next record: header and operations. */
  *take(record: Uint8Array): Task<void> {
    if (this.done === this.#most) return;
    const { engine } = this.#restorer;
    engine.u8.set(record, this.#buffer);
    try {
      if (engine.x.journalAccept() === 0) throw new Stopped(this.done, "its checksum");
      if (this.#originOnly) this.#keepOrigins(record.slice());
      while ((yield* this.#restorer.until(() => this.#step())) !== 0);
    } catch (error) {
      if (error instanceof MultisnapError && error.code !== "Internal") throw error;
      throw error instanceof Stopped ? error : new Stopped(this.done, error);
    }
    this.done++;
  }

  /** The list of views is lost: the record in the buffer becomes what it does to the origin. */
  #keepOrigins(record: Uint8Array): void {
    const { engine } = this.#restorer;
    let length = RECORD_HEADER;
    eachOperation(record, ({ kind, view, flags }, at) => {
      // What another view has is not known any more.
      if (kind === OP_ROLLBACK && view === ORIGIN) throw new Stopped(this.done, "a rollback");
      // The size counts; who marked it how is not worth the bytes behind the operation.
      const isSize = kind === OP_SET && flags === SET_SIZE;
      const isOwn = ((kind === OP_MAP || isSize) && view === ORIGIN) || kind === OP_SLAB;
      if (!isOwn) return;
      engine.u8.set(record.subarray(at, at + OP_BYTES), this.#buffer + length);
      // Who named the place before is gone.
      engine.u8[this.#buffer + length + 1] = flags & ~OP_AGAIN;
      length += OP_BYTES;
    });
    engine.u32[(this.#buffer + LENGTH) >>> 2] = length;
  }

  #step(): number {
    const status = this.#restorer.engine.x.replayStep();
    // Blocks that wait for a checkpoint are of no use here.
    if (status === CHECKPOINT) return NO_SPACE;
    if (status >= WAITS || status === NO_SPACE) return status;
    throw new Stopped(this.done, status);
  }
}
