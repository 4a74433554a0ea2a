/**
 * The side that has the volume: any number of clients, each over a port of its own. What a client
 * sends can end its own session and nothing else.
 *
 * A session outlives its port where the host parks it: a client that comes back over another port
 * under its name finds its requests under way or done, and none is done twice.
 *
 * Bounded: `CLIENTS_MAX` sessions, `PORT_REQUESTS_MAX` requests and as many remembered answers
 * each, `HOST_BUDGET_BYTES` for what all requests need.
 */
import { MultisnapError } from "../errors.ts";
import { Budget } from "./budget.ts";
import { Client } from "./host-client.ts";
import {
  CLIENTS_MAX,
  HOST_BUDGET_BYTES,
  PORT_VERSIONS,
  REQUEST_NONE,
  SESSION_LENGTH_MAX,
  TYPE_FAILURE,
  TYPE_HELLO,
  TYPE_WELCOME,
} from "./limits.ts";
import { failureHead, type Head, NOTHING } from "./message.ts";
import type { Served } from "./operations.ts";
import { type Port, type Posted, postedOf } from "./port.ts";

export interface HostOptions {
  /** Sessions whose port is lost that wait for another one; the default is none. */
  parked?: number;
}

export class Host {
  readonly served: Served;
  readonly budget = new Budget(HOST_BUDGET_BYTES);
  readonly #parkedMax: number;
  /** By name; those that were parked last are last. */
  readonly #clients = new Map<string, Client>();
  #closed: MultisnapError | null = null;

  constructor(served: Served, { parked = 0 }: HostOptions = {}) {
    this.served = served;
    this.#parkedMax = parked;
  }

  /** Serves whoever says hello over the port. */
  accept(port: Port): void {
    const line = new Line(this, port);
    port.listen(
      (data) => line.take(data),
      () => line.gone(),
    );
  }

  /** The same for a port that is listened to already, and its hello: it may close the volume. */
  welcome(port: Port, hello: Posted): Line {
    const line = new Line(this, port, true);
    line.greet(hello);
    return line;
  }

  /** A client by its name: one that is parked, or a new one. `Busy`: too many. */
  enter(name: string, mayClose: boolean): { client: Client; known: boolean } {
    if (this.#closed) throw this.#closed;
    const found = this.#clients.get(name);
    if (found) return { client: found, known: true };
    if (this.#clients.size >= CLIENTS_MAX && !this.#dropParked()) {
      throw new MultisnapError("Busy", `the volume has ${CLIENTS_MAX} clients: close one`);
    }
    const client = new Client(this.served, this.budget, {
      mayClose,
      comesBack: this.#parkedMax > 0,
      viewsChanged: (by) => {
        for (const other of this.#clients.values()) if (other !== by) other.viewsChanged();
      },
      closed: () => void this.close(),
    });
    this.#clients.set(name, client);
    return { client, known: false };
  }

  /** Its port is lost. */
  park(name: string, client: Client): void {
    if (this.#clients.get(name) !== client) return;
    this.#clients.delete(name);
    if (this.#parkedMax === 0) return void client.end(gone());
    this.#clients.set(name, client);
    const parked = [...this.#clients.values()].filter((client) => client.port === null);
    if (parked.length > this.#parkedMax) this.#dropParked();
  }

  /** A client that does not come back. */
  drop(name: string): void {
    const client = this.#clients.get(name);
    this.#clients.delete(name);
    void client?.end(gone());
  }

  #dropParked(): boolean {
    for (const [name, { port }] of this.#clients) {
      if (port !== null) continue;
      this.drop(name);
      return true;
    }
    return false;
  }

  /** Ends all sessions: what is under way is ended where it can be, and answered. */
  async close(why = new MultisnapError("Closed", "the volume has been closed")): Promise<void> {
    this.#closed ??= why;
    const clients = [...this.#clients.values()];
    this.#clients.clear();
    await Promise.all(clients.map((client) => client.end(why)));
  }
}

/** One port, from its hello on. */
export class Line {
  readonly #host: Host;
  readonly #port: Port;
  readonly #mayClose: boolean;
  #name = "";
  #client: Client | null = null;
  #over = false;

  constructor(host: Host, port: Port, mayClose = false) {
    this.#host = host;
    this.#mayClose = mayClose;
    this.#port = port;
  }

  take(data: unknown): void {
    if (this.#over) return;
    try {
      const posted = postedOf(data);
      if (!this.#client) this.greet(posted);
      else if (!this.#client.take(posted)) this.#leave();
    } catch (error) {
      this.#refuse(error);
    }
  }

  greet(hello: Posted): void {
    try {
      if (hello.type !== TYPE_HELLO) throw invalid("it begins with a hello");
      const { versions, session, memory } = hello.head;
      const theirs: unknown[] = Array.isArray(versions) ? versions : [];
      const version = PORT_VERSIONS.find((version) => theirs.includes(version));
      if (version === undefined) throw unsupported();
      if (typeof session !== "string" || session.length > SESSION_LENGTH_MAX || session === "") {
        throw invalid(`a session has a name of 1 to ${SESSION_LENGTH_MAX} characters`);
      }
      const { client, known } = this.#host.enter(session, this.#mayClose);
      this.#name = session;
      this.#client = client;
      client.attach(this.#port, () => {
        this.#over = true;
      });
      const rings = typeof SharedArrayBuffer === "function" && memory instanceof SharedArrayBuffer;
      if (rings) client.share(memory, (error) => this.#refuse(error));
      this.#say(TYPE_WELCOME, { version, known, rings });
    } catch (error) {
      this.#refuse(error);
    }
  }

  gone(): void {
    if (this.#over) return;
    this.#over = true;
    const client = this.#client;
    if (!client) return;
    client.detach();
    this.#host.park(this.#name, client);
  }

  /** The client says that it goes. */
  #leave(): void {
    this.#over = true;
    this.#host.drop(this.#name);
    void this.#port.close();
  }

  #refuse(error: unknown): void {
    this.#over = true;
    try {
      this.#say(TYPE_FAILURE, failureHead(error));
    } catch {
      // Nobody is there to hear it.
    }
    if (this.#client) this.#host.drop(this.#name);
    void this.#port.close();
  }

  #say(type: number, head: Head): void {
    this.#port.post({ type, request: REQUEST_NONE, first: 0, head, payload: NOTHING }, []);
  }
}

function invalid(why: string): MultisnapError {
  return new MultisnapError("Invalid", `not a conversation with a volume: ${why}`);
}

function unsupported(): MultisnapError {
  const ours = PORT_VERSIONS.join(", ");
  return new MultisnapError("Unsupported", `the volume's port speaks version ${ours}, not theirs`);
}

function gone(): MultisnapError {
  return new MultisnapError("Closed", "the client has gone");
}
