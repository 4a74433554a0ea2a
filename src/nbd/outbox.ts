/**
 * Replies on their way out: small ones, and what short reads read, are put together in one buffer
 * and go to the socket in one write; large data goes beside it without being copied.
 *
 * Invariant: what a request holds of the budget (its cost) is given back when its reply is with the
 * kernel, not before.
 */
import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { Pool } from "./pool.ts";

const BUFFER_BYTES = 256 * 1024;

export class Outbox {
  readonly #socket: Socket;
  readonly #pool: Pool;
  readonly #sent: (cost: number) => void;
  #buffer: Buffer | null = null;
  #end = 0;
  #cost = 0;
  /** Writes that the kernel has not taken whole. */
  #pending = 0;
  #closed = false;

  /** `sent` is told the cost of replies that the kernel has taken. */
  constructor(socket: Socket, pool: Pool, sent: (cost: number) => void) {
    this.#socket = socket;
    this.#pool = pool;
    this.#sent = sent;
  }

  /** Everything is with the kernel. */
  get empty(): boolean {
    return this.#pending === 0 && this.#end === 0;
  }

  /** The kernel has not taken everything that was sent. */
  get blocked(): boolean {
    return this.#pending > 0;
  }

  /** Room for `bytes` (at most `BUFFER_BYTES`): where in `buffer`; to be filled before `add`. */
  room(bytes: number): number {
    if (this.#end + bytes > BUFFER_BYTES) this.send();
    this.#buffer ??= this.#pool.take(BUFFER_BYTES);
    return this.#end;
  }

  /** Of the last `room`. */
  get buffer(): Buffer {
    if (!this.#buffer) throw new Error("no room was asked for");
    return this.#buffer;
  }

  /** The `bytes` behind the last `room` are a reply, or a part of one. */
  add(bytes: number, cost: number): void {
    this.#end += bytes;
    this.#cost += cost;
  }

  /** The buffer of the last `room`, for a read that ends later; its owner gives it to the pool. */
  detach(): Buffer {
    const { buffer } = this;
    if (this.#end === 0) {
      this.#buffer = null;
      return buffer;
    }
    // What is in it already goes out of a copy: this happens where a request has to wait.
    const rest = this.#pool.take(BUFFER_BYTES);
    buffer.copy(rest, 0, 0, this.#end);
    this.#buffer = rest;
    return buffer;
  }

  /** What was added, then `data`; `taken` is called when the kernel has it. */
  sendWith(data: Uint8Array, cost: number, taken: () => void): void {
    this.#socket.cork();
    this.send();
    this.#write(data, cost, taken);
    this.#socket.uncork();
  }

  /** Hands what was added to the socket. */
  send(): void {
    if (this.#end === 0) return;
    const buffer = this.buffer;
    const bytes = buffer.subarray(0, this.#end);
    this.#buffer = null;
    const cost = this.#cost;
    this.#end = 0;
    this.#cost = 0;
    this.#write(bytes, cost, () => this.#pool.give(buffer));
  }

  close(): void {
    this.#closed = true;
    if (this.#buffer) this.#pool.give(this.#buffer);
    this.#buffer = null;
    this.#end = 0;
    this.#cost = 0;
  }

  #write(bytes: Uint8Array, cost: number, taken: () => void): void {
    this.#pending++;
    const done = (error?: Error | null) => {
      this.#pending--;
      // After an error the socket may still have the bytes: they are left to the collector.
      if (error == null) taken();
      if (!this.#closed) this.#sent(cost);
    };
    this.#socket.write(bytes, done);
  }
}
