/** Replay of journal records on a store that is built anew, as far as they apply to it. */
import { CHECKPOINT, NO_SPACE } from "../../../engine/status.ts";
import { MultisnapError } from "../../../errors.ts";
import type { Task } from "../../../task.ts";
import {
  eachOperation,
  isNamed,
  OP_AGAIN,
  OP_MAP,
  OP_RECLAIM_END,
  OP_ROLLBACK,
  OP_SET,
  OP_SLAB,
  type Operation,
} from "../check/operations.ts";
import type { Restorer } from "../restore/restorer.ts";
import { HOLE, LOST_PLACE } from "../walk.ts";

const WAITS = -5;
const ORIGIN = 1;
const SET_SIZE = 1;
const RECORD_HEADER = 64;

/** A record does not apply: the engine is spoilt, and only so many records can be replayed. */
export class Stopped extends Error {
  readonly records: number;

  constructor(records: number, cause: unknown) {
    super(`record ${records} of the journal does not apply`, { cause });
    this.records = records;
  }
}

export interface ReplayOptions {
  /** Only what changes the origin. */
  originOnly: boolean;
  /** Whether a place does not have the data of the state after the last record. */
  isGone: (place: number) => boolean;
}

export class Replay {
  done = 0;
  readonly #restorer: Restorer;
  readonly #options: ReplayOptions;
  readonly #buffer: number;

  constructor(restorer: Restorer, options: ReplayOptions) {
    this.#restorer = restorer;
    this.#options = options;
    const { engine } = restorer;
    this.#buffer = engine.state("JOURNAL_BUFFERS");
  }

  /** The next record: header and operations. */
  *take(record: Uint8Array): Task<void> {
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
      const { kind, view } = operation;
      // Old metadata is not kept, so what lies in a slab is free.
      if (kind === OP_SLAB) continue;
      // The walk was over another tree: deleted views that this one still names are not let go.
      if (kind === OP_RECLAIM_END) {
        this.#restorer.engine.x.replayDone();
        continue;
      }
      if (this.#options.originOnly) {
        // What another view has is not known any more.
        if (kind === OP_ROLLBACK && view === ORIGIN) throw new Stopped(this.done, "a rollback");
        if (!isOfOrigin(operation)) continue;
      }
      if (isNamed(operation)) yield* this.#map(operation, bytes);
      else yield* this.#run(bytes);
    }
  }

  /** What is gone is lost to those who see it. */
  *#map({ chunk, place, flags, count }: Operation, bytes: Uint8Array): Task<void> {
    const { isGone } = this.#options;
    for (let done = 0; done < count; ) {
      const isLost = isGone(place + done);
      let end = done + 1;
      while (end < count && isGone(place + end) === isLost) end++;
      const part = { chunk: chunk + done, count: end - done };
      if (isLost) {
        const how = { flags: (flags & ~OP_AGAIN) | HOLE, place: LOST_PLACE };
        yield* this.#run(changed(bytes, { ...part, ...how }));
      } else if (flags & OP_AGAIN) {
        yield* this.#again({ ...part, flags, place: place + done }, bytes);
      } else {
        yield* this.#run(changed(bytes, { ...part, flags, place: place + done }));
      }
      done = end;
    }
  }

  /**
   * What names a place that others name already, column by column. Where those others are lost, it
   * names the place alone, and takes it.
   */
  *#again({ chunk, place, flags, count }: Part, bytes: Uint8Array): Task<void> {
    const { engine } = this.#restorer;
    for (let done = 0; done < count; ) {
      const [from, at] = [chunk + done, place + done];
      const run = yield* this.#restorer.until(() => engine.x.replayNamed(from, count - done, at));
      const isNamed = run % 2 === 1;
      const how = { flags: isNamed ? flags : flags & ~OP_AGAIN, count: run >>> 1 };
      yield* this.#run(changed(bytes, { chunk: from, place: at, ...how }));
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

type Part = Pick<Operation, "chunk" | "place" | "flags" | "count">;

/** An operation with other chunks, place and flags. */
function changed(operation: Uint8Array, { chunk, place, flags, count }: Part): Uint8Array {
  const own = operation.slice();
  const fields = new DataView(own.buffer);
  fields.setUint8(1, flags);
  fields.setUint16(2, count, true);
  fields.setBigUint64(8, BigInt(chunk), true);
  fields.setBigUint64(16, BigInt(place), true);
  return own;
}

/** The size counts; who marked it how is not worth the bytes behind the operation. */
function isOfOrigin({ kind, view, flags }: Operation): boolean {
  const isSize = kind === OP_SET && flags === SET_SIZE;
  return view === ORIGIN && (kind === OP_MAP || isSize);
}
