/**
 * Commit and checkpoint of the stores that keep their metadata in the engine's tree (design 5).
 *
 * Order of a commit: data is written before the operation that names it is appended; flush; the
 * record; flush. Order of a checkpoint: pages and streams; flush; superblock; flush. After a failed
 * write or flush of metadata nothing is changed any more (no second try of a failed flush).
 *
 * Invariants: I4, I6; one commit or checkpoint at a time; a commit serves all who asked before it
 * began.
 */
import type { Engine } from "../../engine/engine.ts";
import { CHECKPOINT, COMMIT, FAULT, NO_SPACE } from "../../engine/status.ts";
import { isFull, MultisnapError } from "../../errors.ts";
import { Lock, Signal, settle, type Task } from "../../task.ts";
import { refusal } from "../failure.ts";
import type { Visit } from "../store.ts";
import { Visits } from "../visits.ts";
import { Superblock } from "./layout.ts";
import { Release } from "./release.ts";
import { shorten } from "./shorten.ts";
import { trapError } from "./trap.ts";

/** Kinds of work that others wait for; each does what the ones before it do. */
const COMMITS = 0;
const CHECKPOINTS = 1;
const TRIMS = 2;

export class Log {
  readonly visits = new Visits();
  commits = 0;
  checkpoints = 0;
  flushes = 0;
  failure: Error | null = null;
  readonly #engine: Engine;
  readonly #super: Superblock;
  readonly #lock = new Lock();
  #started = 0;
  /** The last that has ended of each kind and those above it, by its number. */
  readonly #finished = [0, 0, 0];
  #paused: Signal | null = null;
  readonly #release: Release;
  /** Data was written that no flush has reached. */
  dirty = false;
  /** A read error that came before anything was changed: the next try begins anew. */
  #harmless: unknown = null;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#super = new Superblock(engine, engine.at.super);
    this.#release = new Release(engine, this);
    engine.onFailedWrite = (error) => this.fail(error);
  }

  get paused(): boolean {
    return this.#paused !== null;
  }

  /** Waits, outside the visit, while a checkpoint is written. */
  *gate(visit: Visit | null): Task<void> {
    if (!this.#paused) return;
    if (visit) this.visits.leave(visit);
    try {
      while (this.#paused) yield this.#paused.wait();
    } finally {
      if (visit) this.visits.again(visit);
    }
  }

  /** All changes and data so far are durable when it ends. */
  commit(visit: Visit | null): Task<void> {
    return this.#alone(visit, COMMITS, () => this.#commitNow());
  }

  /** As `commit`, with the tree itself written, and the journal empty afterwards. */
  checkpoint(visit: Visit | null, trim: boolean): Task<void> {
    const kind = trim ? TRIMS : CHECKPOINTS;
    return this.#alone(visit, kind, () => this.#checkpointNow(trim));
  }

  /** Work during which nothing is committed and no place is freed: the metadata stays as it is. */
  *still<T>(work: Task<T>): Task<T> {
    yield* this.#lock.acquire();
    try {
      yield* this.#release.finished();
      return yield* work;
    } finally {
      this.#lock.release();
    }
  }

  /** Waits until the places that the last commit freed can be used. */
  *released(visit: Visit | null): Task<void> {
    if (visit) this.visits.leave(visit);
    try {
      yield* this.#release.finished();
    } finally {
      if (visit) this.visits.again(visit);
    }
  }

  /**
   * Runs `work` under the lock, unless one that does as much and began after this call has ended
   * meanwhile.
   */
  *#alone(visit: Visit | null, kind: number, work: () => Task<void>): Task<void> {
    const wanted = this.#started + 1;
    if (visit) this.visits.leave(visit);
    try {
      yield* this.#lock.acquire();
      try {
        if (this.#finished[kind]! >= wanted) return;
        this.assertSound();
        const started = ++this.#started;
        yield* work();
        this.#finished.fill(started, 0, kind + 1);
      } catch (error) {
        if (error !== this.#harmless) this.fail(error);
        throw trapError(this.#engine, error);
      } finally {
        this.#lock.release();
      }
    } finally {
      if (visit) this.visits.again(visit);
    }
  }

  /** Nothing is changed any more. The first reason stands. */
  fail(error: unknown): void {
    this.failure ??= trapError(this.#engine, error);
  }

  assertSound(): void {
    if (this.failure) throw refusal(this.failure);
  }

  *#commitNow(): Task<void> {
    yield* this.#release.finished();
    const engine = this.#engine;
    const sealed = engine.x.journalSeal();
    if (sealed === CHECKPOINT) {
      yield* this.#checkpointNow(false);
      return;
    }
    if (sealed === 0) {
      if (this.dirty) yield* this.#flush();
      if (engine.u64At(engine.constant("HELD_CHUNKS")) > 0) this.#release.begin();
      return;
    }
    const { ioAddress, ioLength, ioOffset } = engine;
    yield* this.#flush();
    try {
      yield* settle(engine.device.write(engine.u8, ioAddress, ioLength, ioOffset));
    } catch (error) {
      // Blocks of metadata have been written before: the device has room for a checkpoint.
      if (!isFull(error)) throw error;
      yield* this.#checkpointNow(false);
      return;
    }
    yield* this.#flush();
    engine.x.journalDurable();
    this.commits++;
    this.#release.begin();
  }

  *#flush(): Task<void> {
    this.dirty = false;
    this.flushes++;
    yield* settle(this.#engine.device.flush());
  }

  *#checkpointNow(trim: boolean): Task<void> {
    yield* this.#release.finished();
    const engine = this.#engine;
    this.#paused = new Signal();
    try {
      yield* this.visits.drained();
      if (engine.busy) yield engine.idle();
      this.assertSound();
      engine.x.checkpointBegin(trim);
      yield* this.#writeAll();
      yield* this.#flush();
      engine.x.checkpointSeal();
      yield* settle(
        engine.device.write(engine.u8, engine.ioAddress, engine.ioLength, engine.ioOffset),
      );
      yield* this.#flush();
      let status: number;
      while ((status = engine.x.checkpointFinish()) < 0) yield* settle(engine.serve(status));
      this.checkpoints++;
      yield* shorten(engine, this.#super, trim);
    } finally {
      const paused = this.#paused;
      this.#paused = null;
      paused.wake();
    }
  }

  *#writeAll(): Task<void> {
    const engine = this.#engine;
    for (;;) {
      const status = engine.x.checkpointStep();
      if (status === 0) return;
      if (status < 0) yield* this.#serve(status);
      else {
        yield* settle(
          engine.device.write(engine.u8, engine.ioAddress, engine.ioLength, engine.ioOffset),
        );
      }
    }
  }

  /** A page that cannot be read while nothing has been changed yet harms nothing. */
  *#serve(status: number): Task<void> {
    const engine = this.#engine;
    const isEarly = engine.state("CHECKPOINT_PHASE") === 0;
    try {
      yield* settle(serveInside(engine, status));
    } catch (error) {
      if (status === FAULT && isEarly) this.#harmless = error;
      throw error;
    }
  }
}

/**
 * A checkpoint that finds no room has nobody to turn to: the reserve (I9) is there so that this
 * does not happen.
 */
function serveInside(engine: Engine, status: number): undefined | Promise<void> {
  if (status === NO_SPACE || status === COMMIT || status === CHECKPOINT) {
    throw new MultisnapError("NoSpace", "no metadata block is left for a checkpoint");
  }
  return engine.serve(status);
}
