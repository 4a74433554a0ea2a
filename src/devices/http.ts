/**
 * A raw image that a web server has, as a device for reading: a base that a volume stands on at
 * once, before anything but its first block has come. What is read comes in ranges, of the one
 * version that was there when it was opened, and is kept in memory up to a bound. Needs nothing but
 * `fetch`.
 */
import type { Device, Later } from "./device.ts";
import { ReadAhead } from "./http/ahead.ts";
import { Blocks } from "./http/blocks.ts";
import { RemoteImage } from "./http/image.ts";
import { BLOCK_BYTES, checkHttpOptions, type HttpDeviceOptions } from "./http/options.ts";
import { parseAddress } from "./http/version.ts";
import { checkSize, checkTransfer, isClosed, isReadOnly } from "./transfer.ts";

export type { HttpDeviceOptions, HttpPin } from "./http/options.ts";
export { isHttpUrl } from "./http/version.ts";

export interface HttpDevice extends Device {
  /**
   * The URL with the version behind it, as `#etag=...`. `httpDevice` of that is the same bytes or
   * `Corrupt`: what a store should remember of its base.
   */
  readonly pinned: string;
  traffic(): HttpTraffic;
}

/** Since the device was opened. */
export interface HttpTraffic {
  requests: number;
  /** Bytes that came. */
  bytes: number;
  /** Blocks of 64 KiB that were read: from memory, and not. */
  hits: number;
  misses: number;
}

/**
 * Opens the image at an http or https URL for reading, with one request for its first 64 KiB.
 *
 * The server must answer requests for ranges and name a strong ETag (see `options.pin`); to a page
 * from elsewhere it must allow the headers Range and If-Match, and expose ETag and Content-Range.
 * Redirects are followed. Network errors, short answers, 408, 425, 429 and 5xx are tried again,
 * from the byte that was reached, after a pause that doubles (`options.retries`).
 *
 * Memory: `cacheBytes`, and what the platform holds of requests in flight. Nothing is shared with
 * it: bytes are copied to where they are read to.
 *
 * Errors: `Invalid` (URL, options), `NotFound`, `Unsupported` (no ranges, no version), `Corrupt`
 * (the image has changed), `Io`, `Closed` (`options.signal`).
 */
export async function httpDevice(
  url: string | URL,
  options: HttpDeviceOptions = {},
): Promise<HttpDevice> {
  const limits = checkHttpOptions(options);
  const { image, head } = await RemoteImage.open(parseAddress(url, options.pin), options, limits);
  const blocks = new Blocks(image.name, image.size, limits, (range, sink) =>
    image.fetch(range, sink),
  );
  blocks.keep(head);
  return new RemoteDevice(image, blocks, new ReadAhead(limits.aheadBlocks));
}

class RemoteDevice implements HttpDevice {
  readonly name: string;
  readonly readOnly = true;
  readonly synchronous = false;
  readonly growable = false;
  readonly #image: RemoteImage;
  readonly #blocks: Blocks;
  readonly #ahead: ReadAhead;
  readonly #ask = (first: number, end: number): void => this.#blocks.prefetch(first, end);

  constructor(image: RemoteImage, blocks: Blocks, ahead: ReadAhead) {
    this.name = image.name;
    this.#image = image;
    this.#blocks = blocks;
    this.#ahead = ahead;
  }

  get pinned(): string {
    return this.#image.pinned;
  }

  size(): number {
    return this.#image.size;
  }

  traffic(): HttpTraffic {
    const { requests, bytes } = this.#image;
    const { hits, misses } = this.#blocks;
    return { requests, bytes, hits, misses };
  }

  /** Answers at once where all of it is in memory. */
  read(target: Uint8Array, start: number, length: number, offset: number): Later {
    this.#assertOpen();
    checkTransfer(this.name, target, start, length, offset);
    const inside = Math.max(0, Math.min(length, this.size() - offset));
    target.fill(0, start + inside, start + length);
    if (inside === 0) return;
    const later = this.#blocks.read(target, start, { offset, length: inside });
    const first = Math.floor(offset / BLOCK_BYTES);
    this.#ahead.look(first, Math.ceil((offset + inside) / BLOCK_BYTES), this.#ask);
    return later;
  }

  write(source: Uint8Array, start: number, length: number, offset: number): never {
    this.#assertOpen();
    checkTransfer(this.name, source, start, length, offset);
    throw isReadOnly(this.name);
  }

  flush(): void {
    this.#assertOpen();
  }

  resize(bytes: number): never {
    this.#assertOpen();
    checkSize(this.name, bytes);
    throw isReadOnly(this.name);
  }

  /** Requests in flight end, and reads that wait for them with `Closed`. */
  close(): void {
    this.#image.end();
    this.#blocks.close();
  }

  #assertOpen(): void {
    if (this.#image.ended) throw isClosed(this.name);
  }
}
