/**
 * The bytes behind a test device: sparse, and cheap to copy because a page is never changed, only
 * replaced.
 */
import type { Device } from "../../src/devices/device.ts";
import { MultisnapError } from "../../src/errors.ts";

const PAGE = 4096;

export class Image {
  #pages: Map<number, Uint8Array>;
  #size: number;

  constructor(size = 0) {
    this.#pages = new Map();
    this.#size = size;
  }

  static of(bytes: Uint8Array): Image {
    const image = new Image(bytes.length);
    image.write(bytes, 0, bytes.length, 0);
    return image;
  }

  get size(): number {
    return this.#size;
  }

  copy(): Image {
    const image = new Image(this.#size);
    image.#pages = new Map(this.#pages);
    return image;
  }

  /** Whether the page at `offset` was ever written: it takes space. */
  has(offset: number): boolean {
    return this.#pages.has(Math.floor(offset / PAGE));
  }

  read(target: Uint8Array, start: number, length: number, offset: number): void {
    for (let done = 0; done < length; ) {
      const at = (offset + done) % PAGE;
      const run = Math.min(PAGE - at, length - done);
      const page = this.#pages.get(Math.floor((offset + done) / PAGE));
      if (page === undefined) target.fill(0, start + done, start + done + run);
      else target.set(page.subarray(at, at + run), start + done);
      done += run;
    }
  }

  write(source: Uint8Array, start: number, length: number, offset: number): void {
    for (let done = 0; done < length; ) {
      const at = (offset + done) % PAGE;
      const run = Math.min(PAGE - at, length - done);
      const index = Math.floor((offset + done) / PAGE);
      const page = new Uint8Array(PAGE);
      const before = run < PAGE ? this.#pages.get(index) : undefined;
      if (before !== undefined) page.set(before);
      page.set(source.subarray(start + done, start + done + run), at);
      this.#pages.set(index, page);
      done += run;
    }
    this.#size = Math.max(this.#size, offset + length);
  }

  resize(size: number): void {
    if (size < this.#size) {
      const keep = Math.ceil(size / PAGE);
      for (const index of this.#pages.keys()) if (index >= keep) this.#pages.delete(index);
      const tail = size % PAGE;
      if (tail > 0) this.write(new Uint8Array(PAGE - tail), 0, PAGE - tail, size);
    }
    this.#size = size;
  }
}

export interface ImageOptions {
  name?: string;
  readOnly?: boolean;
  /** Fixed size: writes past the end are `NoSpace`. */
  fixed?: boolean;
}

/**
 * A synchronous device on `image`. What a volume does after closing it, or past a fixed end,
 * throws.
 */
export function imageDevice(image: Image, options: ImageOptions = {}): Device {
  const name = options.name ?? "image";
  const readOnly = options.readOnly ?? false;
  const growable = !(options.fixed ?? false);
  let closed = false;
  const mustBeOpen = () => {
    if (closed) throw new MultisnapError("Closed", `${name} was used after it was closed`);
  };
  const mustBeWritable = (end: number) => {
    mustBeOpen();
    if (readOnly) throw new MultisnapError("ReadOnly", `${name} is read-only`);
    if (growable || end <= image.size) return;
    throw new MultisnapError("NoSpace", `${name} ends at ${image.size}, not at ${end}`);
  };
  return {
    name,
    readOnly,
    synchronous: true,
    growable,
    size: () => image.size,
    read(target, start, length, offset) {
      mustBeOpen();
      image.read(target, start, length, offset);
    },
    write(source, start, length, offset) {
      mustBeWritable(offset + length);
      image.write(source, start, length, offset);
    },
    flush: mustBeOpen,
    resize(bytes) {
      mustBeWritable(bytes);
      image.resize(bytes);
    },
    close() {
      closed = true;
    },
  };
}
