/**
 * Writes of a tab that were done by the owner and may be lost with it, by their stamps; dropped
 * when a flush has made them durable. The owner writes down how far that is (`Floor`) before it
 * answers a flush.
 */
import type { Mark } from "../../devices/neighbours.ts";
import { MultisnapError } from "../../errors.ts";
import type { KeptWrite } from "./notes.ts";

/** Of a batch, about. */
const BATCH_BYTES = 512 * 1024;
/** What a write costs beside its payload. */
const WRITE_BYTES = 256;

export function costOf(payload: Uint8Array): number {
  return WRITE_BYTES + payload.length;
}

export class Kept {
  bytes = 0;
  #writes: KeptWrite[] = [];

  get count(): number {
    return this.#writes.length;
  }

  /** The highest stamp; 0 where there is none. */
  get last(): number {
    return this.#writes.at(-1)?.stamp ?? 0;
  }

  add(write: KeptWrite): void {
    this.bytes += costOf(write.payload);
    let at = this.#writes.length;
    while (at > 0 && this.#writes[at - 1]!.stamp > write.stamp) at--;
    this.#writes.splice(at, 0, write);
  }

  /** Those up to `floor` are durable. */
  drop(floor: number): void {
    let count = 0;
    for (const { stamp, payload } of this.#writes) {
      if (stamp > floor) break;
      this.bytes -= costOf(payload);
      count++;
    }
    if (count > 0) this.#writes = this.#writes.slice(count);
  }

  clear(): void {
    this.#writes = [];
    this.bytes = 0;
  }

  /** The first ones above `stamp`. */
  batch(stamp: number): { writes: KeptWrite[]; last: boolean } {
    const first = this.#writes.findIndex((write) => write.stamp > stamp);
    if (first < 0) return { writes: [], last: true };
    let [end, bytes] = [first, 0];
    while (end < this.#writes.length && bytes < BATCH_BYTES) {
      bytes += costOf(this.#writes[end]!.payload);
      end++;
    }
    return { writes: this.#writes.slice(first, end), last: end === this.#writes.length };
  }
}

const FLOOR_BYTES = 16;
const MAGIC = 0x7462_6d73;
/** The store is being made: what is there is to be thrown away. */
const MAKING = 1;

/**
 * Kept beside the store, for the owner after this one: the stamp up to which everything is durable.
 *
 *     0 u32 magic "smbt"   4 u32 1 while the store is being made   8 f64 the stamp
 */
export class Floor {
  readonly #mark: Mark;
  stamp = 0;
  making = false;

  /** Errors: `Invalid` for bytes of somebody else. */
  constructor(mark: Mark) {
    this.#mark = mark;
    const bytes = mark.read();
    if (bytes.length === 0) return;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const known = bytes.length === FLOOR_BYTES && view.getUint32(0, true) === MAGIC;
    const stamp = known ? view.getFloat64(8, true) : -1;
    if (!Number.isSafeInteger(stamp) || stamp < 0) {
      throw new MultisnapError("Invalid", "the file beside the store, .tabs, is none of ours");
    }
    this.stamp = stamp;
    this.making = view.getUint32(4, true) === MAKING;
  }

  raise(stamp: number): void {
    if (stamp > this.stamp) this.#write(stamp, false);
  }

  begin(): void {
    this.#write(this.stamp, true);
  }

  made(): void {
    this.#write(this.stamp, false);
  }

  close(): void {
    this.#mark.close();
  }

  #write(stamp: number, making: boolean): void {
    const view = new DataView(new ArrayBuffer(FLOOR_BYTES));
    view.setUint32(0, MAGIC, true);
    view.setUint32(4, making ? MAKING : 0, true);
    view.setFloat64(8, stamp, true);
    this.#mark.write(new Uint8Array(view.buffer));
    this.stamp = stamp;
    this.making = making;
  }
}
