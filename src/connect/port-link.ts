/** The side that asks, over a port: says hello, then carries a session's messages. */
import { MultisnapError } from "../errors.ts";
import { Budget } from "./budget.ts";
import {
  PORT_BUDGET_BYTES,
  PORT_REQUESTS_MAX,
  PORT_VERSIONS,
  REQUEST_NONE,
  TYPE_FAILURE,
  TYPE_HELLO,
  TYPE_PART,
  TYPE_REQUEST,
  TYPE_TAKEN,
  TYPE_WELCOME,
} from "./limits.ts";
import { failureOf, type Head, type Message, NOTHING } from "./message.ts";
import { lost, type Port, postedOf } from "./port.ts";
import { type Link, Session } from "./session.ts";

/** A payload of that many bytes is handed over; a smaller one is copied faster. */
const TRANSFER_BYTES_MIN = 16 * 1024;

export class PortLink implements Link {
  readonly #port: Port;
  readonly #session: Session;
  #welcome: { resolve: (head: Head) => void; reject: (error: unknown) => void } | null = null;
  #isLost = false;
  #isAwake = false;

  /** `session`: one that goes on over this port; by default a new one. */
  constructor(port: Port, queueDepth = PORT_REQUESTS_MAX, session?: Session) {
    this.#port = port;
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

  /** Says hello; answers the head of the welcome. Errors: whatever the other side says; `Io`. */
  greet(hello: Head, transfer: Transferable[] = []): Promise<Head> {
    return new Promise((resolve, reject) => {
      this.#welcome = { resolve, reject };
      const head = { ...hello, versions: PORT_VERSIONS };
      const message = { type: TYPE_HELLO, request: REQUEST_NONE, first: 0, head };
      try {
        this.#port.awake?.(true);
        this.#port.post(message, transfer);
      } catch (cause) {
        reject(cause);
      }
    });
  }

  send(message: Message): void {
    if (this.#isLost) return;
    const { type, request, head } = message;
    // A view on shared memory cannot always be cloned, and one on a part is cloned with the whole.
    const payload = message.payload.length > 0 ? message.payload.slice() : undefined;
    const transfer = payload && payload.length >= TRANSFER_BYTES_MIN ? [payload.buffer] : [];
    if (type === TYPE_REQUEST) this.#wake();
    try {
      const posted = { type, request, first: this.#session.first, head };
      this.#port.post(payload ? { ...posted, payload } : posted, transfer);
    } catch (cause) {
      this.#lose(new MultisnapError("Io", "the volume's port takes no message", { cause }));
    }
  }

  async close(): Promise<void> {
    this.#isLost = true;
    await this.#port.close();
  }

  #take(data: unknown): void {
    try {
      const message = postedOf(data);
      if (this.#welcome) this.#greeted(message);
      else this.#session.take(message);
      if (message.type === TYPE_PART) {
        this.send({ type: TYPE_TAKEN, request: message.request, head: {}, payload: NOTHING });
      }
    } catch (error) {
      this.#lose(error instanceof MultisnapError ? error : lost("sent what nobody understands"));
    }
    this.#rest();
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
    this.#welcome?.reject(why);
    this.#welcome = null;
    this.#session.lose(why);
  }

  /** Between the first request and the last answer the process stays. */
  #wake(): void {
    if (this.#isAwake) return;
    this.#isAwake = true;
    this.#port.awake?.(true);
  }

  #rest(): void {
    queueMicrotask(() => {
      if (this.#session.busy || this.#welcome) return;
      this.#isAwake = false;
      this.#port.awake?.(false);
    });
  }
}
