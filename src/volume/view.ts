/**
 * A disk: the origin or a snapshot. Checks arguments, takes the short way where a request is one
 * chunk that lies where it may be read or written at once, and hands everything else to the tasks.
 */
import type { Device } from "../devices/device.ts";
import { RUN_LOST, RUN_PRIVATE, RUN_SHARED, RUN_UNMAPPED } from "../engine/status.ts";
import { MultisnapError } from "../errors.ts";
import type { ViewRecord } from "../stores/store.ts";
import { inFlight, run, runNow, runSync, type Task } from "../task.ts";
import { checkInside } from "./bounds.ts";
import { cloneRange } from "./clone.ts";
import { type Core, ORIGIN } from "./core.ts";
import { extentsOf } from "./extents.ts";
import { Reader } from "./read.ts";
import type { Extent, SnapshotOptions, View } from "./types.ts";
import type { DiskVolume } from "./volume.ts";
import { giveBack, Writer } from "./write.ts";

const DONE: Promise<void> = Promise.resolve();
/** Zeros for what is zeroed in part, and for attached origins. */
const ZEROS = new Uint8Array(65536);

export class DiskView implements View {
  readonly id: number;
  readonly parent: number | null;
  readonly created: number;
  readonly size: number;
  readonly readOnly: boolean;
  readonly volume: DiskVolume;
  /** The attached origin, where this view is it: its bytes are not in the store. */
  readonly #plain: Device | null;
  /** Of the store that the view is in. */
  readonly core: Core;
  readonly #reader: Reader;
  readonly #writer: Writer;
  readonly #chunk: number;

  constructor(volume: DiskVolume, record: ViewRecord, core: Core) {
    this.volume = volume;
    this.core = core;
    this.#reader = new Reader(core);
    this.#writer = new Writer(core);
    this.id = record.id;
    this.parent = record.id === ORIGIN ? null : record.parent;
    this.created = record.created;
    this.size = record.size;
    this.readOnly = record.readOnly || volume.readOnly;
    this.#plain = record.id === ORIGIN ? core.origin : null;
    this.#chunk = core.chunk;
  }

  get isOrigin(): boolean {
    return this.id === ORIGIN;
  }

  get name(): string | null {
    if (this.isOrigin) return null;
    const record = this.core.store.view(this.id);
    if (!record) throw new MultisnapError("NotFound", "the snapshot has been deleted");
    return record.name;
  }

  read(offset: number, target: Uint8Array): Promise<void> {
    try {
      return this.startRead(offset, target) ?? DONE;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  startRead(offset: number, target: Uint8Array): undefined | Promise<void> {
    try {
      this.#checkRead(offset, target);
      if (this.#readNow(offset, target)) return;
      return runNow(this.core.traffic.queued(this.#readTask(offset, target))) ?? undefined;
    } catch (error) {
      throw this.volume.explain(error);
    }
  }

  readSync(offset: number, target: Uint8Array): void {
    this.#assertSynchronous();
    try {
      this.#checkRead(offset, target);
      if (!this.#readNow(offset, target)) runSync(this.#readTask(offset, target), "readSync");
    } catch (error) {
      throw this.volume.explain(error);
    }
  }

  write(offset: number, source: Uint8Array): Promise<void> {
    try {
      return this.startWrite(offset, source) ?? DONE;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  startWrite(offset: number, source: Uint8Array): undefined | Promise<void> {
    try {
      this.#checkWrite(offset, source);
      if (this.#writeNow(offset, source)) return;
      return runNow(this.core.traffic.queued(this.#writeTask(offset, source, true))) ?? undefined;
    } catch (error) {
      throw this.volume.explain(error);
    }
  }

  writeSync(offset: number, source: Uint8Array): void {
    this.#assertSynchronous();
    try {
      this.#checkWrite(offset, source);
      if (!this.core.quiet) throw inFlight("writeSync");
      if (this.#writeNow(offset, source)) return;
      runSync(this.#writeTask(offset, source, false), "writeSync");
    } catch (error) {
      throw this.volume.explain(error);
    }
  }

  trim(offset: number, length: number): Promise<void> {
    return this.#zero(offset, length, false);
  }

  writeZeroes(offset: number, length: number): Promise<void> {
    return this.#zero(offset, length, true);
  }

  extents(offset: number, length: number): AsyncIterable<Extent> {
    this.#checkRange(offset, length);
    return extentsOf(this.core, this, { offset, length }, (work) => this.volume.guard(work));
  }

  async cloneFrom(source: View, offset: number, length: number): Promise<void> {
    this.#checkWritable();
    await cloneRange(this, this.volume.own(source), offset, length);
  }

  flush(): Promise<void> {
    return this.volume.flush();
  }

  snapshot(name: string, options: SnapshotOptions = {}): Promise<View> {
    return this.volume.snapshot(name, { ...options, of: this });
  }

  // ---- the short way

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
    store.device.read(target, 0, length, store.runPlace(0) * this.#chunk + within);
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
      if ((isElsewhere && length < this.#chunk) || store.allocate(1) !== 1) return false;
      this.#writePlace(chunk, within, source, store.allocated(), old);
    }
    this.#countWrite(length);
    return true;
  }

  /** One chunk to a new place; what `source` leaves of it is at the `old` one, or zeros (-1). */
  #writePlace(chunk: number, within: number, source: Uint8Array, place: number, old: number): void {
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
      throw error;
    }
    if (store.map(this.id, chunk, 1, place, false) !== 1) {
      runSync(this.volume.finishMap(this.id, chunk, place), "writeSync");
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
    if (old < 0) memory.fill(0, slot, slot + this.#chunk);
    else if (within === 0) store.device.read(memory, slot + end, this.#chunk - end, from + end);
    else store.device.read(memory, slot, end < this.#chunk ? this.#chunk : within, from);
    memory.set(source, slot + within);
    return slot;
  }

  // ---- the long way

  *#readTask(offset: number, target: Uint8Array): Task<void> {
    const core = this.core;
    core.assertOpen();
    if (this.#plain && !core.merging) {
      const later = this.#plain.read(target, 0, target.length, offset);
      if (later) yield later;
    } else {
      yield* this.volume.guard(this.#reader.read(this.id, offset, target));
    }
    this.#countRead(target.length);
  }

  *#writeTask(offset: number, source: Uint8Array, mayWait: boolean): Task<void> {
    const { volume } = this;
    if (this.#plain && volume.giveUp) {
      const write = () => volume.originWriter.write(offset, source, mayWait);
      yield* volume.giveUp.insist(() => volume.guard(this.core.writing(write())));
    } else {
      const work = this.#plain
        ? volume.originWriter.write(offset, source, mayWait)
        : this.#writer.write(this.id, offset, source);
      yield* volume.guard(this.core.writing(work));
    }
    this.#countWrite(source.length);
  }

  #zero(offset: number, length: number, exact: boolean): Promise<void> {
    try {
      this.#checkRange(offset, length);
      this.#checkWritable();
      const { giveUp } = this.volume;
      const core = this.core;
      const zero = () => this.volume.guard(core.writing(this.#zeroTask(offset, length, exact)));
      const work = this.#plain && giveUp ? giveUp.insist(zero) : zero();
      return run(core.traffic.queued(work));
    } catch (error) {
      return Promise.reject(this.volume.explain(error));
    }
  }

  *#zeroTask(offset: number, length: number, exact: boolean): Task<void> {
    const end = offset + length;
    if (this.#plain) {
      if (exact) yield* this.#writeZeros(offset, end);
      return;
    }
    const first = Math.ceil(offset / this.#chunk);
    const last = end === this.size ? Math.ceil(end / this.#chunk) : Math.floor(end / this.#chunk);
    if (last <= first) {
      if (exact) yield* this.#writeZeros(offset, end);
      return;
    }
    if (exact) yield* this.#writeZeros(offset, first * this.#chunk);
    if (this.core.store.capabilities.trim) {
      yield* this.#writer.punch(this.id, first, last - first);
    } else {
      yield* this.#writeZeros(first * this.#chunk, Math.min(this.size, last * this.#chunk));
    }
    if (exact && last * this.#chunk < end) yield* this.#writeZeros(last * this.#chunk, end);
  }

  *#writeZeros(from: number, to: number): Task<void> {
    const { volume } = this;
    for (let at = from, end = from; at < to; at = end) {
      // Whole sectors to a piece: a concurrent write must not meet it inside one.
      end = Math.min(to, at - (at % ZEROS.length) + ZEROS.length);
      const piece = ZEROS.subarray(0, end - at);
      yield* this.#plain
        ? volume.originWriter.write(at, piece, true)
        : this.#writer.write(this.id, at, piece);
    }
  }

  // ---- checks

  #checkRange(offset: number, length: number): void {
    this.core.assertOpen();
    checkInside(offset, length, this.size);
  }

  #checkBuffer(buffer: Uint8Array): void {
    if (buffer instanceof Uint8Array) return;
    throw new MultisnapError("Invalid", `a Uint8Array is needed, not ${typeof buffer}`);
  }

  #checkRead(offset: number, target: Uint8Array): void {
    this.#checkBuffer(target);
    this.#checkRange(offset, target.length);
  }

  #checkWrite(offset: number, source: Uint8Array): void {
    this.#checkBuffer(source);
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

  #countWrite(length: number): void {
    const { counters } = this.core;
    counters.writes++;
    counters.bytesWritten += length;
  }
}
