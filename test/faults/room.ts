/**
 * A file system that runs out of room: a write needs room for each block that was never written
 * before. The first that finds none takes what is left, and fails with `NoSpace`, as on a file.
 */
import type { Device } from "../../src/devices/device.ts";
import { MultisnapError } from "../../src/errors.ts";

const BLOCK = 4096;

export class Room {
  /** Writes so far that needed room. */
  allocations = 0;
  /** How often there was none. */
  refused = 0;
  /** Blocks that have room, of each device. */
  readonly #taken = new Map<string, Set<number>>();
  #first = Number.POSITIVE_INFINITY;
  #last = Number.POSITIVE_INFINITY;

  /**
   * The `nth` of the writes to come that need room finds none. `lasting`: nor does any after it,
   * until `again`.
   */
  end(nth: number, lasting: boolean): void {
    this.#first = this.allocations + nth;
    this.#last = lasting ? Number.POSITIVE_INFINITY : this.#first;
    this.refused = 0;
  }

  /** There is room for everything. */
  again(): void {
    this.#first = Number.POSITIVE_INFINITY;
  }

  device(inner: Device): Device {
    const { name, readOnly, synchronous, growable } = inner;
    const taken = this.#taken.get(name) ?? new Set<number>();
    this.#taken.set(name, taken);
    return {
      name,
      readOnly,
      synchronous,
      growable,
      size: () => inner.size(),
      read: (target, start, length, offset) => inner.read(target, start, length, offset),
      write: (source, start, length, offset) => {
        const fits = this.#fitting(taken, offset, length);
        if (fits === length) return inner.write(source, start, length, offset);
        if (fits > 0) inner.write(source, start, fits, offset);
        throw new MultisnapError("NoSpace", `${name}: no space left on its file system`);
      },
      flush: () => inner.flush(),
      resize: (bytes) => inner.resize(bytes),
      close: () => inner.close(),
    };
  }

  /** Bytes of a write that there is room for: half of its new blocks where it is the first. */
  #fitting(taken: Set<number>, offset: number, length: number): number {
    const blocks: number[] = [];
    for (let block = Math.floor(offset / BLOCK); block * BLOCK < offset + length; block++) {
      if (!taken.has(block)) blocks.push(block);
    }
    if (blocks.length === 0) return length;
    this.allocations++;
    const isFull = this.allocations >= this.#first && this.allocations <= this.#last;
    if (isFull) this.refused++;
    const last = this.refused === 1 ? Math.floor(blocks.length / 2) : 0;
    const left = isFull ? last : blocks.length;
    for (const block of blocks.slice(0, left)) taken.add(block);
    const lost = blocks[left];
    return lost === undefined ? length : Math.max(0, lost * BLOCK - offset);
  }
}
