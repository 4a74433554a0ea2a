/** What a worker does: opens the volume that its first message names, and serves it. */

import type { Device } from "../devices/device.ts";
import type { EngineSource } from "../engine/source.ts";
import { useEngine } from "../engine/source.ts";
import { MultisnapError } from "../errors.ts";
import { openVolume } from "../volume/open.ts";
import type { Volume } from "../volume/types.ts";
import { Host, type HostOptions, type Line } from "./host.ts";
import { REQUEST_NONE, TYPE_FAILURE, TYPE_HELLO } from "./limits.ts";
import { failureHead } from "./message.ts";
import { type Openers, type Opening, openDevice } from "./options.ts";
import { type MessagePortLike, type Port, type Posted, portOf, postedOf } from "./port.ts";

/**
 * Serves whoever made the worker over `port`, and others over ports that he hands on. `ended` is
 * called when the volume has been closed or could not be opened.
 */
export function serveWorker(port: Port, openers: Openers, ended: () => void = () => {}): void {
  const worker = new WorkerHost(port, openers, ended);
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
  readonly #openers: Openers;
  readonly #ended: () => void;
  #opening: Promise<Host> | null = null;
  #line: Line | null = null;
  /** What came before the volume was open. */
  #early: unknown[] = [];

  constructor(port: Port, openers: Openers, ended: () => void) {
    this.#port = port;
    this.#openers = openers;
    this.#ended = ended;
  }

  take(data: unknown): void {
    if (isHanding(data)) this.#hand(data.client);
    else if (this.#line) this.#line.take(data);
    else if (this.#opening) this.#early.push(data);
    else {
      this.#opening = this.#open(data);
      this.#opening.catch((error) => this.#refuse(error));
    }
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
    const volume = await openNamed(opening, this.#openers);
    const host = hostOf(volume, opening, this.#ended);
    this.#line = host.welcome(this.#port, { ...hello, head: { ...hello.head, open: null } });
    for (const early of this.#early.splice(0)) this.#line.take(early);
    return host;
  }

  #hand(client: MessagePortLike): void {
    const port = portOf(client);
    const opening = this.#opening ?? Promise.reject(new MultisnapError("Closed", "not open yet"));
    opening.then(
      (host) => host.accept(port),
      (error) => say(port, error),
    );
  }

  #refuse(error: unknown): void {
    say(this.#port, error);
    this.#ended();
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
function hostOf(volume: Volume, options: HostOptions, ended: () => void): Host {
  const served = { volume, files: [], live: () => ({}), close };
  const host = new Host(served, options);
  async function close(): Promise<void> {
    try {
      await volume.close();
    } finally {
      void host.close().then(ended);
    }
  }
  return host;
}

/** Devices that were opened are closed again where a later one, or the volume, cannot be. */
async function openNamed({ options, engine }: Opening, openers: Openers): Promise<Volume> {
  if (engine !== null) useEngine(engine as EngineSource);
  const { store, origin, base, others, ...rest } = options;
  const opened: Device[] = [];
  const open = async (named: unknown) => {
    const device = await openDevice(openers, named);
    opened.push(device);
    return device;
  };
  try {
    const devices = {
      store: await open(store),
      ...(origin && { origin: await open(origin) }),
      ...(base && { base: await open({ readOnly: true, ...base }) }),
      others: [] as Device[],
    };
    for (const other of others ?? []) devices.others.push(await open(other));
    return await openVolume({ ...rest, ...devices });
  } catch (error) {
    for (const device of opened) await device.close();
    throw error;
  }
}
