/**
 * Buffers that are used again, by powers of two: a request of a megabyte would else touch 256 fresh
 * pages. Keeps at most `IDLE_BYTES_MAX` that nobody uses.
 */
import { Buffer } from "node:buffer";

const IDLE_BYTES_MAX = 32 * 2 ** 20;
const SMALLEST_SHIFT = 12;

export class Pool {
  readonly #free: Buffer[][] = [];
  #idleBytes = 0;

  /** At least `bytes` long; what is in it is anything. */
  take(bytes: number): Buffer {
    const shift = Math.max(SMALLEST_SHIFT, 32 - Math.clz32(bytes - 1));
    const buffer = this.#free[shift]?.pop();
    if (!buffer) return Buffer.allocUnsafeSlow(2 ** shift);
    this.#idleBytes -= buffer.length;
    return buffer;
  }

  give(buffer: Buffer): void {
    if (this.#idleBytes + buffer.length > IDLE_BYTES_MAX) return;
    this.#idleBytes += buffer.length;
    const shift = 31 - Math.clz32(buffer.length);
    (this.#free[shift] ??= []).push(buffer);
  }
}
