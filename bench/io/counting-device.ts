/**
 * A device that counts what is asked of another (a synchronous one), and the time that it takes.
 */
import type { Device, Later } from "../../src/index.ts";

export class CountingDevice implements Device {
  readonly #inner: Device;
  reads = 0;
  bytesRead = 0;
  writes = 0;
  bytesWritten = 0;
  flushes = 0;
  /** Milliseconds inside the other device. */
  spentMs = 0;

  constructor(inner: Device) {
    this.#inner = inner;
  }

  get name(): string {
    return this.#inner.name;
  }

  get readOnly(): boolean {
    return this.#inner.readOnly;
  }

  get synchronous(): boolean {
    return this.#inner.synchronous;
  }

  get growable(): boolean {
    return this.#inner.growable;
  }

  reset(): void {
    this.reads = this.bytesRead = this.writes = this.bytesWritten = this.flushes = this.spentMs = 0;
  }

  size(): number {
    return this.#inner.size();
  }

  read(target: Uint8Array, start: number, length: number, offset: number): Later {
    this.reads++;
    this.bytesRead += length;
    const began = performance.now();
    const later = this.#inner.read(target, start, length, offset);
    this.spentMs += performance.now() - began;
    return later;
  }

  write(source: Uint8Array, start: number, length: number, offset: number): Later {
    this.writes++;
    this.bytesWritten += length;
    const began = performance.now();
    const later = this.#inner.write(source, start, length, offset);
    this.spentMs += performance.now() - began;
    return later;
  }

  flush(): Later {
    this.flushes++;
    const began = performance.now();
    const later = this.#inner.flush();
    this.spentMs += performance.now() - began;
    return later;
  }

  resize(bytes: number): Later {
    return this.#inner.resize(bytes);
  }

  close(): Later {
    return this.#inner.close();
  }
}
