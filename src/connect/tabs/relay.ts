/**
 * A tab's side of a volume that many tabs share: hands the tab's requests to the owner, whichever
 * tab that is, and keeps what would be lost with it.
 *
 * Invariants: a write that was answered and is not durable is kept here, or was done by a volume in
 * this very thread. A request is answered once; the owner after the one that went gets those without
 * an answer, and those that were begun only where they were not done.
 */
import type { Channel } from "../../devices/neighbours.ts";
import { MultisnapError } from "../../errors.ts";
import { Budget } from "../budget.ts";
import { PORT_BUDGET_BYTES, PORT_REQUESTS_MAX, TYPE_REQUEST } from "../limits.ts";
import { type Head, NOTHING } from "../message.ts";
import type { Call, Result } from "../operations.ts";
import type { Port } from "../port.ts";
import { PortLink } from "../port-link.ts";
import { type Answer, closed, Session } from "../session.ts";
import { costOf, Kept } from "./kept.ts";
import type { Outcome, OwnerNote } from "./notes.ts";
import { isKept, isOnce } from "./operations.ts";
import { Patience } from "./patience.ts";

export interface RelayOptions {
  session: string;
  /** Bytes of writes that are not durable, at most; then the tab flushes. */
  unflushedBytes: number;
  /** An owner is looked for. */
  join: () => void;
  /** Nothing can be asked any more. */
  failed: () => void;
  patienceMs: number;
}

interface Asked {
  op: string;
  head: Head;
  payload: Uint8Array;
  begun: boolean;
  /** It is not to be asked again. */
  over: boolean;
  /** Answered without the session. */
  settle: (answer: Answer) => void;
  refuse: (error: MultisnapError) => void;
}

export class Relay {
  readonly name: string;
  readonly #session: Session;
  readonly #kept = new Kept();
  readonly #options: RelayOptions;
  readonly #patience: Patience;
  /** By the head that the session knows them by. */
  readonly #asked = new Map<Head, Asked>();
  /** Views that are held, by id: what asked for it. */
  readonly #holds = new Map<number, Head>();
  #owner: string | null = null;
  #channel: Channel | null = null;
  #link: PortLink | null = null;
  /** The owner is in this thread: nothing is lost but with this. */
  #local = false;
  #deliver: (data: unknown) => void = () => {};
  /** What was asked about the last time, in that order. */
  #reported: Asked[] = [];
  #pulled = 0;
  /** Bytes of writes on their way. */
  #reserved = 0;
  #flushing: Promise<void> | null = null;
  #failure: MultisnapError | null = null;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.name = options.session;
    const nowhere = { send: () => {}, close: async () => {} };
    const budget = new Budget(PORT_BUDGET_BYTES);
    this.#session = new Session(nowhere, { requestsMax: PORT_REQUESTS_MAX, budget });
    this.#session.onLost = (why) => this.fail(why);
    this.#patience = new Patience(options.patienceMs, {
      busy: () => this.#asked.size > 0,
      knock: () => this.#knock(),
      over: (error) => this.#giveUp(error),
    });
  }

  get kept(): number {
    return this.#kept.count;
  }

  /** The owner is in another thread, or nowhere. */
  get remote(): boolean {
    return !this.#local;
  }

  async perform(op: string, call: Call): Promise<Result> {
    const { payload } = call;
    if (this.#failure) throw this.#failure;
    const cost = isKept(op) ? costOf(payload) : 0;
    if (cost > 0 && !this.#local) await this.#room(cost);
    this.#reserved += cost;
    try {
      const { head, payload: answered } = await this.#ask(op, call);
      const { stamp, floor, ...rest } = head;
      if (typeof stamp === "number" && !this.#local) {
        this.#kept.add({ stamp, op, head: call.head, payload: owned(payload) });
      }
      this.#learn(op, call.head, floor);
      return { head: rest, payload: answered };
    } finally {
      this.#reserved -= cost;
    }
  }

  #ask(op: string, { head, payload, signal, progress, row }: Call): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const asked: Asked = {
        ...{ op, head, payload, begun: false, over: false },
        settle: resolve,
        refuse: reject,
      };
      this.#asked.set(head, asked);
      this.#patience.begin();
      const request = this.#session.request(op, head, {
        payload,
        signal,
        answerBytes: op === "read" && typeof head.length === "number" ? head.length : 0,
        progress: (done, total) => {
          asked.begun = isOnce(op);
          progress(done, total);
        },
        rows: (rows) => {
          for (const one of rows) void row(one);
        },
      });
      request.then(resolve, reject).finally(() => this.#asked.delete(head));
    });
  }

  #learn(op: string, head: Head, floor: unknown): void {
    if (typeof floor === "number") this.#kept.drop(floor);
    if (op === "hold") this.#holds.set((head.view as { id: number }).id, head);
    else if (op === "release") this.#holds.delete(head.id as number);
  }

  /** Waits until so many bytes may be written; a flush begins before there is none to wait for. */
  async #room(cost: number): Promise<void> {
    const { unflushedBytes } = this.#options;
    if (this.#kept.bytes > unflushedBytes / 2) this.flush().catch(() => {});
    while (this.#kept.bytes + this.#reserved + cost > unflushedBytes) {
      if (this.#kept.bytes + this.#reserved === 0) return;
      await this.flush();
    }
  }

  /** All that was answered is durable. */
  flush(): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    this.#patience.begin();
    this.#flushing ??= this.#session
      .request("flush")
      .then(({ head }) => this.#learn("flush", {}, head.floor))
      .finally(() => {
        this.#flushing = null;
      });
    return this.#flushing;
  }

  /** What an owner says, on the channel that answers go to. */
  take(note: OwnerNote, channel: Channel, local: boolean): void {
    if (this.#failure) return;
    if (note.kind === "here") this.#meet(note.owner, channel, local);
    if (note.owner !== this.#owner) return;
    this.#patience.heard();
    if (note.kind === "pull") this.#push();
    else if (note.kind === "late") this.fail(new MultisnapError("Io", note.message));
    else if (note.kind === "settled") void this.#connect(note.owner, note.outcomes);
    else if (note.kind === "post") this.#deliver(note.data);
  }

  #meet(owner: string, channel: Channel, local: boolean): void {
    if (owner === this.#owner && this.#link !== null) return;
    void this.#link?.close();
    this.#link = null;
    if (owner !== this.#owner) this.#pulled = 0;
    this.#owner = owner;
    this.#channel = channel;
    this.#local = local;
    this.#reported = [...this.#asked.values()].filter(({ begun, over }) => begun && !over);
    const begun = this.#reported.map(({ op, head, payload }) => ({ op, head, payload }));
    const { count: kept, last: stamp } = this.#kept;
    channel.post({ to: owner, kind: "report", kept, stamp, begun });
  }

  #push(): void {
    const { writes, last } = this.#kept.batch(this.#pulled);
    this.#pulled = writes.at(-1)?.stamp ?? this.#pulled;
    this.#channel!.post({ to: this.#owner, kind: "batch", writes, last });
  }

  async #connect(owner: string, outcomes: readonly Outcome[]): Promise<void> {
    if (this.#link !== null) return;
    for (const [index, asked] of this.#reported.entries()) {
      this.#decide(asked, outcomes[index] ?? { what: "unknown", head: {} });
    }
    this.#reported = [];
    const channel = this.#channel!;
    const port: Port = {
      post: (data) => channel.post({ to: owner, kind: "post", data }),
      listen: (take) => {
        this.#deliver = take;
      },
      close() {},
    };
    const link = new PortLink(port, PORT_REQUESTS_MAX, this.#session);
    this.#link = link;
    try {
      await link.greet({ session: this.name });
    } catch (error) {
      if (this.#link === link) this.fail(error as MultisnapError);
      return;
    }
    if (this.#link !== link) return;
    // The owner has them in its own memory, which this thread shares.
    if (this.#local) this.#kept.clear();
    let number = Number.MAX_SAFE_INTEGER;
    for (const head of this.#holds.values()) {
      // Nobody waits for the answers.
      link.send({ type: TYPE_REQUEST, request: number--, head, payload: NOTHING });
    }
    this.#session.resume(link, (_, head) => this.#asked.get(head)?.over !== true);
  }

  #decide(asked: Asked, { what, head }: Outcome): void {
    asked.begun = false;
    if (what === "again") return;
    asked.over = true;
    if (what === "done") asked.settle({ head, payload: NOTHING });
    // Where it is not known, the session says so.
  }

  /** Somebody is asked whether he is there. */
  #knock(): void {
    if (this.#link === null) this.#options.join();
    else this.#channel!.post({ to: this.#owner, kind: "ping" });
  }

  /** What waits fails, and may have been done or not; what is asked later finds out anew. */
  #giveUp(error: MultisnapError): void {
    for (const asked of this.#asked.values()) {
      asked.over = true;
      asked.refuse(error);
    }
  }

  /** All is answered and durable. */
  finish(): void {
    this.#patience.end();
    this.#failure ??= closed();
  }

  /** Nothing is asked any more. */
  fail(error: MultisnapError): void {
    if (this.#failure) return;
    this.#failure = error;
    this.#options.failed();
    this.#patience.end();
    this.#session.fail(this.#failure);
    this.#giveUp(this.#failure);
  }
}

/** The bytes of a request may be a part of something large, or of shared memory. */
function owned(payload: Uint8Array): Uint8Array {
  const whole = payload.length === payload.buffer.byteLength;
  return whole && payload.buffer instanceof ArrayBuffer ? payload : payload.slice();
}
