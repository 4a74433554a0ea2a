/** The side that asks, over a port: says hello, then carries a session's messages. */
import { MultisnapError } from "../errors.ts";
import { Budget } from "./budget.ts";
import {
  PORT_BUDGET_BYTES,
  PORT_REQUESTS_MAX,
  PORT_VERSIONS,
  REQUEST_NONE,
  TYPE_CHANGED,
  TYPE_FAILURE,
  TYPE_HELLO,
  TYPE_PART,
  TYPE_REQUEST,
  TYPE_RING,
  TYPE_TAKEN,
  TYPE_WELCOME,
} from "./limits.ts";
import { failureOf, type Head, type Message, NOTHING } from "./message.ts";
import { Paced } from "./paced.ts";
import { lost, type Port, postedOf } from "./port.ts";
import { RingClient } from "./ring/client.ts";
import { type Link, Session } from "./session.ts";

/** A payload of that many bytes is handed over; a smaller one is copied faster. */
const TRANSFER_BYTES_MIN = 16 * 1024;

export class PortLink implements Link {
  readonly #port: Port;
  readonly #session: Session;
  #welcome: { resolve: (head: Head) => void; reject: (error: unknown) => void } | null = null;
  #isLost = false;
  #isAwake = false;
  #rings: RingClient | null = null;
  #ringsBusy = false;
  readonly #queueDepth: number;
  /** Null where another link may follow: nothing may come from this one any more then. */
  readonly #paced: Paced | null;
  /** Another client has made, deleted or renamed a snapshot. */
  onChanged = (): void => {};

  /** `session`: one that goes on over this port; by default a new one. */
  constructor(port: Port, queueDepth = PORT_REQUESTS_MAX, session?: Session) {
    this.#port = port;
    this.#queueDepth = queueDepth;
    this.#paced = session ? null : new Paced();
    const budget = new Budget(PORT_BUDGET_BYTES);
    this.#session = session ?? new Session(this, { requestsMax: queueDepth, budget });
    port.listen(
      (data) => this.#take(data),
      (why) => this.#lose(why),
    );
  }

  get session(): Session {
    return this.#session;
  }

  /** Where the welcome says so: rings in the memory that went with the hello. */
  share(memory: SharedArrayBuffer): RingClient {
    const knock = () =>
      this.send({ type: TYPE_RING, request: REQUEST_NONE, head: {}, payload: NOTHING });
    this.#rings = new RingClient(memory, this.#queueDepth, knock, (isBusy) => {
      this.#ringsBusy = isBusy;
      if (isBusy) this.#wake();
      else this.idle();
    });
    return this.#rings;
  }

  /**
   * Says hello; answers the head of the welcome. Where `memory` cannot be sent the hello goes
   * without it. Errors: whatever the other side says; `Io`, `Invalid` (what cannot be cloned).
   */
  greet(hello: Head, memory: SharedArrayBuffer | null = null): Promise<Head> {
    return new Promise((resolve, reject) => {
      this.#welcome = { resolve, reject };
      const head = { ...hello, versions: PORT_VERSIONS };
      const post = (head: Head) =>
        this.#port.post({ type: TYPE_HELLO, request: REQUEST_NONE, first: 0, head }, []);
      try {
        this.#wake();
        if (!memory || !sent(() => post({ ...head, memory }))) post(head);
      } catch (cause) {
        const what = "options for another thread have to be plain data, and devices named";
        reject(new MultisnapError("Invalid", `${what}: ${(cause as Error).message}`, { cause }));
      }
    });
  }

  send(message: Message): void {
    if (this.#isLost) return;
    const { type, request, head } = message;
    // A view on shared memory cannot always be cloned, and one on a part is cloned with the whole.
    // Not by `slice`: that of Node's Buffer copies nothing, and the caller's bytes would be gone.
    const payload = message.payload.length > 0 ? new Uint8Array(message.payload) : undefined;
    const transfer = payload && payload.length >= TRANSFER_BYTES_MIN ? [payload.buffer] : [];
    if (type === TYPE_REQUEST) this.#wake();
    const plain = { type, request, first: this.#session.first, head };
    const posted = payload ? { ...plain, payload } : plain;
    if (this.#paced) this.#paced.post(() => this.#post(posted, transfer));
    else this.#post(posted, transfer);
  }

  #post(posted: object, transfer: Transferable[]): void {
    try {
      this.#port.post(posted, transfer);
    } catch (cause) {
      this.#lose(new MultisnapError("Io", "the volume's port takes no message", { cause }));
    }
  }

  async close(): Promise<void> {
    this.#paced?.flush();
    this.#isLost = true;
    this.#rings?.fail(this.#session.failure ?? lost("was left"));
    await this.#port.close();
  }

  #take(data: unknown): void {
    try {
      const message = postedOf(data);
      if (message.type === TYPE_RING) this.#rings?.look();
      else if (message.type === TYPE_CHANGED) this.onChanged();
      else if (this.#welcome) this.#greeted(message);
      else this.#session.take(message);
      if (message.type === TYPE_PART) {
        this.send({ type: TYPE_TAKEN, request: message.request, head: {}, payload: NOTHING });
      }
    } catch (error) {
      this.#lose(error instanceof MultisnapError ? error : lost("sent what nobody understands"));
    }
  }

  #greeted({ type, head }: Message): void {
    const { resolve, reject } = this.#welcome!;
    this.#welcome = null;
    if (type === TYPE_WELCOME && PORT_VERSIONS.includes(head.version as number)) resolve(head);
    else if (type === TYPE_FAILURE) reject(failureOf(head));
    else reject(new MultisnapError("Invalid", "what answers on the port is no volume of ours"));
  }

  #lose(why: MultisnapError): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#paced?.drop();
    this.#welcome?.reject(why);
    this.#welcome = null;
    this.#rings?.fail(why);
    this.#session.lose(why);
  }

  /** Between the first request and the last answer the process stays. */
  #wake(): void {
    if (this.#isAwake) return;
    this.#isAwake = true;
    this.#port.awake?.(true);
  }

  idle(): void {
    if (!this.#isAwake || this.#session.busy || this.#ringsBusy) return;
    this.#isAwake = false;
    this.#port.awake?.(false);
  }
}

/** A page that is not isolated shares no memory with a worker. */
function sent(post: () => void): boolean {
  try {
    post();
    return true;
  } catch {
    return false;
  }
}
