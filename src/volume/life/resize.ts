/**
 * A view gets another size, between two writes. Its snapshots keep theirs.
 *
 * - What it had past a smaller size goes before it is smaller, as by a trim: after a crash it has
 *   the old size, and zeros there, or the new one.
 * - What it gets reads as zeros, whatever was there once; where the origin is attached, as the
 *   bytes of its device.
 * - An attached origin's device is as long before the store says so, and is cut off only after: it
 *   is never shorter than the store says.
 */
import type { Device } from "../../devices/device.ts";
import { RUN_UNMAPPED } from "../../engine/status.ts";
import { MultisnapError } from "../../errors.ts";
import { endIfAborted, settle, type Task } from "../../task.ts";
import { type Core, ORIGIN } from "../core.ts";
import { mustBeSize } from "../open/options.ts";
import type { OriginWriter } from "../requests/copyout.ts";
import { Writer } from "../requests/write.ts";
import type { ProgressOptions } from "../types.ts";

/** Chunks that one lookup is for: runs have counts of 32 bits. */
const LOOKUP_CHUNKS = 2 ** 31;
/** Bytes of an attached origin that are copied out at a time. */
const CUT_BYTES = 2 ** 20;

export interface ResizeHands {
  originWriter: OriginWriter;
  /** Makes everything durable. */
  flush(): Task<void>;
}

/** Errors: `Invalid`, `Unsupported`. */
export function checkResize(core: Core, size: number, from: number, shrink: boolean): void {
  const { store } = core;
  if (store.capabilities.fixed) {
    const message = `a store of kind ${store.kind} keeps the size of its origin`;
    throw new MultisnapError("Unsupported", message);
  }
  mustBeSize(size);
  if (size >= from || shrink) return;
  const lost = `the last ${from - size} of the origin's ${from} bytes would go`;
  throw new MultisnapError("Invalid", `${lost}: give shrink, where it may`);
}

export class Resize {
  readonly #core: Core;
  readonly #hands: ResizeHands;
  readonly #writer: Writer;
  readonly #options: ProgressOptions;

  constructor(core: Core, hands: ResizeHands, options: ProgressOptions) {
    this.#core = core;
    this.#hands = hands;
    this.#writer = new Writer(core);
    this.#options = options;
  }

  /** Between two writes. Durable when it ends. */
  *run(id: number, from: number, size: number): Task<void> {
    const origin = id === ORIGIN ? this.#core.origin : null;
    // Durable all the same is what was written before.
    if (size === from) return yield* this.#hands.flush();
    if (origin) yield* size > from ? this.#stretch(origin, size) : this.#cutOut(from, size);
    else yield* this.#clear(id, Math.min(from, size), Math.max(from, size), size > from);
    const { store } = this.#core;
    yield* this.#core.change(() => store.resize(id, size));
    this.#core.changes++;
    this.#core.remade++;
    this.#core.traffic.watchers?.wrote(id, 0, size);
    yield* this.#hands.flush();
    if (!origin || size > from) return;
    // Who opens the store looks at its superblock before anything else.
    yield* store.checkpoint(false);
    yield* this.#truncate(origin, size);
  }

  /** The bytes from `from` to `to` read as zeros; with `tail` those in the first chunk, too. */
  *#clear(id: number, from: number, to: number, tail: boolean): Task<void> {
    const { chunk, base, origin } = this.#core;
    const below = base ?? origin;
    const first = Math.ceil(from / chunk);
    const within = first * chunk - from;
    if (tail && within > 0) yield* this.#writer.write(id, from, new Uint8Array(within));
    const end = Math.ceil(to / chunk);
    const under = tail && below ? Math.min(end, Math.ceil(below.size() / chunk)) : 0;
    yield* this.#punch(id, first, end, under);
  }

  /** Chunks that have entries, and those below `under`, where something else would be seen. */
  *#punch(id: number, first: number, end: number, under: number): Task<void> {
    const { store } = this.#core;
    for (let at = first; at < end; ) {
      yield* store.gate(null);
      const runs = store.lookup(id, at, Math.min(end - at, LOOKUP_CHUNKS), false);
      if (runs < 0) {
        yield* store.serve(runs, null);
        continue;
      }
      const found = Array.from({ length: runs }, (_, i) => {
        return { kind: store.runKind(i), count: store.runCount(i) };
      });
      for (const { kind, count } of found) {
        const seen = kind === RUN_UNMAPPED ? Math.min(count, Math.max(0, under - at)) : count;
        if (seen > 0) yield* this.#writer.punch(id, at, seen);
        at += count;
        this.#step(at - first, end - first);
      }
    }
  }

  #step(done: number, total: number): void {
    endIfAborted(this.#options.signal);
    this.#options.progress?.(done, total);
  }

  // ---- an attached origin

  *#stretch(origin: Device, size: number): Task<void> {
    if (origin.size() >= size) return;
    yield* settle(origin.resize(size));
    yield* this.#flushOrigin();
  }

  /** What snapshots see of the bytes that go is copied out, as before any write. */
  *#cutOut(from: number, size: number): Task<void> {
    const zeros = new Uint8Array(Math.min(CUT_BYTES, from - size));
    for (let at = size; at < from; ) {
      const length = Math.min(zeros.length, from - at);
      yield* this.#hands.originWriter.write(at, zeros.subarray(0, length), false);
      at += length;
      this.#step(at - size, from - size);
    }
    yield* this.#flushOrigin();
  }

  /** A disk of given size stays as long as it is. */
  *#truncate(origin: Device, size: number): Task<void> {
    try {
      yield* settle(origin.resize(size));
    } catch (error) {
      if (error instanceof MultisnapError && error.code === "Unsupported") return;
      throw error;
    }
    yield* this.#flushOrigin();
  }

  /** What was done to its device is durable, and all else: a failure is remembered. */
  *#flushOrigin(): Task<void> {
    this.#core.traffic.originDirty = true;
    yield* this.#hands.flush();
  }
}
