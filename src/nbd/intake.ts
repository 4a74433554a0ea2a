/**
 * Bytes on their way in. The socket receives straight into a slab, where requests are read and
 * short payloads are used in place; a payload that is not all there gets a buffer of its own, and
 * the socket receives the rest of it straight into that.
 *
 * Invariants: the room that was given out last stays where it is until bytes have come into it;
 * bytes of a slab that a request uses are not written again: what comes meanwhile goes behind them.
 */
import { Buffer } from "node:buffer";
import type { Pool } from "./pool.ts";

/** More than a Unix socket holds at a time, by default. */
const SLAB_BYTES = 256 * 1024;

/** A socket that has been closed asks for room once more, and puts nothing there. */
const NOWHERE = Buffer.alloc(1);

/** Bytes that were received together. */
export class Slab {
  readonly bytes: Buffer;
  readonly view: DataView;
  /** Requests that use bytes of it. */
  users = 0;
  /** Where it goes when it is done with; null: to the collector. */
  readonly #pool: Pool | null;
  #retired = false;

  constructor(bytes: Buffer, pool: Pool | null) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#pool = pool;
  }

  release(): void {
    this.users--;
    this.#giveUp();
  }

  /** Nothing is received into it any more. */
  retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    this.#giveUp();
  }

  #giveUp(): void {
    if (this.#retired && this.users === 0) this.#pool?.give(this.bytes);
  }
}

export class Intake {
  readonly #pool: Pool;
  /** Unread bytes are `slab.bytes[start, end)`. */
  slab: Slab;
  start = 0;
  end = 0;
  #payload: Buffer | null = null;
  #wanted = 0;
  #filled = 0;
  #givenPayload = false;
  #closed = false;

  constructor(pool: Pool) {
    this.#pool = pool;
    this.slab = new Slab(pool.take(SLAB_BYTES), pool);
  }

  get available(): number {
    return this.end - this.start;
  }

  /** Where the socket's next bytes go. Never empty. */
  room(): Buffer {
    if (this.#closed) return NOWHERE;
    if (this.#payload && this.#filled < this.#wanted && this.available === 0) {
      this.#givenPayload = true;
      return this.#payload.subarray(this.#filled, this.#wanted);
    }
    this.#givenPayload = false;
    const { slab } = this;
    if (this.available === 0 && slab.users === 0) {
      this.start = 0;
      this.end = 0;
      if (slab.bytes.length >= SLAB_BYTES) return slab.bytes;
    }
    if (slab.bytes.length - this.end < SLAB_BYTES / 2) this.#renew();
    return this.slab.bytes.subarray(this.end);
  }

  /** `count` bytes have come into the last `room`. */
  received(count: number): void {
    if (this.#givenPayload) this.#filled += count;
    else this.end += count;
  }

  /** Bytes that came in a buffer of their own. */
  offer(bytes: Buffer): void {
    const left = this.slab.bytes.subarray(this.start, this.end);
    const whole = left.length === 0 ? bytes : Buffer.concat([left, bytes]);
    this.slab.retire();
    this.slab = new Slab(whole, null);
    this.start = 0;
    this.end = this.slab.bytes.length;
  }

  /** A payload of `length` bytes is next. */
  expect(length: number): void {
    this.#payload = this.#pool.take(length);
    this.#wanted = length;
    this.#filled = 0;
  }

  /**
   * The expected payload, in a buffer at least as long, once it is there; its owner gives it back.
   */
  takePayload(): Buffer | null {
    const payload = this.#payload;
    if (!payload) return null;
    const count = Math.min(this.available, this.#wanted - this.#filled);
    if (count > 0) {
      this.slab.bytes.copy(payload, this.#filled, this.start, this.start + count);
      this.start += count;
      this.#filled += count;
    }
    if (this.#filled < this.#wanted) return null;
    this.#payload = null;
    return payload;
  }

  /** The socket has been closed, so nothing more comes into what it was given. */
  close(): void {
    this.#closed = true;
    this.slab.retire();
    if (this.#payload) this.#pool.give(this.#payload);
    this.#payload = null;
    this.start = this.end;
  }

  /** Moves what is unread to the front of a slab with room behind it. */
  #renew(): void {
    const { slab, start, end } = this;
    const count = end - start;
    const isLarge = slab.bytes.length >= SLAB_BYTES && count <= SLAB_BYTES / 2;
    if (slab.users === 0 && isLarge) {
      slab.bytes.copyWithin(0, start, end);
    } else {
      const fresh = new Slab(this.#pool.take(count + SLAB_BYTES / 2), this.#pool);
      slab.bytes.copy(fresh.bytes, 0, start, end);
      slab.retire();
      this.slab = fresh;
    }
    this.start = 0;
    this.end = count;
  }
}
