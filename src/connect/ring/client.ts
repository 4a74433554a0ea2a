/**
 * The client's side of a pair of rings. A request is written into shared memory and costs a message
 * only where the host sleeps. Ends are looked for turn by turn of the event loop, for a moment;
 * then the host is asked for a message. So this thread never waits, and others' work comes between.
 *
 * Bounded: `depth` requests and the shared pages; who finds no room waits, in the order of coming.
 */
import { monotonic } from "../../env.ts";
import { MultisnapError } from "../../errors.ts";
import type { Usage } from "../../volume/types.ts";
import { failureOf } from "../message.ts";
import { closed } from "../session.ts";
import {
  AWAKE,
  CLIENT_SLEEPS,
  END_FAILURE,
  END_TAG,
  END_WORDS,
  ENDED,
  HOST_SLEEPS,
  MEMORY_BYTES,
  OP_READ,
  OP_WRITE,
  PAGE_BYTES,
  Payloads,
  pagesOf,
  partsOf,
  REQUEST_LENGTH,
  REQUEST_NUMBERS,
  REQUEST_OFFSET,
  REQUEST_OP,
  REQUEST_PAGE,
  REQUEST_TAG,
  REQUEST_VIEW,
  REQUESTS,
  type Shared,
  SUBMITTED,
  WAITS,
  WANTS_MESSAGE,
} from "./layout.ts";
import { nextTurn } from "./macrotask.ts";
import { Pages } from "./pages.ts";
import { Patience } from "./patience.ts";
import { readUsage } from "./usage.ts";

/** How long ends are looked for turn by turn since the last one: about what a message takes. */
const LINGER_US = 100;
/** How long a synchronous call looks before it sleeps. */
const SPIN_US = 50;
/** A synchronous call waits that long: nobody can tell it that its host died. */
const WAIT_MS = 60_000;

/** Memory for the rings; null where none can be shared. */
export function sharedMemory(): SharedArrayBuffer | null {
  return typeof SharedArrayBuffer === "function" ? new SharedArrayBuffer(MEMORY_BYTES) : null;
}

interface Pending {
  resolve: () => void;
  reject: (error: unknown) => void;
  /** Of a read. */
  target: Uint8Array | null;
  page: number;
  pages: number;
}

export class RingClient {
  readonly #shared: Shared;
  readonly #payloads: Payloads;
  readonly #depth: number;
  /** Wakes the host. */
  readonly #knock: () => void;
  /** Called as requests begin and end to be under way. */
  readonly #busy: (isBusy: boolean) => void;
  readonly #pending: (Pending | null)[] = new Array(REQUESTS).fill(null);
  readonly #free: number[] = Array.from({ length: REQUESTS }, (_, tag) => REQUESTS - 1 - tag);
  readonly #pages = new Pages();
  readonly #waiting: (() => boolean)[] = [];
  readonly #decoder = new TextDecoder();
  readonly #drained: (() => void)[] = [];
  readonly #patience = new Patience(LINGER_US);
  #submitted = 0;
  #ended = 0;
  #open = 0;
  #looks = false;
  /** Monotonic milliseconds of the last end that was found. */
  #found = 0;
  #seen = 0;
  #draining = false;
  #failure: MultisnapError | null = null;

  constructor(
    memory: SharedArrayBuffer,
    depth: number,
    knock: () => void,
    busy: (isBusy: boolean) => void,
  ) {
    this.#shared = partsOf(memory);
    this.#payloads = new Payloads(this.#shared);
    this.#depth = Math.min(depth, REQUESTS);
    this.#knock = knock;
    this.#busy = busy;
  }

  /** `bytes`: what a write writes, or a read fills; null for other operations. */
  request(
    op: number,
    view: number,
    offset: number,
    length: number,
    bytes: Uint8Array | null,
  ): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    if (this.#draining) return Promise.reject(closed());
    return new Promise<void>((resolve, reject) => {
      const begin = () => this.#begin(op, view, offset, length, bytes, resolve, reject);
      if (this.#waiting.length > 0 || !begin()) this.#waiting.push(begin);
    });
  }

  /** As `request`, but this thread waits for its end. */
  requestSync(op: number, view: number, offset: number, bytes: Uint8Array): void {
    if (this.#failure) throw this.#failure;
    if (this.#draining) throw closed();
    const outcome = { done: false, error: null as unknown };
    const begun = () =>
      this.#begin(
        op,
        view,
        offset,
        bytes.length,
        bytes,
        () => {
          outcome.done = true;
        },
        (error) => {
          outcome.done = true;
          outcome.error = error;
        },
      );
    while (!begun()) this.#wait();
    while (!outcome.done) this.#wait();
    if (outcome.error !== null) throw outcome.error;
  }

  /** What the volume tells of itself, if it has changed. */
  usage(): Partial<Usage> | null {
    const found = readUsage(this.#shared, this.#seen);
    if (!found) return null;
    this.#seen = found.state;
    return found.usage;
  }

  /** Ends when no request is under way; no further one begins. */
  async drain(): Promise<void> {
    this.#draining = true;
    while (this.#open > 0) await new Promise<void>((resolve) => this.#drained.push(resolve));
  }

  /** The host has sent a message. */
  look(): void {
    if (this.#open === 0 || this.#looks) return;
    this.#found = monotonic();
    this.#look();
  }

  /** Nothing ends any more: all that wait are told why, and all that ask from now on. */
  fail(error: MultisnapError): void {
    if (this.#failure) return;
    this.#failure = error;
    for (const [tag, pending] of this.#pending.entries()) {
      if (!pending) continue;
      this.#release(tag, pending);
      pending.reject(error);
    }
    for (const begin of this.#waiting.splice(0)) begin();
    this.#rest();
  }

  /** False: there is no room. */
  #begin(
    op: number,
    view: number,
    offset: number,
    length: number,
    bytes: Uint8Array | null,
    resolve: () => void,
    reject: (error: unknown) => void,
  ): boolean {
    if (this.#failure) {
      reject(this.#failure);
      return true;
    }
    if (this.#open >= this.#depth) return false;
    const { words, requests, pages: memory } = this.#shared;
    const pages = bytes ? pagesOf(length) : 1;
    const page = this.#pages.take(pages);
    if (page < 0) return false;
    if (op === OP_WRITE) memory.set(bytes!, page * PAGE_BYTES);
    const tag = this.#free.pop()!;
    this.#pending[tag] = { resolve, reject, target: op === OP_READ ? bytes : null, page, pages };
    const at = (this.#submitted & (REQUESTS - 1)) * REQUEST_NUMBERS;
    requests[at + REQUEST_OP] = op;
    requests[at + REQUEST_TAG] = tag;
    requests[at + REQUEST_VIEW] = view;
    requests[at + REQUEST_OFFSET] = offset;
    requests[at + REQUEST_LENGTH] = length;
    requests[at + REQUEST_PAGE] = page;
    this.#submitted = (this.#submitted + 1) | 0;
    Atomics.store(words, SUBMITTED, this.#submitted);
    if (this.#open++ === 0) this.#busy(true);
    if (Atomics.load(words, HOST_SLEEPS) === WANTS_MESSAGE) {
      const slept = Atomics.compareExchange(words, HOST_SLEEPS, WANTS_MESSAGE, AWAKE);
      if (slept === WANTS_MESSAGE) this.#knock();
    }
    if (!this.#looks) {
      this.#looks = true;
      this.#found = monotonic();
      Atomics.store(words, CLIENT_SLEEPS, AWAKE);
      nextTurn(this.#look);
    }
    return true;
  }

  /** Takes all ends that are there; how many. */
  #take(): number {
    const { words, ends } = this.#shared;
    let count = 0;
    while (this.#ended !== Atomics.load(words, ENDED) && this.#open > 0) {
      const at = (this.#ended & (REQUESTS - 1)) * END_WORDS;
      this.#end(ends[at + END_TAG]!, ends[at + END_FAILURE]!);
      this.#ended = (this.#ended + 1) | 0;
      count++;
    }
    if (count > 0) this.#admit();
    return count;
  }

  #end(tag: number, failure: number): void {
    const pending = this.#pending[tag];
    if (!pending) return;
    const { target } = pending;
    if (failure > 0) {
      const text = this.#decoder.decode(this.#payloads.at(pending.page, failure).slice());
      this.#release(tag, pending);
      pending.reject(failureOf(JSON.parse(text)));
      return;
    }
    if (target) target.set(this.#payloads.at(pending.page, target.length));
    this.#release(tag, pending);
    pending.resolve();
  }

  #release(tag: number, { page, pages }: Pending): void {
    this.#pending[tag] = null;
    this.#free.push(tag);
    this.#pages.give(page, pages);
    this.#open--;
  }

  /** Those who waited, as far as there is room. */
  #admit(): void {
    const waiting = this.#waiting;
    while (waiting.length > 0 && waiting[0]!()) waiting.shift();
  }

  readonly #look = (): void => {
    const { words } = this.#shared;
    const now = monotonic();
    const ended = this.#take();
    if (ended > 0) this.#found = now;
    this.#patience.look(ended > 0);
    // Those who got what they asked for may ask again before the next turn.
    if (this.#open === 0 && ended === 0) {
      this.#rest();
      return;
    }
    if (ended > 0 || (now - this.#found) * 1000 < this.#patience.us) {
      this.#looks = true;
      nextTurn(this.#look);
      return;
    }
    this.#patience.sleep();
    Atomics.store(words, CLIENT_SLEEPS, WANTS_MESSAGE);
    this.#looks = false;
    // What came before the host could see that is found here.
    if (Atomics.load(words, ENDED) === this.#ended) return;
    Atomics.store(words, CLIENT_SLEEPS, AWAKE);
    this.#look();
  };

  #rest(): void {
    this.#looks = false;
    this.#busy(false);
    for (const drained of this.#drained.splice(0)) drained();
  }

  /** This thread sleeps until something has ended. */
  #wait(): void {
    const { words } = this.#shared;
    const start = monotonic();
    do {
      if (this.#take() > 0) return;
    } while ((monotonic() - start) * 1000 < SPIN_US);
    const slept = Atomics.exchange(words, CLIENT_SLEEPS, WAITS);
    const outcome = Atomics.wait(words, ENDED, this.#ended, WAIT_MS);
    Atomics.store(words, CLIENT_SLEEPS, slept);
    if (outcome === "timed-out") throw silent();
    this.#take();
  }
}

function silent(): MultisnapError {
  return new MultisnapError(
    "Io",
    `the worker of the volume has not answered for ${WAIT_MS / 1000} s; what was asked for may ` +
      "have been done or not",
  );
}

/** Whether this thread may sleep: that of a page may not. */
export function maySleep(): boolean {
  try {
    return Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0) === "not-equal";
  } catch {
    return false;
  }
}
