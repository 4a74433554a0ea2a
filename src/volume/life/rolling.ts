/**
 * An attached origin that is being rolled back while it is in use. It is its target from the first
 * moment on; the bytes of its device follow in the background.
 *
 * A hidden view, a snapshot of the origin that is taken when it begins, tells how far it is. A
 * chunk is *missing* while the target has an entry for it and the hidden view has none: then the
 * origin is read from the target. (Where the target has no entry, the device has what it needs.)
 * Chunks that were brought in are holes in the hidden view; and those that the target is written.
 *
 * Order, for some chunks at a time:
 * 1. the hidden view's marks name them: they stay missing, whatever it has;
 * 2. they become holes in it;
 * 3. what other snapshots need of them is copied out; durable, and 1 and 2 with it (I5);
 * 4. the target's bytes are written to the device, where they differ, and flushed;
 * 5. the marks name them no more.
 * A crash leaves them missing until 5 is durable; and what is written to them after 5 is not
 * promised before a commit that has 5. To the target's it is written when that is durable.
 *
 * Invariants: nobody writes to a missing chunk, neither of the origin nor of the target: who wants
 * to brings it in before. What is not missing any more never is again. One brings in at a time.
 */
import { RUN_UNMAPPED } from "../../engine/status.ts";
import { MultisnapError } from "../../errors.ts";
import type { ViewRecord } from "../../stores/store.ts";
import { endIfAborted, Lock, Signal, settle, type Task, turn } from "../../task.ts";
import { differing, grouped } from "../compare/compare.ts";
import { type Core, ORIGIN } from "../core.ts";
import type { OriginWriter } from "../requests/copyout.ts";
import { Reader } from "../requests/read.ts";
import { pairs, type Run, runsOf } from "../requests/runs.ts";
import { Writer } from "../requests/write.ts";
import type { ProgressOptions } from "../types.ts";
import { mapRun } from "./clone.ts";
import { parseMarks } from "./marks.ts";

/** Bytes that are brought in at a time, at least a chunk; and runs of chunks, which marks name. */
const PIECE_BYTES = 2 ** 20;
const RUNS_MAX = 16;

export interface RollingHands {
  originWriter: OriginWriter;
  /** Makes what was written to the origin's device durable. */
  flushOrigin(): Task<void>;
  flush(): Task<void>;
  /** Work of a request that changes the origin; between two writes. */
  writing(work: () => Task<void>): Promise<void>;
  between(work: () => Task<void>): Promise<void>;
}

interface Stretch {
  first: number;
  count: number;
  isMissing: boolean;
}

type Range = Omit<Stretch, "isMissing">;

export class Rolling {
  /** What the origin is rolled back to. */
  readonly to: number;
  readonly #core: Core;
  readonly #hands: RollingHands;
  /** The hidden view. */
  readonly #by: number;
  readonly #reader: Reader;
  readonly #writer: Writer;
  readonly #lock = new Lock();
  /** Chunks that are being brought in, or were when that failed. */
  #busy: Range[];
  /** Reads of the target for the origin that are in flight. */
  readonly #reads = new Set<Range>();
  #looks = 0;
  /** The core's count of changes when the marks changed last. */
  #marked = 0;
  /** Nothing is missing any more. */
  #isOver = false;
  /** Chunks up to here are not missing. */
  #at = 0;
  readonly #last: number;
  /** Brought in at a time. */
  readonly #runsMost: number;
  #running: Promise<void> | null = null;
  #isStopped = false;
  #failure: unknown = null;
  readonly #moved = new Signal();

  /** `by`: as `handOver` of copy-back.ts made it, and as it was left. */
  constructor(core: Core, by: ViewRecord, hands: RollingHands) {
    const { rollback } = parseMarks(by.marks);
    this.#core = core;
    this.#hands = hands;
    this.#by = by.id;
    this.to = rollback!;
    this.#busy = busyOf(by.marks);
    this.#runsMost = Math.min(RUNS_MAX, 2 * core.copySlots);
    this.#reader = new Reader(core);
    this.#writer = new Writer(core);
    this.#last = Math.ceil(core.store.view(ORIGIN)!.size / core.chunk);
  }

  /** Whether a view must stay until it has ended. */
  needs(id: number): boolean {
    return id === this.to || id === this.#by;
  }

  /** Chunks of the origin. */
  get progress(): { done: number; total: number } {
    return { done: this.#at, total: this.#last };
  }

  // ---- for requests

  /** Fills `target` from `offset` of the origin. */
  *read(offset: number, target: Uint8Array): Task<void> {
    const { chunk, origin } = this.#core;
    const end = Math.ceil((offset + target.length) / chunk);
    for (let done = 0; done < target.length; ) {
      const at = offset + done;
      const [here] = yield* this.#look(Math.floor(at / chunk), end);
      const { first, count, isMissing } = here!;
      const length = Math.min(target.length - done, (first + count) * chunk - at);
      if (isMissing) yield* this.#readTarget(here!, at, target.subarray(done, done + length));
      else yield* settle(origin!.read(target, done, length, at));
      done += length;
    }
  }

  /** Who writes to the target waits for it. */
  *#readTarget(range: Range, offset: number, target: Uint8Array): Task<void> {
    this.#reads.add(range);
    try {
      yield* this.#reader.read(this.to, offset, target);
    } finally {
      this.#reads.delete(range);
      this.#core.traffic.wake();
    }
  }

  /** Bytes of a view may be written when it ends, if they are in the same moment. */
  *ready(id: number, offset: number, length: number): Task<void> {
    if (id !== ORIGIN && id !== this.to) return;
    const { chunk, traffic } = this.#core;
    const first = Math.floor(offset / chunk);
    const end = Math.min(this.#last, Math.ceil((offset + length) / chunk));
    for (let at = first; at < end; ) at = yield* this.#advance(at, end);
    if (id === ORIGIN) return;
    yield* this.#keepPresent(first, end);
    // What is written in place is there at once: nobody may look for the old bytes there.
    if (this.#core.settled < this.#marked) yield* this.#hands.flush();
    const isRead = () =>
      [...this.#reads].some((read) => read.first < end && first < read.first + read.count);
    while (isRead()) yield traffic.moved();
  }

  /** An entry that the target gets for itself would make a chunk missing that is not. */
  *#keepPresent(first: number, end: number): Task<void> {
    for (let at = first; at < end; ) {
      for (const { kind, count } of yield* runsOf(this.#core, this.#by, at, end)) {
        if (kind === RUN_UNMAPPED) yield* this.#writer.punch(this.#by, at, count);
        at += count;
      }
    }
  }

  /** Where the origin's chunks lie; as `runsOf`. */
  *runs(at: number, end: number): Task<Run[]> {
    const [here] = yield* this.#look(at, end);
    const { first, count, isMissing } = here!;
    if (isMissing) return yield* runsOf(this.#core, this.to, first, first + count);
    return [{ kind: RUN_UNMAPPED, count, place: 0 }];
  }

  /** A new snapshot of the origin gets what is missing from the target. Between two writes. */
  *giveTo(view: number): Task<void> {
    for (let at = this.#at; at < this.#last; ) {
      for (const { first, count, isMissing } of yield* this.#look(at, this.#last)) {
        at = first + count;
        if (isMissing) yield* mapRun(this.#core, view, this.to, first, at);
      }
    }
  }

  /** The next chunks side by side, neighbours joined; none past `end`, at least one stretch. */
  *#look(at: number, end: number): Task<Stretch[]> {
    if (this.#isOver) return [{ first: at, count: end - at, isMissing: false }];
    this.#looks++;
    try {
      return yield* this.#lookUp(at, end);
    } finally {
      this.#looks--;
      this.#core.traffic.wake();
    }
  }

  *#lookUp(at: number, end: number): Task<Stretch[]> {
    const theirs = yield* runsOf(this.#core, this.to, at, end);
    // Last, and nothing waits after it: what is missing now was missing all the time.
    const own = yield* runsOf(this.#core, this.#by, at, end);
    const found: Stretch[] = [];
    for (const { count, a, b } of pairs(theirs, own)) {
      const isMissing = a.kind !== RUN_UNMAPPED && b.kind === RUN_UNMAPPED;
      for (const stretch of this.#withBusy(at, at + count, isMissing)) append(found, stretch);
      at += count;
    }
    return found;
  }

  *#withBusy(at: number, end: number, isMissing: boolean): Generator<Stretch> {
    for (const { first, count } of isMissing ? [] : this.#busy) {
      const [from, to] = [Math.max(at, first), Math.min(end, first + count)];
      if (from >= to) continue;
      if (from > at) yield { first: at, count: from - at, isMissing };
      yield { first: from, count: to - from, isMissing: true };
      at = to;
    }
    if (at < end) yield { first: at, count: end - at, isMissing };
  }

  // ---- bringing in

  /** Brings some chunks in; up to which none is missing now. */
  *#advance(at: number, end: number): Task<number> {
    const { missing, next } = yield* this.#gather(at, end);
    if (missing.length === 0) return next;
    yield* this.#lock.acquire();
    try {
      if (this.#busy.length > 0) yield* this.#fill();
      const now = yield* this.#gather(at, end);
      this.#busy = now.missing;
      if (now.missing.length > 0) yield* this.#fill();
      return now.next;
    } finally {
      this.#lock.release();
    }
  }

  /** In the order of their chunks. */
  *#gather(at: number, end: number): Task<{ missing: Range[]; next: number }> {
    const missing: Range[] = [];
    let room = Math.max(1, PIECE_BYTES / this.#core.chunk);
    let next = at;
    for (const stretch of yield* this.#look(at, end)) {
      const { first, isMissing } = stretch;
      const count = isMissing ? Math.min(stretch.count, room) : stretch.count;
      next = first + count;
      if (!isMissing) continue;
      missing.push({ first, count });
      room -= count;
      if (room === 0 || missing.length === this.#runsMost) break;
    }
    return { missing, next };
  }

  *#fill(): Task<void> {
    const { originWriter, flushOrigin } = this.#hands;
    const { chunk, origin, store, traffic } = this.#core;
    const { size } = store.view(ORIGIN)!;
    yield* this.#mark(this.#busy);
    for (const { first, count } of this.#busy) yield* this.#writer.punch(this.#by, first, count);
    for (const { first, count } of this.#busy) {
      const offset = first * chunk;
      const bytes = new Uint8Array(Math.min(size, offset + count * chunk) - offset);
      const old = new Uint8Array(bytes.length);
      yield* this.#reader.read(this.to, offset, bytes);
      yield* settle(origin!.read(old, 0, old.length, offset));
      for (const { value, from, to } of grouped(differing(bytes, old, chunk))) {
        const part = bytes.subarray(from * chunk, to * chunk);
        if (value) yield* originWriter.write(offset + from * chunk, part, false);
      }
    }
    // What is equal may be so in a cache alone: of a process that ended.
    traffic.originDirty = true;
    yield* flushOrigin();
    yield* this.#mark([]);
    this.#busy = [];
    traffic.wake();
  }

  *#mark(busy: readonly Range[]): Task<void> {
    const { store } = this.#core;
    const marks = rollingMarks(this.to, busy);
    yield* this.#core.change(() => store.setMarks(this.#by, marks));
    this.#marked = ++this.#core.changes;
  }

  // ---- in the background

  /** What it meets, `finished` throws. */
  start(): void {
    if (this.#running || this.#isStopped) return;
    this.#failure = null;
    this.#running = this.#loop()
      .catch((error) => {
        this.#failure = error;
      })
      .finally(() => {
        this.#running = null;
        this.#moved.wake();
      });
  }

  async #loop(): Promise<void> {
    await turn();
    while (!this.#isStopped && this.#at < this.#last) {
      await this.#hands.writing(() => this.#step());
      this.#moved.wake();
      await turn();
    }
    if (!this.#isStopped) await this.#hands.between(() => this.#end());
  }

  *#step(): Task<void> {
    this.#at = yield* this.#advance(this.#at, this.#last);
  }

  /** The hidden view goes: from then on the origin is what its device has. */
  *#end(): Task<void> {
    const core = this.#core;
    this.#isOver = true;
    // Who has looked before needs both views until he is done.
    while (this.#looks + this.#reads.size > 0) yield core.traffic.moved();
    yield* this.#hands.flush();
    yield* core.change(() => core.store.deleteSnapshot(this.#by));
    core.changes++;
    core.missing = null;
    yield* this.#hands.flush();
  }

  /** Ends when nothing is missing any more; an abort ends the wait alone. */
  async finished({ signal, progress }: ProgressOptions): Promise<void> {
    this.start();
    while (this.#core.missing === this) {
      endIfAborted(signal);
      progress?.(this.#at, this.#last);
      if (!this.#running && this.#failure) throw this.#failure;
      if (this.#isStopped) {
        const message = "the volume was closed: the rollback goes on when it is opened again";
        throw new MultisnapError("Closed", message);
      }
      await this.#moved.wait();
    }
    progress?.(this.#last, this.#last);
  }

  /** What is missing then goes on when the store is opened again. */
  *stop(): Task<void> {
    this.#isStopped = true;
    if (this.#running) yield this.#running;
    this.#moved.wake();
  }
}

function append(found: Stretch[], { first, count, isMissing }: Stretch): void {
  const before = found.at(-1);
  if (before && before.isMissing === isMissing) before.count += count;
  else found.push({ first, count, isMissing });
}

export function rollingMarks(to: number, busy: readonly Range[]): string {
  const numbers = busy.flatMap(({ first, count }) => [first, count]);
  return JSON.stringify({ rollback: to, ...(numbers.length > 0 && { busy: numbers }) });
}

/** Another program may have written it: what is no list of runs in order names none. */
function busyOf(marks: string): Range[] {
  const { busy } = JSON.parse(marks) as { busy?: unknown };
  if (!Array.isArray(busy)) return [];
  const found: Range[] = [];
  let least = 0;
  for (let i = 0; i + 1 < busy.length && found.length < RUNS_MAX; i += 2) {
    const [first, count] = [busy[i], busy[i + 1]];
    const isRun = Number.isSafeInteger(first) && Number.isSafeInteger(count);
    if (!isRun || first < least || count < 1) return [];
    found.push({ first, count });
    least = first + count;
  }
  return found;
}
