/**
 * What a web server has under a URL: its size, its version and ranges of its bytes. Requests that
 * fail for a while are made again, from the byte that they got to.
 */
import { MultisnapError } from "../../errors.ts";
import { isClosed } from "../transfer.ts";
import {
  bad,
  demandPlain,
  demandRange,
  parseContentRange,
  type Range,
  retryAfter,
  statusError,
} from "./answer.ts";
import { BLOCK_BYTES, type HttpDeviceOptions, type HttpLimits } from "./options.ts";
import {
  type Address,
  changed,
  conditionOf,
  demandVersion,
  firstVersion,
  type Version,
  withVersion,
} from "./version.ts";

/** Milliseconds between two attempts. */
const PAUSE_MAX = 10_000;

/** Bytes as they come, in order. They are good until it returns. */
export type Sink = (bytes: Uint8Array) => void;

type Judge = (response: Response) => void;

/** An attempt that failed; `pause`: milliseconds that the server asked for. */
interface Failed {
  error: MultisnapError;
  pause: number;
}

export class RemoteImage {
  readonly name: string;
  /** Requests that were made, and bytes that they brought. */
  requests = 0;
  bytes = 0;
  #size = 0;
  #version: Version | null = null;
  readonly #address: Address;
  readonly #limits: HttpLimits;
  readonly #headers: Record<string, string>;
  readonly #send: typeof fetch;
  /** What ends with the image: requests in flight, and pauses. */
  readonly #underWay = new Set<() => void>();
  #ended = false;
  #leave = (): void => {};

  private constructor(address: Address, options: HttpDeviceOptions, limits: HttpLimits) {
    this.name = address.name;
    this.#address = address;
    this.#limits = limits;
    this.#headers = { ...options.headers };
    // Called without its object: workerd's fetch minds whose method it is.
    const send = options.fetch ?? globalThis.fetch;
    this.#send = (...request) => send(...request);
  }

  /** Asks for the first block, and so for size and version. Answers its bytes. */
  static async open(
    address: Address,
    options: HttpDeviceOptions,
    limits: HttpLimits,
  ): Promise<{ image: RemoteImage; head: Uint8Array }> {
    const image = new RemoteImage(address, options, limits);
    const { signal } = options;
    const end = () => image.end();
    if (signal?.aborted) end();
    signal?.addEventListener("abort", end, { once: true });
    image.#leave = () => signal?.removeEventListener("abort", end);
    try {
      return { image, head: await image.#first() };
    } catch (error) {
      image.end();
      throw error;
    }
  }

  get size(): number {
    return this.#size;
  }

  get pinned(): string {
    return withVersion(this.#address.url, this.#version);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Ends every request: `Closed`. */
  end(): void {
    this.#ended = true;
    this.#leave();
    for (const end of this.#underWay) end();
  }

  /** Gives `sink` the bytes of a range, each once, all of them or an error. */
  async fetch(range: Range, sink: Sink): Promise<void> {
    let done = 0;
    const take: Sink = (bytes) => {
      done += bytes.length;
      sink(bytes);
    };
    const rest = () => ({ offset: range.offset + done, length: range.length - done });
    await this.#insist(
      () => {
        const wanted = rest();
        const judge: Judge = (response) =>
          demandRange(this.name, response, wanted, this.#version, this.#size);
        return this.#attempt(wanted, conditionOf(this.#version), judge, take);
      },
      () => done,
    );
  }

  async #first(): Promise<Uint8Array> {
    const head = new Uint8Array(BLOCK_BYTES);
    let done = 0;
    const judge: Judge = (response) => {
      done = 0;
      this.#meet(response);
    };
    const take: Sink = (bytes) => {
      head.set(bytes, done);
      done += bytes.length;
    };
    const expected = this.#address.version;
    const wanted = { offset: 0, length: BLOCK_BYTES };
    const attempt = () => this.#attempt(wanted, conditionOf(expected), judge, take);
    await this.#insist(attempt, () => 0);
    return head.subarray(0, Math.min(BLOCK_BYTES, this.#size));
  }

  /** The first answer: of which version, and how long the image is. */
  #meet(response: Response): void {
    const { status, headers } = response;
    const { name, pin, version } = this.#address;
    if (status === 412) throw changed(name, version, null);
    const said = parseContentRange(headers.get("content-range"));
    const isEmpty = status === 416 && said?.size === 0;
    if (status === 200) {
      throw new MultisnapError(
        "Unsupported",
        `${name}: its server answers a request for a range with all of the image (200)`,
      );
    }
    if (status !== 206 && !isEmpty) throw statusError(name, response, true);
    demandPlain(name, headers);
    demandVersion(name, version, headers);
    if (said === null) {
      const found = headers.get("content-range") ?? "no content-range";
      throw bad(name, `the first bytes came with ${found} (to a page, its server must expose it)`);
    }
    if (said.size === null) {
      throw new MultisnapError("Unsupported", `${name}: its server does not say how long it is`);
    }
    if (said.first !== 0 || said.last >= BLOCK_BYTES) {
      throw bad(name, `the first bytes were asked for, ${headers.get("content-range")} came`);
    }
    this.#version = firstVersion(name, pin, headers);
    this.#size = said.size;
  }

  /** Until all has come, or as long as there is hope. `done`: bytes that have come. */
  async #insist(attempt: () => Promise<Failed | null>, done: () => number): Promise<void> {
    let failures = 0;
    for (;;) {
      if (this.ended) throw isClosed(this.name);
      const before = done();
      const failed = await attempt();
      if (!failed) return;
      const { error, pause } = failed;
      if (!error.retryable || this.ended) throw this.ended ? isClosed(this.name) : error;
      // Bytes that come are worth another request each; an image has only so many of them.
      failures = done() - before >= BLOCK_BYTES ? 1 : failures + 1;
      if (failures > this.#limits.retries) throw exhausted(error, failures);
      await this.#pause(failures, pause);
    }
  }

  /** One request. Its body goes to `sink` where `judge` does not throw. */
  async #attempt(
    range: Range,
    condition: Record<string, string>,
    judge: Judge,
    sink: Sink,
  ): Promise<Failed | null> {
    const control = new AbortController();
    const watch = new Watch(this.#limits.timeout, () => control.abort());
    const stop = () => watch.stop();
    this.#underWay.add(stop);
    let pause = 0;
    try {
      this.requests++;
      const last = range.offset + range.length - 1;
      const sent = this.#send(this.#address.url, {
        headers: {
          ...this.#headers,
          ...condition,
          range: `bytes=${range.offset}-${last}`,
          "accept-encoding": "identity",
        },
        signal: control.signal,
        // A browser's own cache may have an older version. Not every platform knows the word.
        ...("cache" in Request.prototype && { cache: "no-store" as const }),
      });
      const response = await watch.first(sent);
      pause = retryAfter(response.headers, this.#limits.env.now());
      judge(response);
      const length = Math.min(range.length, this.#size - range.offset);
      const come = await this.#receive(response, length, sink, watch);
      if (come < length) throw bad(this.name, `${come} of ${length} bytes came`);
      return null;
    } catch (cause) {
      return { error: this.#explain(cause, watch), pause };
    } finally {
      watch.end();
      this.#underWay.delete(stop);
      // What is left of the body is of no use to anybody.
      control.abort();
    }
  }

  async #receive(response: Response, length: number, sink: Sink, watch: Watch): Promise<number> {
    if (length === 0 || response.body === null) return 0;
    const reader = response.body.getReader();
    let come = 0;
    for (;;) {
      const { done, value } = await watch.first(reader.read());
      if (done || this.ended) return come;
      if (come + value.length > length) throw bad(this.name, `more than ${length} bytes came`);
      this.bytes += value.length;
      come += value.length;
      sink(value);
    }
  }

  #explain(cause: unknown, watch: Watch): MultisnapError {
    if (cause instanceof MultisnapError) return cause;
    const found = watch.isOver
      ? `no byte came for ${this.#limits.timeout} ms`
      : `the request failed: ${reasonOf(cause)}`;
    return new MultisnapError("Io", `${this.name}: ${found}`, { cause, retryable: true });
  }

  /** Longer each time, and not for all who failed together the same. */
  async #pause(failures: number, least: number): Promise<void> {
    const byte = new Uint8Array(1);
    this.#limits.env.random(byte);
    const longest = Math.min(PAUSE_MAX, this.#limits.pause * 2 ** (failures - 1));
    const pause = Math.max(least, longest * (0.5 + byte[0]! / 510));
    await new Promise<void>((resolve) => {
      const over = () => {
        clearTimeout(timer);
        this.#underWay.delete(over);
        resolve();
      };
      const timer = setTimeout(over, pause);
      this.#underWay.add(over);
    });
  }
}

/**
 * Waits for the steps of a request, each no longer than `timeout`. An abort alone would not do: a
 * body that is aborted after its last byte may never say so.
 */
class Watch {
  isOver = false;
  readonly #timeout: number;
  readonly #abort: () => void;
  #timer: ReturnType<typeof setTimeout>;
  #stopped = false;
  #stop = (): void => {};
  readonly #never: Promise<never>;

  constructor(timeout: number, abort: () => void) {
    this.#timeout = timeout;
    this.#abort = abort;
    this.#never = new Promise((_, reject) => {
      this.#stop = () => reject(new Error("stopped"));
    });
    this.#never.catch(() => {});
    this.#timer = this.#start();
  }

  #start() {
    return setTimeout(() => {
      this.isOver = true;
      this.stop();
    }, this.#timeout);
  }

  /** What `step` answers; fails where the time is over or the request stopped before. */
  async first<T>(step: Promise<T>): Promise<T> {
    const result = await Promise.race([step, this.#never]);
    clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = this.#start();
    return result;
  }

  stop(): void {
    this.end();
    this.#abort();
    this.#stop();
  }

  end(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}

function exhausted(error: MultisnapError, attempts: number): MultisnapError {
  const message = attempts > 1 ? `${error.message} (after ${attempts} attempts)` : error.message;
  return new MultisnapError(error.code, message, { cause: error.cause, retryable: true });
}

/** `fetch failed` says nothing; what it was is its cause. */
function reasonOf(cause: unknown): string {
  const inner = cause instanceof Error ? cause.cause : undefined;
  const error = inner instanceof Error && inner.message !== "" ? inner : cause;
  return error instanceof Error ? error.message : String(error);
}
