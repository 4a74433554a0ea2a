/**
 * A device in memory: 64 KiB pages in a map, made when they are first written, so that a large
 * volume costs what was written to it. Gone when the process ends; `flush` has nothing to do.
 */
import type { Device } from "./device.ts";
import {
  checkSize,
  checkTransfer,
  isClosed,
  isReadOnly,
  pastTheEnd,
  refuseResize,
} from "./transfer.ts";

const PAGE_BYTES = 65536;

export interface MemoryDeviceOptions {
  /** Gives the device this size in bytes for good; without it, it starts empty and grows. */
  size?: number;
  readOnly?: boolean;
  /** For messages. */
  name?: string;
}

export function memoryDevice(options: MemoryDeviceOptions = {}): Device {
  return new MemoryDevice(options);
}

/** With `bytes` in it at first, for good as long as these; an empty one that grows without. */
export function filledDevice(bytes: Uint8Array | null, options: MemoryDeviceOptions = {}): Device {
  if (bytes === null) return memoryDevice(options);
  const device = new MemoryDevice({ ...options, size: bytes.length, readOnly: false });
  device.write(bytes, 0, bytes.length, 0);
  device.readOnly = options.readOnly ?? false;
  return device;
}

/**
 * Pages that are not in the map are zeros. Bytes of a page past the end of the device are zeros,
 * too.
 */
class MemoryDevice implements Device {
  readonly name: string;
  readOnly: boolean;
  readonly synchronous = true;
  readonly growable: boolean;
  readonly #pages = new Map<number, Uint8Array>();
  #size: number;
  #closed = false;

  constructor(options: MemoryDeviceOptions) {
    this.name = options.name ?? "memory";
    this.readOnly = options.readOnly ?? false;
    this.growable = options.size === undefined;
    this.#size = options.size ?? 0;
    checkSize(this.name, this.#size);
  }

  size(): number {
    return this.#size;
  }

  read(target: Uint8Array, start: number, length: number, offset: number): void {
    if (this.#closed) throw isClosed(this.name);
    checkTransfer(this.name, target, start, length, offset);
    const end = start + length;
    while (start < end) {
      const from = offset % PAGE_BYTES;
      const bytes = Math.min(PAGE_BYTES - from, end - start);
      const page = this.#pages.get((offset - from) / PAGE_BYTES);
      if (page === undefined) target.fill(0, start, start + bytes);
      else target.set(page.subarray(from, from + bytes), start);
      start += bytes;
      offset += bytes;
    }
  }

  write(source: Uint8Array, start: number, length: number, offset: number): void {
    if (this.#closed) throw isClosed(this.name);
    if (this.readOnly) throw isReadOnly(this.name);
    checkTransfer(this.name, source, start, length, offset);
    if (length === 0) return;
    const end = start + length;
    this.#reach(offset + length);
    while (start < end) {
      const from = offset % PAGE_BYTES;
      const bytes = Math.min(PAGE_BYTES - from, end - start);
      const page = this.#page((offset - from) / PAGE_BYTES);
      page.set(source.subarray(start, start + bytes), from);
      start += bytes;
      offset += bytes;
    }
  }

  flush(): void {
    if (this.#closed) throw isClosed(this.name);
  }

  resize(bytes: number): void {
    if (this.#closed) throw isClosed(this.name);
    if (this.readOnly) throw isReadOnly(this.name);
    checkSize(this.name, bytes);
    if (this.growable) {
      if (bytes < this.#size) this.#drop(bytes);
      this.#size = bytes;
    } else {
      refuseResize(this.name, this.#size, bytes);
    }
  }

  close(): void {
    this.#closed = true;
    this.#pages.clear();
  }

  #reach(end: number): void {
    if (end <= this.#size) return;
    if (!this.growable) throw pastTheEnd(this.name, this.#size, end);
    this.#size = end;
  }

  #page(index: number): Uint8Array {
    let page = this.#pages.get(index);
    if (page === undefined) {
      page = new Uint8Array(PAGE_BYTES);
      this.#pages.set(index, page);
    }
    return page;
  }

  /** Bytes from `end` on are zeros when the device grows again. */
  #drop(end: number): void {
    for (const index of this.#pages.keys()) {
      if (index * PAGE_BYTES >= end) this.#pages.delete(index);
    }
    const from = end % PAGE_BYTES;
    this.#pages.get((end - from) / PAGE_BYTES)?.fill(0, from);
  }
}
