/**
 * One client of a host: its requests, whichever port they come over, and the answers to changes
 * that it may not have got.
 *
 * Invariant: a request for a change is done at most once, however often it is sent.
 */
import type { Later } from "../devices/device.ts";
import { MultisnapError } from "../errors.ts";
import { type Budget, NO_GRANT } from "./budget.ts";
import {
  PARTS_MAX,
  PORT_REQUESTS_MAX,
  REQUEST_NONE,
  TYPE_ANSWER,
  TYPE_CANCEL,
  TYPE_CHANGED,
  TYPE_FAILURE,
  TYPE_PART,
  TYPE_REQUEST,
  TYPE_RING,
  TYPE_TAKEN,
} from "./limits.ts";
import { failureHead, type Message, NOTHING } from "./message.ts";
import { OPERATIONS, type Served } from "./operations.ts";
import type { Port, Posted } from "./port.ts";
import { RingHost } from "./ring/host.ts";
import { MEMORY_BYTES } from "./ring/layout.ts";
import { Serving } from "./serving.ts";

/** Answers to changes from one that brings the state to the next, where many are under way. */
const STATE_PERIOD = 64;

export interface ClientOptions {
  mayClose: boolean;
  /** It may, over another port. */
  comesBack: boolean;
  /** Called where it has changed which snapshots there are. */
  viewsChanged: (by: Client) => void;
  /** Called where it has closed the volume. */
  closed: () => void;
}

export class Client {
  port: Port | null = null;
  readonly #serving: Serving;
  readonly #served: Served;
  readonly #mayClose: boolean;
  readonly #comesBack: boolean;
  readonly #viewsChanged: (by: Client) => void;
  readonly #closed: () => void;
  /** It closes the volume: it hears that as an answer, not as the end of its session. */
  #closes = false;
  /** Answers to changes that the client has not said to have got. */
  readonly #done = new Map<number, Message>();
  /** Who waits until the client has taken some parts. */
  readonly #waiting: (() => void)[] = [];
  #untaken = 0;
  #replaced = (): void => {};
  #ring: RingHost | null = null;

  constructor(
    served: Served,
    budget: Budget,
    { mayClose, comesBack, viewsChanged, closed }: ClientOptions,
  ) {
    this.#served = served;
    this.#mayClose = mayClose;
    this.#comesBack = comesBack;
    this.#viewsChanged = viewsChanged;
    this.#closed = closed;
    this.#serving = new Serving(served, budget, (message) => this.#send(message), STATE_PERIOD);
  }

  /** Another client has made, deleted or renamed a snapshot. */
  viewsChanged(): void {
    this.#post({ type: TYPE_CHANGED, request: REQUEST_NONE, head: {}, payload: NOTHING });
  }

  /** From now on it is reached there; `replaced`: until it comes over yet another port. */
  attach(port: Port, replaced: () => void): void {
    this.#replaced();
    void this.port?.close();
    this.port = port;
    this.#replaced = replaced;
    this.#ring?.close();
    this.#ring = null;
    this.#takenAll();
  }

  /** Requests may come over rings in this memory, too, as long as the port is there. */
  share(memory: SharedArrayBuffer, refuse: (error: MultisnapError) => void): void {
    if (memory.byteLength !== MEMORY_BYTES) throw invalid(`${memory.byteLength} shared bytes`);
    const message = { type: TYPE_RING, request: REQUEST_NONE, head: {}, payload: NOTHING };
    const knock = () => this.#post(message);
    this.#ring = new RingHost(memory, this.#served.volume, knock, refuse);
    this.#ring.tell();
  }

  detach(): void {
    this.port = null;
    this.#ring?.close();
    this.#ring = null;
    this.#takenAll();
  }

  /** False: it says goodbye. Errors: `Invalid` for what no client sends. */
  take(posted: Posted): boolean {
    const { type, request, first } = posted;
    if (this.#comesBack) this.#forget(first);
    // What was submitted before the message was sent comes before it.
    this.#ring?.drain();
    if (type === TYPE_RING) {
      this.#ring?.run();
      return true;
    }
    if (type === TYPE_REQUEST) this.#request(posted);
    else if (type === TYPE_TAKEN) this.#taken();
    else if (type !== TYPE_CANCEL) throw invalid(`a client sends no message of type ${type}`);
    else if (request === REQUEST_NONE) return false;
    else this.#serving.cancel(request, new MultisnapError("Closed", "taken back"));
    return true;
  }

  #request(posted: Posted): void {
    const { request, head } = posted;
    if (request === REQUEST_NONE) throw invalid("a request has a number from 1 on");
    const done = this.#done.get(request);
    if (done) return void this.#send(done);
    // Sent again over another port: its answer goes there.
    if (this.#serving.has(request)) return;
    if (this.#serving.size >= PORT_REQUESTS_MAX) {
      throw invalid(`more than ${PORT_REQUESTS_MAX} requests under way`);
    }
    const { close } = this.#served;
    if (head.op === "close" && close && this.#mayClose) void this.#close(request, close);
    else void this.#serve(posted);
  }

  async #serve(posted: Posted): Promise<void> {
    const answer = await this.#serving.serve(posted, NO_GRANT);
    const { changes = false, views = false } = OPERATIONS.get(String(posted.head.op)) ?? {};
    if (views && answer.type === TYPE_ANSWER) this.#viewsChanged(this);
    if (!this.#comesBack) return;
    if (!changes || posted.request < posted.first) return;
    this.#done.set(posted.request, answer);
    if (this.#done.size > PORT_REQUESTS_MAX) this.#done.delete(this.#done.keys().next().value!);
  }

  /** Its answer is the last thing that it says. */
  async #close(request: number, close: () => Promise<void>): Promise<void> {
    this.#closes = true;
    try {
      this.#ring?.drain();
      await close();
      this.#post({ type: TYPE_ANSWER, request, head: {}, payload: NOTHING });
    } catch (error) {
      this.#post({ type: TYPE_FAILURE, request, head: failureHead(error), payload: NOTHING });
    }
    this.#closed();
  }

  #forget(first: number): void {
    for (const request of this.#done.keys()) {
      if (request < first) this.#done.delete(request);
    }
  }

  /** What can be ended ends, and is answered; then nothing is held any more. */
  async end(why: MultisnapError): Promise<void> {
    this.#serving.cancelAll(why);
    this.#ring?.close();
    this.#takenAll();
    await this.#serving.end();
    this.#done.clear();
    const { port } = this;
    if (!port || this.#closes) return;
    const head = failureHead(why);
    this.#post({ type: TYPE_FAILURE, request: REQUEST_NONE, head, payload: NOTHING });
    this.port = null;
    this.#replaced();
    void port.close();
  }

  #send(message: Message): Later {
    if (message.head.usage) this.#ring?.tell();
    this.#post(message);
    if (message.type !== TYPE_PART || ++this.#untaken < PARTS_MAX || !this.port) return;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #post({ type, request, head, payload }: Message): void {
    // A payload is this answer's own: it is given away.
    const given = payload.length > 0;
    const posted = given ? { type, request, head, payload } : { type, request, head };
    try {
      this.port?.post(posted, given ? [payload.buffer as ArrayBuffer] : []);
    } catch {
      // The port has gone: who listens to it says so.
    }
  }

  #taken(): void {
    this.#untaken = Math.max(0, this.#untaken - 1);
    this.#waiting.shift()?.();
  }

  #takenAll(): void {
    this.#untaken = 0;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

function invalid(why: string): MultisnapError {
  return new MultisnapError("Invalid", `not a conversation with a volume: ${why}`);
}
