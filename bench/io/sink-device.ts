/**
 * A device that keeps metadata and forgets data: a page that is full of one known byte is noted
 * with one number instead of 4 KiB. So a store with tens of gigabytes of data fits into memory. It
 * outlives its closing, to be opened again.
 */
import type { Device } from "../../src/index.ts";
import { DATA_BYTE } from "./stores.ts";

const PAGE_BYTES = 4096;
const DATA_PAGE = Buffer.alloc(PAGE_BYTES, DATA_BYTE);
const PAGES_FIRST = 1 << 16;

/** What the page table holds for a page; from 1 on: the index of a kept page, and 1. */
const HOLE = 0;
const DATA = -1;

export class SinkDevice implements Device {
  readonly name = "sink";
  readonly readOnly = false;
  readonly synchronous = true;
  readonly growable = true;
  #table = new Int32Array(PAGES_FIRST);
  #kept: Buffer[] = [];
  #bytes = 0;

  size(): number {
    return this.#bytes;
  }

  read(target: Uint8Array, start: number, length: number, offset: number): void {
    for (let done = 0; done < length; ) {
      const page = Math.floor((offset + done) / PAGE_BYTES);
      const from = (offset + done) % PAGE_BYTES;
      const bytes = Math.min(PAGE_BYTES - from, length - done);
      const state = page < this.#table.length ? this.#table[page] : HOLE;
      if (state === HOLE) target.fill(0, start + done, start + done + bytes);
      else if (state === DATA) target.fill(DATA_BYTE, start + done, start + done + bytes);
      else target.set(this.#kept[state - 1].subarray(from, from + bytes), start + done);
      done += bytes;
    }
  }

  write(source: Uint8Array, start: number, length: number, offset: number): void {
    this.#reach(offset + length);
    const bytesOf = Buffer.from(source.buffer, source.byteOffset + start, length);
    for (let done = 0; done < length; ) {
      const page = Math.floor((offset + done) / PAGE_BYTES);
      const from = (offset + done) % PAGE_BYTES;
      const bytes = Math.min(PAGE_BYTES - from, length - done);
      const whole = bytes === PAGE_BYTES;
      if (whole && bytesOf.compare(DATA_PAGE, 0, PAGE_BYTES, done, done + PAGE_BYTES) === 0) {
        this.#table[page] = DATA;
      } else {
        bytesOf.copy(this.#keep(page), from, done, done + bytes);
      }
      done += bytes;
    }
  }

  flush(): void {}

  resize(bytes: number): void {
    this.#reach(bytes);
    this.#table.fill(HOLE, Math.ceil(bytes / PAGE_BYTES));
    this.#bytes = bytes;
  }

  close(): void {}

  /** The page as memory of its own. A page once kept stays kept until it is data again. */
  #keep(page: number): Buffer {
    const state = this.#table[page];
    if (state > 0) return this.#kept[state - 1];
    const fresh = Buffer.alloc(PAGE_BYTES, state === DATA ? DATA_BYTE : 0);
    this.#table[page] = this.#kept.push(fresh);
    return fresh;
  }

  #reach(bytes: number): void {
    const pages = Math.ceil(bytes / PAGE_BYTES);
    if (pages > this.#table.length) {
      const wider = new Int32Array(Math.max(pages, this.#table.length * 2));
      wider.set(this.#table);
      this.#table = wider;
    }
    this.#bytes = Math.max(this.#bytes, bytes);
  }
}
