/** What a worker does: opens the volume that its first message names, and serves it. */
import type { Neighbours } from "../devices/neighbours.ts";
import { MultisnapError } from "../errors.ts";
import type { Volume } from "../volume/types.ts";
import { Host, type HostOptions, type Line } from "./host.ts";
import { REQUEST_NONE, TYPE_FAILURE, TYPE_HELLO } from "./limits.ts";
import { failureHead } from "./message.ts";
import { openNamed } from "./opening.ts";
import type { Openers, Opening } from "./options.ts";
import { type MessagePortLike, type Port, type Posted, portOf, postedOf } from "./port.ts";
import type { Member } from "./tabs/member.ts";
import { isStanding, type Standing } from "./tabs/notes.ts";

/** What a worker can use. */
export interface Around {
  openers: Openers;
  /** Null where tabs cannot find each other. */
  neighbours?: Neighbours | null;
}

/**
 * Serves whoever made the worker over `port`, and others over ports that he hands on (`Handing`).
 */
export function serveWorker(port: Port, around: Around): void {
  const worker = new WorkerHost(port, around);
  port.listen(
    (data) => worker.take(data),
    () => worker.gone(),
  );
}

/** For other clients of the worker's volume: posted to a worker together with their port. */
export interface Handing {
  client: MessagePortLike;
}

class WorkerHost {
  readonly #port: Port;
  readonly #around: Around;
  #opening: Promise<Host> | null = null;
  #line: Line | null = null;
  /** What came before the volume was open. */
  #early: unknown[] = [];

  #member: Member | null = null;
  /** The last word on whether it may have the volume; null: none yet. */
  #stands: boolean | null = null;

  constructor(port: Port, around: Around) {
    this.#port = port;
    this.#around = around;
  }

  take(data: unknown): void {
    if (isHanding(data)) this.#hand(data.client);
    else if (isStanding(data)) this.#stand(data.stands);
    else if (this.#line) this.#line.take(data);
    else if (this.#opening) this.#early.push(data);
    else {
      this.#opening = this.#open(data);
      this.#opening.catch((error) => say(this.#port, error));
    }
  }

  #stand(stands: boolean): void {
    const had = this.#stands === true;
    this.#stands = stands;
    if (this.#member) this.#member.stand(stands);
    // Taken back before there was anybody who stands: nobody else says that the turn is over.
    else if (had && !stands) this.#over();
  }

  /** Whoever gave the turn gets it back. */
  #over(): void {
    if (this.#stands !== null) this.#port.post({ stands: false } satisfies Standing, []);
  }

  gone(): void {
    this.#line?.gone();
  }

  async #open(data: unknown): Promise<Host> {
    const hello = postedOf(data);
    const opening = hello.head.open as (Opening & HostOptions) | undefined;
    if (hello.type !== TYPE_HELLO || typeof opening !== "object" || opening === null) {
      throw new MultisnapError("Invalid", "a worker's first message says what it opens");
    }
    const host = opening.options.tabs
      ? await this.#join(opening, hello.head.session)
      : hostOf(await openNamed(opening, this.#around.openers), opening);
    this.#line = host.welcome(this.#port, { ...hello, head: { ...hello.head, open: null } });
    for (const early of this.#early.splice(0)) this.#line.take(early);
    return host;
  }

  async #join(opening: Opening & HostOptions, session: unknown): Promise<Host> {
    // Loaded where it is asked for.
    const { Member } = await import("./tabs/member.ts");
    const over = () => this.#over();
    const member = await Member.join(opening, String(session), this.#around, over);
    this.#member = member;
    if (this.#stands !== false) member.stand(true);
    return new Host({ ...member.served, close: () => member.close() }, opening);
  }

  #hand(client: MessagePortLike): void {
    const port = portOf(client);
    const opening = this.#opening ?? Promise.reject(new MultisnapError("Closed", "not open yet"));
    opening.then(
      (host) => host.accept(port),
      (error) => say(port, error),
    );
  }
}

function say(port: Port, error: unknown): void {
  const head = failureHead(error);
  port.post(
    { type: TYPE_FAILURE, request: REQUEST_NONE, first: 0, head } satisfies Omit<Posted, "payload">,
    [],
  );
}

function isHanding(data: unknown): data is Handing {
  return typeof data === "object" && data !== null && "client" in data;
}

/** Whoever made the worker may close its volume; the others only leave. */
function hostOf(volume: Volume, options: HostOptions): Host {
  return new Host({ volume, files: [], live: () => ({}), close: () => volume.close() }, options);
}
