/**
 * Writes to an OPFS file, gathered: a call costs 30 microseconds in Chromium and 250 to 400 in
 * Firefox whatever its size up to some 100 KiB, and redirected chunks lie one behind the other. So
 * small writes that follow on each other wait in one run, until another place is written, the run
 * is full, or all shall be durable.
 *
 * What waits is never lost for want of room: the file is made longer first, and that is refused
 * where the browser gives no more room. If handing over fails all the same, the run stays, reads
 * see it, and the flush fails.
 *
 * Memory: one run, 256 KiB.
 */
import { isFull } from "../errors.ts";
import type { OpfsCalls } from "./opfs-calls.ts";

const RUN_BYTES_MAX = 256 * 1024;
/** The file is made longer by an eighth, within these bounds; closed, it ends where it should. */
const RESERVE_SHARE = 8;
const RESERVE_BYTES_MIN = 256 * 1024;
const RESERVE_BYTES_MAX = 16 * 2 ** 20;

export class OpfsWriter {
  readonly #calls: OpfsCalls;
  /** Bytes as the browser knows them; at least `size`, but for what waits. */
  #reserved: number;
  #run: Uint8Array | null = null;
  /** Where the run begins in the file, and how long it is. */
  #start = 0;
  #length = 0;
  /** Bytes of the file, with what waits. */
  size: number;

  constructor(calls: OpfsCalls) {
    this.#calls = calls;
    this.size = calls.size();
    this.#reserved = this.size;
  }

  /** All of it, or nothing that counts: `NoSpace`. */
  write(source: Uint8Array, start: number, length: number, offset: number): void {
    if (length === 0) return;
    if (length >= RUN_BYTES_MAX) this.#writeAtOnce(source, start, length, offset);
    else this.#gather(source, start, length, offset);
    this.size = Math.max(this.size, offset + length);
  }

  #writeAtOnce(source: Uint8Array, start: number, length: number, offset: number): void {
    this.handOver();
    try {
      this.#calls.write(source, start, length, offset);
    } catch (error) {
      // A part of it may have made the file longer.
      this.#reserved = this.#calls.size();
      throw error;
    }
    this.#reserved = Math.max(this.#reserved, offset + length);
  }

  #gather(source: Uint8Array, start: number, length: number, offset: number): void {
    const end = this.#start + this.#length;
    const fits =
      offset >= this.#start && offset <= end && offset + length <= this.#start + RUN_BYTES_MAX;
    if (!fits || this.#length === 0) {
      this.handOver();
      this.#start = offset;
    }
    this.#reserve(offset + length);
    this.#run ??= new Uint8Array(RUN_BYTES_MAX);
    const at = offset - this.#start;
    this.#run.set(source.subarray(start, start + length), at);
    this.#length = Math.max(this.#length, at + length);
  }

  /** Makes the file at least so long, or fails. */
  #reserve(end: number): void {
    if (end <= this.#reserved) return;
    const share = Math.floor(end / RESERVE_SHARE);
    const more = Math.min(RESERVE_BYTES_MAX, Math.max(RESERVE_BYTES_MIN, share));
    try {
      this.#grow(end + more);
    } catch (error) {
      if (!isFull(error)) throw error;
      this.#grow(end);
    }
  }

  #grow(bytes: number): void {
    this.#calls.truncate(bytes);
    this.#reserved = bytes;
  }

  /** What waits goes to the browser. */
  handOver(): void {
    if (this.#length === 0) return;
    this.#calls.write(this.#run!, 0, this.#length, this.#start);
    this.#length = 0;
  }

  /** Over what was read at `offset`: bytes that wait. */
  patch(target: Uint8Array, start: number, length: number, offset: number): void {
    const from = Math.max(offset, this.#start);
    const to = Math.min(offset + length, this.#start + this.#length);
    if (from >= to) return;
    const run = this.#run!.subarray(from - this.#start, to - this.#start);
    target.set(run, start + from - offset);
  }

  resize(bytes: number): void {
    this.handOver();
    this.#grow(bytes);
    this.size = bytes;
  }

  /** Hands over what waits, and gives back what was reserved and not used. */
  finish(): void {
    this.handOver();
    if (this.#reserved > this.size) this.#grow(this.size);
  }
}
