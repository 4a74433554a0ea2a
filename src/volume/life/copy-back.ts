/**
 * A rollback where the store cannot let two views exchange their identity: the view gets what
 * differs, chunk by chunk, while no write is in flight. In a bitmap store chunks are shared; to an
 * attached origin they are copied, after what other snapshots need of it.
 *
 * The view's marks say what it is rolled back to, durably, from before the first change to after
 * the last. So what a crash interrupts is gone on with when the store is opened, before anybody
 * uses it; and the view is all of what it was, or all of what it was rolled back to.
 */
import { MultisnapError } from "../../errors.ts";
import { isOfRollback, ROLLBACK_NAME } from "../../stores/hidden.ts";
import type { ViewRecord } from "../../stores/store.ts";
import { settle, type Task } from "../../task.ts";
import { differing, grouped } from "../compare/compare.ts";
import { type Core, ORIGIN } from "../core.ts";
import type { OriginWriter } from "../requests/copyout.ts";
import { Reader } from "../requests/read.ts";
import { Writer } from "../requests/write.ts";
import type { ProgressOptions } from "../types.ts";
import { share } from "./clone.ts";
import { formatMarks } from "./marking.ts";
import { parseMarks } from "./marks.ts";
import { Resize } from "./resize.ts";
import { rollingMarks } from "./rolling.ts";

/** Bytes of a piece that is copied, at least a chunk. */
const COPY_BYTES = 2 ** 20;

export interface CopyBackHands {
  originWriter: OriginWriter;
  /** Makes everything durable. */
  flush(): Task<void>;
  /** A snapshot of the view. */
  snapshot(of: number, name: string): Task<unknown>;
  /** Where the rest can be done while the view is in use: it is the hidden view's from now on. */
  begun: ((by: ViewRecord) => void) | null;
}

export class CopyBack {
  readonly #core: Core;
  readonly #hands: CopyBackHands;
  readonly #reader: Reader;
  readonly #writer: Writer;
  readonly #options: ProgressOptions;

  constructor(core: Core, hands: CopyBackHands, options: ProgressOptions) {
    this.#core = core;
    this.#hands = hands;
    this.#reader = new Reader(core);
    this.#writer = new Writer(core);
    this.#options = options;
  }

  /** Between two writes; it can be called again after an error. Durable when it ends. */
  *run(id: number, to: number, keepAs: string | null): Task<void> {
    const { store } = this.#core;
    const { begun, flush, originWriter } = this.#hands;
    const canHandOver = begun !== null && this.#hasRoom(keepAs);
    const { size } = store.view(to)!;
    if (parseMarks(store.view(id)!.marks).rollback !== to) {
      yield* this.#prepare(id);
      if (canHandOver && store.view(id)!.size === size) {
        return begun(yield* this.#handOver(id, to, keepAs));
      }
      if (keepAs !== null) yield* this.#hands.snapshot(id, keepAs);
      yield* this.#mark(id, to);
    }
    this.#core.rolling = store.view(to);
    const resize = new Resize(this.#core, { flush, originWriter }, {});
    yield* resize.run(id, store.view(id)!.size, size);
    if (canHandOver) {
      begun(yield* this.#handOver(id, to, null));
      this.#core.rolling = null;
      return;
    }
    yield* this.#copy(id, to, size);
    yield* flush();
    yield* this.#mark(id, null);
    this.#core.rolling = null;
  }

  /**
   * The snapshot of what the view was and the mark are one record: the one before has ended, and
   * the store says already that it has marks.
   */
  *#prepare(id: number): Task<void> {
    const { store } = this.#core;
    for (const { id: left, name } of store.hiddenViews()) {
      if (isOfRollback(name) && !this.#core.missing)
        yield* this.#core.change(() => store.deleteSnapshot(left));
    }
    yield* this.#core.change(() => store.setMarks(id, store.view(id)!.marks));
    yield* this.#hands.flush();
  }

  /** A view more is needed to do the rest while it is in use. */
  #hasRoom(keepAs: string | null): boolean {
    const { store } = this.#core;
    return store.usage().snapshots + (keepAs === null ? 0 : 1) < store.capabilities.snapshots;
  }

  /** One record: from then on the hidden view tells how far it is. */
  *#handOver(id: number, to: number, keepAs: string | null): Task<ViewRecord> {
    const { store } = this.#core;
    const { snapshot, flush } = this.#hands;
    const made: number[] = [];
    try {
      for (const name of keepAs === null ? [ROLLBACK_NAME] : [keepAs, ROLLBACK_NAME]) {
        yield* snapshot(id, name);
        made.push(store.named(name)!.id);
      }
      const by = made.at(-1)!;
      yield* this.#core.change(() => store.setMarks(by, rollingMarks(to, [])));
      const { rollback, ...marks } = parseMarks(store.view(id)!.marks);
      const unmarked = formatMarks({ ...marks, rollback: null });
      if (rollback !== null) yield* this.#core.change(() => store.setMarks(id, unmarked));
      this.#core.traffic.watchers?.wrote(id, 0, store.view(id)!.size);
      yield* flush();
      return store.view(by)!;
    } catch (error) {
      const isSound = error instanceof MultisnapError && !store.failure;
      for (const one of isSound ? made : [])
        yield* this.#core.change(() => store.deleteSnapshot(one));
      throw error;
    }
  }

  *#mark(id: number, rollback: number | null): Task<void> {
    const { store } = this.#core;
    const marks = formatMarks({ ...parseMarks(store.view(id)!.marks), rollback });
    yield* this.#core.change(() => store.setMarks(id, marks));
    // It is told of when it is over.
    if (rollback === null) this.#core.traffic.watchers?.wrote(id, 0, store.view(id)!.size);
    yield* this.#hands.flush();
  }

  *#copy(id: number, to: number, size: number): Task<void> {
    const { chunk } = this.#core;
    const last = Math.ceil(size / chunk);
    for (let at = 0; at < last; ) {
      const { next, copy } = yield* share(this.#core, id, to, at, last);
      yield* this.#copyBytes(id, to, next * chunk, Math.min(size, (next + copy) * chunk));
      at = next + copy;
      this.#options.progress?.(at, last);
    }
    this.#core.changes++;
  }

  /** Writes the chunks that differ. */
  *#copyBytes(id: number, to: number, from: number, end: number): Task<void> {
    const { chunk } = this.#core;
    const most = Math.max(COPY_BYTES, chunk);
    for (let at = from; at < end; at += most) {
      const bytes = new Uint8Array(Math.min(most, end - at));
      const old = new Uint8Array(bytes.length);
      yield* this.#reader.read(to, at, bytes);
      yield* this.#read(id, at, old);
      for (const { value, from, to } of grouped(differing(bytes, old, chunk))) {
        const part = bytes.subarray(from * chunk, to * chunk);
        if (value) yield* this.#write(id, at + from * chunk, part);
      }
    }
  }

  *#read(id: number, at: number, target: Uint8Array): Task<void> {
    const { origin } = this.#core;
    if (id !== ORIGIN || !origin) return yield* this.#reader.read(id, at, target);
    yield* settle(origin.read(target, 0, target.length, at));
  }

  *#write(id: number, at: number, bytes: Uint8Array): Task<void> {
    if (id !== ORIGIN || !this.#core.origin) return yield* this.#writer.write(id, at, bytes);
    yield* this.#hands.originWriter.write(at, bytes, false);
  }
}
