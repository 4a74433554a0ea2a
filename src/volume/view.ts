/**
 * A disk: the origin or a snapshot. Checks arguments, takes the short way where a request is one
 * chunk that lies where it may be read or written at once, and hands everything else to the tasks.
 */
import type { Device } from "../devices/device.ts";
import { RUN_LOST, RUN_PRIVATE, RUN_SHARED, RUN_UNMAPPED } from "../engine/status.ts";
import { isFull, MultisnapError } from "../errors.ts";
import type { ViewRecord } from "../stores/store.ts";
import { inFlight, runNow, runSync, type Task } from "../task.ts";
import { type Core, ORIGIN } from "./core.ts";
import { Described } from "./described.ts";
import { extentsOf, seldom } from "./part.ts";
import { checkBuffer, checkInside } from "./requests/bounds.ts";
import { Reader } from "./requests/read.ts";
import { type Doing, requestError } from "./requests/request-error.ts";
import { sumLeftNow } from "./requests/sum-left.ts";
import { readSummedNow } from "./requests/verified.ts";
import { finishMap, giveBack, Writer } from "./requests/write.ts";
import { type Zeroed, zero } from "./requests/zeros.ts";
import type { Extent, Hold, SnapshotOptions, View } from "./types.ts";
import type { DiskVolume } from "./volume.ts";

const DONE: Promise<void> = Promise.resolve();

export class DiskView extends Described implements View {
  readonly volume: DiskVolume;
  /** The attached origin, where this view is it: its bytes are not in the store. */
  readonly #plain: Device | null;
  readonly #reader: Reader;
  readonly #writer: Writer;
  readonly #chunk: number;

  constructor(volume: DiskVolume, record: ViewRecord, core: Core, isInMaking = false) {
    super(record, core, () => volume.readOnly, isInMaking);
    this.volume = volume;
    this.#reader = new Reader(core);
    this.#writer = new Writer(core);
    this.#plain = record.id === ORIGIN ? core.origin : null;
    this.#chunk = core.chunk;
    volume.given.note(record);
  }

  read(offset: number, target: Uint8Array): Promise<void> {
    try {
      return this.startRead(offset, target) ?? DONE;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  startRead(offset: number, target: Uint8Array): undefined | Promise<void> {
    if (this.#readAtOnce(offset, target)) return;
    return this.#start(this.#readTask(offset, target));
  }

  readSync(offset: number, target: Uint8Array): void {
    this.#assertSynchronous();
    if (!this.#readAtOnce(offset, target)) runSync(this.#readTask(offset, target), "readSync");
  }

  write(offset: number, source: Uint8Array): Promise<void> {
    try {
      return this.startWrite(offset, source) ?? DONE;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  startWrite(offset: number, source: Uint8Array): undefined | Promise<void> {
    if (this.#writeAtOnce(offset, source)) return;
    return this.#start(this.#writeTask(offset, source, true));
  }

  writeSync(offset: number, source: Uint8Array): void {
    this.#assertSynchronous();
    if (this.#writeAtOnce(offset, source)) return;
    if (!this.core.quiet) throw inFlight("writeSync");
    runSync(this.#writeTask(offset, source, false), "writeSync");
  }

  trim(offset: number, length: number): Promise<void> {
    return this.#zero(offset, length, false);
  }

  writeZeroes(offset: number, length: number): Promise<void> {
    return this.#zero(offset, length, true);
  }

  extents(offset: number, length: number): AsyncIterable<Extent> {
    this.#checkRange(offset, length);
    const guard = <T>(work: Task<T>) => this.volume.guard(work);
    const extents = extentsOf(this.core, this, { offset, length }, guard);
    return this.volume.holds.along(this.id, extents);
  }

  async cloneFrom(source: View, offset: number, length: number): Promise<void> {
    this.#checkWritable();
    const own = this.volume.own(source);
    const { cloneRange } = seldom.loaded ?? (await seldom.load());
    await cloneRange(this, own, offset, length);
    this.core.traffic.watchers?.wrote(this.id, offset, length);
  }

  hold(): Hold {
    this.core.assertOpen();
    // A snapshot that has been deleted has no name.
    void this.name;
    return this.volume.holds.take(this.id);
  }

  flush(): Promise<void> {
    return this.volume.flush();
  }

  snapshot(name: string, options: SnapshotOptions = {}): Promise<View> {
    return this.volume.snapshot(name, { ...options, of: this });
  }

  // ---- the short way

  #readAtOnce(offset: number, target: Uint8Array): boolean {
    this.#checkRead(offset, target);
    try {
      return this.#readNow(offset, target);
    } catch (error) {
      throw this.#named(error, "reading", offset, target.length);
    }
  }

  #writeAtOnce(offset: number, source: Uint8Array): boolean {
    this.#checkWrite(offset, source);
    try {
      return this.#writeNow(offset, source);
    } catch (error) {
      throw this.#named(error, "writing", offset, source.length);
    }
  }

  /** Reads within one chunk that lies in the store. False: take the long way. */
  #readNow(offset: number, target: Uint8Array): boolean {
    const core = this.core;
    const { length } = target;
    if (!core.quiet || this.#plain) return false;
    const chunk = Math.floor(offset / this.#chunk);
    const within = offset - chunk * this.#chunk;
    if (within + length > this.#chunk) return false;
    const { store } = core;
    if (store.lookup(this.id, chunk, 1, false) !== 1 || store.runKind(0) < RUN_SHARED) return false;
    const place = store.runPlace(0);
    const alike = store.sums ? store.sums.run(place, 1) : 0;
    if (alike < 0) return false;
    if ((alike & 1) === 0) store.device.read(target, 0, length, place * this.#chunk + within);
    else if (!readSummedNow(core, place, within, target)) return false;
    this.#countRead(length);
    return true;
  }

  /**
   * A write within one chunk: over what is this view's own, or to a new place. False: take the long
   * way.
   */
  #writeNow(offset: number, source: Uint8Array): boolean {
    const core = this.core;
    const { length } = source;
    if (!core.quiet || core.origin || length === 0) return false;
    if (this.volume.given.has(this.id)) return false;
    const chunk = Math.floor(offset / this.#chunk);
    const within = offset - chunk * this.#chunk;
    if (within + length > this.#chunk) return false;
    const { store } = core;
    if (store.lookup(this.id, chunk, 1, true) !== 1) return false;
    if (store.runKind(0) === RUN_PRIVATE) {
      store.device.write(source, 0, length, store.runPlace(0) * this.#chunk + within);
      store.touched();
    } else {
      const old = store.runKind(0) === RUN_SHARED ? store.runPlace(0) : -1;
      const kind = store.runKind(0);
      const isElsewhere = kind === RUN_LOST || (kind === RUN_UNMAPPED && core.base !== null);
      if (old >= 0 && store.sums && !sumLeftNow(core, old, length < this.#chunk)) return false;
      if ((isElsewhere && length < this.#chunk) || store.allocate(1) !== 1) return false;
      if (!this.#writePlace(chunk, within, source, store.allocated(), old)) return false;
    }
    this.#countWrite(offset, length);
    return true;
  }

  /**
   * One chunk to a new place; what `source` leaves of it is at the `old` one, or zeros (-1). False:
   * there is no room at that place, or for its entry.
   */
  #writePlace(
    chunk: number,
    within: number,
    source: Uint8Array,
    place: number,
    old: number,
  ): boolean {
    const { store } = this.core;
    try {
      if (source.length === this.#chunk) {
        store.device.write(source, 0, source.length, place * this.#chunk);
      } else {
        const slot = this.#patched(within, source, old);
        store.device.write(store.memory, slot, this.#chunk, place * this.#chunk);
      }
      store.touched();
    } catch (error) {
      runSync(giveBack(store, place, 1, null), "writeSync");
      if (isFull(error) && store.refused(place)) return false;
      throw error;
    }
    if (store.map(this.id, chunk, 1, place, false) === 1) return true;
    try {
      const guard = (work: Task<void>) => this.volume.guard(work);
      runSync(finishMap(this.core, guard, this.id, chunk, place), "writeSync");
      return true;
    } catch (error) {
      if (isFull(error)) return false;
      throw error;
    }
  }

  /**
   * The chunk at `old` with `source` over it, in engine memory: where. No request is in flight, so
   * the first copy slot is free.
   */
  #patched(within: number, source: Uint8Array, old: number): number {
    const { store, counters } = this.core;
    const { memory, copies: slot } = store;
    const end = within + source.length;
    const from = old * this.#chunk;
    counters.copies++;
    counters.bytesCopied += this.#chunk;
    if (old < 0) {
      memory.fill(0, slot, slot + this.#chunk);
    } else if (!store.sums) {
      // With checksums, `sumLeftNow` has put all of it there.
      if (within === 0) store.device.read(memory, slot + end, this.#chunk - end, from + end);
      else store.device.read(memory, slot, end < this.#chunk ? this.#chunk : within, from);
    }
    memory.set(source, slot + within);
    return slot;
  }

  // ---- the long way

  #start(work: Task<void>): undefined | Promise<void> {
    return runNow(this.volume.using(this.id, this.core.traffic.queued(work))) ?? undefined;
  }

  *#readTask(offset: number, target: Uint8Array): Task<void> {
    const core = this.core;
    core.assertOpen();
    try {
      if (core.missing && this.isOrigin) {
        yield* this.volume.guard(core.missing.read(offset, target));
      } else if (this.#plain && !core.merging) {
        const later = this.#plain.read(target, 0, target.length, offset);
        if (later) yield later;
      } else {
        yield* this.volume.guard(this.#reader.read(this.id, offset, target));
      }
    } catch (error) {
      throw this.#named(error, "reading", offset, target.length);
    }
    this.#countRead(target.length);
  }

  *#writeTask(offset: number, source: Uint8Array, mayWait: boolean): Task<void> {
    const { originWriter } = this.volume;
    const work = () =>
      this.#plain
        ? originWriter.write(offset, source, mayWait)
        : this.#writer.write(this.id, offset, source);
    const change = this.#change(() => this.#inside(offset, source.length, work));
    yield* this.#naming(change, "writing", offset, source.length);
    this.#countWrite(offset, source.length);
  }

  /** Does what changes this view; again, where that found the store full and room was made. */
  #change(work: () => Task<void>): Task<void> {
    const { volume } = this;
    const moved = () => volume.given.moved(this.core, this.id, work);
    const change = () => volume.guard(volume.room.writing(this.id, moved));
    return this.#plain && volume.giveUp ? volume.giveUp.insist(change) : change();
  }

  #zero(offset: number, length: number, exact: boolean): Promise<void> {
    try {
      this.#checkRange(offset, length);
      this.#checkWritable();
      const zeroing = () => this.#zeroTask(offset, length, exact);
      const work = this.#change(() => this.#inside(offset, length, zeroing));
      const doing = exact ? "zeroing" : "trimming";
      return this.#start(this.#naming(work, doing, offset, length)) ?? DONE;
    } catch (error) {
      return Promise.reject(this.volume.explain(error));
    }
  }

  *#zeroTask(offset: number, length: number, exact: boolean): Task<void> {
    if (this.#plain && !exact) return;
    const { volume } = this;
    const canPunch = !this.#plain && this.core.store.capabilities.trim;
    const disk: Zeroed = {
      size: this.size,
      chunk: this.#chunk,
      write: (at, bytes) =>
        this.#plain
          ? volume.originWriter.write(at, bytes, true)
          : this.#writer.write(this.id, at, bytes),
      punch: canPunch ? (first, count) => this.#writer.punch(this.id, first, count) : null,
    };
    yield* zero(disk, offset, length, exact);
    this.core.traffic.watchers?.wrote(this.id, offset, length);
  }

  /** What waited may find another size (I7). */
  *#inside(offset: number, length: number, work: () => Task<void>): Task<void> {
    this.#checkRange(offset, length);
    const { missing } = this.core;
    if (missing) yield* missing.ready(this.id, offset, length);
    yield* work();
  }

  *#naming<T>(work: Task<T>, doing: Doing, offset: number, length: number): Task<T> {
    try {
      return yield* work;
    } catch (error) {
      throw this.#named(error, doing, offset, length);
    }
  }

  #named(error: unknown, doing: Doing, offset: number, length: number): unknown {
    return requestError(this.volume.explain(error), doing, this, offset, length);
  }

  // ---- checks

  #checkRange(offset: number, length: number): void {
    this.core.assertOpen();
    checkInside(offset, length, this.size);
  }

  #checkRead(offset: number, target: Uint8Array): void {
    checkBuffer(target);
    this.#checkRange(offset, target.length);
  }

  #checkWrite(offset: number, source: Uint8Array): void {
    checkBuffer(source);
    this.#checkRange(offset, source.length);
    this.#checkWritable();
  }

  #checkWritable(): void {
    const { giveUp } = this.volume;
    if (this.#plain && giveUp) giveUp.assertWritable();
    else this.core.assertWritable();
    if (!this.readOnly) return;
    throw new MultisnapError("ReadOnly", `snapshot ${JSON.stringify(this.name)} is read-only`);
  }

  #assertSynchronous(): void {
    if (this.core.synchronous) return;
    throw new MultisnapError(
      "Unsupported",
      "a device of this volume answers later: use the asynchronous call",
    );
  }

  #countRead(length: number): void {
    const { counters } = this.core;
    counters.reads++;
    counters.bytesRead += length;
  }

  #countWrite(offset: number, length: number): void {
    const { counters } = this.core;
    this.core.traffic.watchers?.wrote(this.id, offset, length);
    counters.writes++;
    counters.bytesWritten += length;
  }
}
