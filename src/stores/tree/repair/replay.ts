/** Replay of journal records on a store that is built anew, as far as they apply to it. */
import { CHECKPOINT, NO_SPACE } from "../../../engine/status.ts";
import { MultisnapError } from "../../../errors.ts";
import type { Task } from "../../../task.ts";
import { eachOperation, OP_COPY_OUT, OP_MAP, type Operation } from "../check/operations.ts";
import type { Restorer } from "../restore/restorer.ts";
import { HOLE } from "../walk.ts";

const WAITS = -5;
const ORIGIN = 1;
const OP_SLAB = 6;
const OP_AGAIN = 8;
const RECORD_HEADER = 64;

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
      yield* this.#operations(record);
    } catch (error) {
      if (error instanceof MultisnapError && error.code !== "Internal") throw error;
      throw error instanceof Stopped ? error : new Stopped(this.done, error);
    }
    this.done++;
  }

  *#operations(record: Uint8Array): Task<void> {
    const found: [Operation, Uint8Array][] = [];
    const areAll = eachOperation(record, (...one) => found.push(one));
    if (!areAll) throw new Stopped(this.done, "an operation");
    for (const [operation, bytes] of found) {
      const { kind, view, flags } = operation;
      const isOrigins = (kind === OP_MAP && view === ORIGIN) || kind === OP_SLAB;
      if (this.#originOnly && !isOrigins) continue;
      const isAgain = (kind === OP_MAP || kind === OP_COPY_OUT) && (flags & OP_AGAIN) !== 0;
      if (isAgain && (flags & HOLE) === 0) yield* this.#again(operation, bytes);
      else yield* this.#run(bytes);
    }
  }

  /**
   * What names a place that others name already, column by column. Where those others are lost, it
   * names the place alone, and takes it.
   */
  *#again({ chunk, place, flags, count }: Operation, bytes: Uint8Array): Task<void> {
    const { engine } = this.#restorer;
    const own = bytes.slice();
    const fields = new DataView(own.buffer);
    for (let done = 0; done < count; ) {
      const [from, at] = [chunk + done, place + done];
      const run = yield* this.#restorer.until(() => engine.x.replayNamed(from, count - done, at));
      fields.setUint8(1, run % 2 === 1 ? flags : flags & ~OP_AGAIN);
      fields.setUint16(2, run >>> 1, true);
      fields.setBigUint64(8, BigInt(from), true);
      fields.setBigUint64(16, BigInt(at), true);
      yield* this.#run(own);
      done += run >>> 1;
    }
  }

  *#run(operation: Uint8Array): Task<void> {
    const { engine } = this.#restorer;
    engine.u8.set(operation, this.#buffer + RECORD_HEADER);
    engine.x.replayOnly(RECORD_HEADER + operation.length);
    while ((yield* this.#restorer.until(() => this.#step())) !== 0);
  }

  #step(): number {
    const status = this.#restorer.engine.x.replayStep();
    // Blocks that wait for a checkpoint are of no use here.
    if (status === CHECKPOINT) return NO_SPACE;
    if (status >= WAITS || status === NO_SPACE) return status;
    throw new Stopped(this.done, status);
  }
}
