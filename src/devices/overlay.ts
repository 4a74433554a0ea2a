/**
 * A device over another one: reads fall through, writes stay in memory and go with it.
 *
 * Memory: 4 KiB for each block that is written, at most `limit` bytes of them.
 */
import { MultisnapError } from "../errors.ts";
import type { Device, Later } from "./device.ts";
import { checkSize, checkTransfer } from "./transfer.ts";

const BLOCK = 4096;

export function overlayDevice(under: Device, limit: number): Device {
  return new OverlayDevice(under, limit);
}

class OverlayDevice implements Device {
  readonly name: string;
  readonly readOnly = false;
  readonly synchronous: boolean;
  readonly growable = true;
  readonly #under: Device;
  readonly #limit: number;
  readonly #blocks = new Map<number, Uint8Array>();
  #size: number;

  constructor(under: Device, limit: number) {
    this.name = under.name;
    this.synchronous = under.synchronous;
    this.#under = under;
    this.#limit = limit;
    this.#size = under.size();
  }

  size(): number {
    return this.#size;
  }

  read(target: Uint8Array, start: number, length: number, offset: number): Later {
    checkTransfer(this.name, target, start, length, offset);
    const later = this.#under.read(target, start, length, offset);
    if (later) return later.then(() => this.#patch(target, start, length, offset));
    this.#patch(target, start, length, offset);
  }

  /** What was written over the bytes just read. */
  #patch(target: Uint8Array, start: number, length: number, offset: number): void {
    for (let done = 0; done < length; ) {
      const from = (offset + done) % BLOCK;
      const bytes = Math.min(BLOCK - from, length - done);
      const block = this.#blocks.get(Math.floor((offset + done) / BLOCK));
      if (block) target.set(block.subarray(from, from + bytes), start + done);
      done += bytes;
    }
  }

  /** Of whole blocks: metadata is written in no other way. */
  write(source: Uint8Array, start: number, length: number, offset: number): Later {
    checkTransfer(this.name, source, start, length, offset);
    if (offset % BLOCK !== 0 || length % BLOCK !== 0) {
      throw new MultisnapError("Invalid", `${this.name}: ${length} bytes at ${offset}: not blocks`);
    }
    for (let done = 0; done < length; done += BLOCK) {
      const index = (offset + done) / BLOCK;
      if (!this.#blocks.has(index) && (this.#blocks.size + 1) * BLOCK > this.#limit) {
        throw new MultisnapError(
          "NoSpace",
          `${this.name}: its metadata takes more than ${this.#limit} bytes of memory`,
        );
      }
      this.#blocks.set(index, source.slice(start + done, start + done + BLOCK));
    }
    this.#size = Math.max(this.#size, offset + length);
  }

  flush(): void {}

  resize(bytes: number): void {
    checkSize(this.name, bytes);
    this.#size = Math.max(this.#under.size(), bytes);
  }

  close(): Later {
    this.#blocks.clear();
    return this.#under.close();
  }
}
