/**
 * The side that asks: requests by number, a bounded number of them and of their bytes at a time,
 * and what comes back for each. It knows no transport: what comes is handed to `take`, what goes is
 * handed to a `Link`, and a new link can take over from one that was lost.
 */
import { MultisnapError } from "../errors.ts";
import { endIfAborted, Signal } from "../task.ts";
import type { Budget } from "./budget.ts";
import {
  REQUEST_NONE,
  TYPE_ANSWER,
  TYPE_CANCEL,
  TYPE_FAILURE,
  TYPE_PART,
  TYPE_PROGRESS,
  TYPE_REQUEST,
} from "./limits.ts";
import { failureOf, type Head, type Message, NOTHING } from "./message.ts";

/** Where messages go. Never throws: who goes away is heard of through `Session.fail`. */
export interface Link {
  send(message: Message): void;
  /** Nothing is under way, and nobody waits to ask. */
  idle?(): void;
  /** Hangs up; ends when that is done. */
  close(): Promise<void>;
}

export interface Ask {
  payload?: Uint8Array;
  signal?: AbortSignal | undefined;
  progress?: ((done: number, total: number) => void) | undefined;
  /** Takes the rows of a long answer, part by part. */
  rows?: (rows: unknown[]) => void;
  /** The rows come again from the first one. */
  again?: () => void;
  /** Bytes of the answer's payload. */
  answerBytes?: number;
}

export interface Answer {
  head: Head;
  payload: Uint8Array;
}

export interface SessionOptions {
  /** Requests that have no answer yet. */
  requestsMax: number;
  /** The last number of a request; then they begin at 1 again. */
  numberMax?: number;
  /** For payloads of requests and of answers. */
  budget?: Budget;
}

interface Pending {
  request: number;
  op: string;
  head: Head;
  ask: Ask;
  resolve: (answer: Answer) => void;
  reject: (error: unknown) => void;
}

/** Never aborted: whoever waits for room is told by the session itself. */
const NEVER = new AbortController().signal;

export class Session {
  #link: Link;
  readonly #requestsMax: number;
  readonly #numberMax: number;
  readonly #budget: Budget | null;
  /** In the order of their sending. */
  readonly #pending = new Map<number, Pending>();
  readonly #waiting: (() => void)[] = [];
  readonly #ended = new Signal();
  #next = REQUEST_NONE + 1;
  /** Called where the link is lost, by whom can `resume` with another one, or `fail`. */
  onLost: ((why: MultisnapError) => void) | null = null;
  #taken = 0;
  #draining = false;
  /** Why there is no connection any more. */
  #failure: MultisnapError | null = null;

  constructor(link: Link, { requestsMax, numberMax, budget }: SessionOptions) {
    this.#link = link;
    this.#requestsMax = requestsMax;
    this.#numberMax = numberMax ?? Number.MAX_SAFE_INTEGER;
    this.#budget = budget ?? null;
  }

  /** Why nothing can be asked any more; null while it can. */
  get failure(): MultisnapError | null {
    return this.#failure;
  }

  /** Somebody waits for an answer, or to ask. */
  get busy(): boolean {
    return this.#taken > 0;
  }

  /** Answers what the other side answers. Errors: those of the volume; `Io`, `Closed`. */
  async request(op: string, head: Head = {}, ask: Ask = {}): Promise<Answer> {
    if (this.#draining && op !== "close") throw closed();
    if (this.#taken < this.#requestsMax) this.#taken++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      const bytes = (ask.payload?.length ?? 0) + (ask.answerBytes ?? 0);
      const grant = this.#budget && (await this.#budget.take(bytes, NEVER));
      try {
        return await this.#ask(op, head, ask);
      } finally {
        grant?.end();
      }
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#taken--;
      if (this.#taken === 0) this.#link.idle?.();
      this.#ended.wake();
    }
  }

  async #ask(op: string, head: Head, ask: Ask): Promise<Answer> {
    endIfAborted(ask.signal);
    if (this.#failure) throw this.#failure;
    let pending: Pending | null = null;
    const cancel = () => pending && this.#send(TYPE_CANCEL, pending.request, {});
    ask.signal?.addEventListener("abort", cancel);
    try {
      return await new Promise<Answer>((resolve, reject) => {
        pending = { request: this.#number(), op, head, ask, resolve, reject };
        this.#begin(pending);
      });
    } catch (error) {
      // It was asked for: what the other side calls it does not matter.
      endIfAborted(ask.signal);
      throw error;
    } finally {
      ask.signal?.removeEventListener("abort", cancel);
      if (pending) this.#pending.delete((pending as Pending).request);
    }
  }

  #number(): number {
    const request = this.#next;
    this.#next = request === this.#numberMax ? REQUEST_NONE + 1 : request + 1;
    return request;
  }

  #begin(pending: Pending): void {
    const { request, op, head, ask } = pending;
    this.#pending.set(request, pending);
    this.#send(TYPE_REQUEST, request, { op, ...head }, ask.payload);
  }

  /** The lowest number that has no answer yet: what is below is never asked again. */
  get first(): number {
    for (const request of this.#pending.keys()) return request;
    return this.#next;
  }

  /** Ends when nothing is under way; from now on nothing more is asked but to `close`. */
  async drain(): Promise<void> {
    this.#draining = true;
    while (this.#taken > 0) await this.#ended.wait();
  }

  /** Ends the connection; what is under way fails. */
  close(): Promise<void> {
    this.fail(closed());
    return this.#link.close();
  }

  /**
   * Goes on over another link: what has no answer is sent again, under its old number, where
   * `mayRepeat` agrees, and fails otherwise.
   */
  resume(link: Link, mayRepeat: (op: string, head: Head) => boolean): void {
    this.#link = link;
    for (const pending of [...this.#pending.values()]) {
      const { op, head, ask, reject } = pending;
      if (!mayRepeat(op, head)) {
        reject(undecided(op));
        continue;
      }
      if (ask.rows) {
        // Some of its rows may be lost: it is asked anew.
        this.#pending.delete(pending.request);
        pending.request = this.#number();
        ask.again?.();
      }
      this.#begin(pending);
      if (ask.signal?.aborted) this.#send(TYPE_CANCEL, pending.request, {});
    }
  }

  /** What the other side sent. A failure that is about the connection is thrown. */
  take({ type, request, head, payload }: Message): void {
    if (type === TYPE_FAILURE && request === REQUEST_NONE) throw failureOf(head);
    const pending = this.#pending.get(request);
    if (!pending) return;
    try {
      if (type === TYPE_ANSWER) pending.resolve({ head, payload });
      else if (type === TYPE_FAILURE) pending.reject(failureOf(head));
      else if (type === TYPE_PART && Array.isArray(head.rows)) pending.ask.rows?.(head.rows);
      else if (type === TYPE_PROGRESS) {
        pending.ask.progress?.(Number(head.done), Number(head.total));
      }
    } catch (error) {
      // Of the caller's own function: his request fails, not the connection.
      pending.reject(error);
    }
  }

  /** The link is lost: the end, unless somebody has another one. */
  lose(why: MultisnapError): void {
    if (!this.onLost) this.fail(why);
    else if (!this.#failure) this.onLost(why);
  }

  /** Nothing comes any more: all that wait are told why, and all that ask from now on. */
  fail(error: MultisnapError): void {
    this.#failure ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#failure);
  }

  #send(type: number, request: number, head: Head, payload = NOTHING): void {
    this.#link.send({ type, request, head, payload });
  }
}

export function closed(): MultisnapError {
  return new MultisnapError("Closed", "the volume has been closed");
}

function undecided(op: string): MultisnapError {
  return new MultisnapError(
    "Io",
    `${op}: who had the volume open went away before it answered, and another has it now; it may ` +
      "have been done or not: look, and ask again where it was not",
  );
}
