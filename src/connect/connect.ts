/** A volume in another thread, from the side that uses it. */
import { givenEngine } from "../engine/source.ts";
import { type Env, systemEnv } from "../env.ts";
import { endIfAborted } from "../task.ts";
import { PORT_REQUESTS_MAX } from "./limits.ts";
import type { Head } from "./message.ts";
import type { ConnectOptions, Opening } from "./options.ts";
import { type MessagePortLike, type Port, portOf } from "./port.ts";
import { PortLink } from "./port-link.ts";
import { RemoteVolume } from "./remote-volume.ts";
import { sharedMemory } from "./ring/client.ts";

/** A worker that runs `serveWorker`, and how to end it. */
export interface Spawned {
  port: Port;
  end(): void | Promise<unknown>;
}

/** The volume that the worker opens. It ends the worker when it is closed, or cannot be opened. */
export async function connectWorker(
  spawned: Spawned,
  { signal, shared = true, ...options }: ConnectOptions,
  session = newName(systemEnv),
): Promise<RemoteVolume> {
  const open: Opening = { options, engine: givenEngine() };
  const aborted = aborting(signal);
  try {
    endIfAborted(signal);
    const opening = greeted(spawned.port, { open, shared, session }, options.queueDepth);
    opening.catch(() => {});
    const volume = await Promise.race([opening, aborted.promise]);
    volume.owned = {
      close: () => volume.request("close"),
      end: async () => {
        await spawned.end();
      },
    };
    return volume;
  } catch (error) {
    await spawned.end();
    throw error;
  } finally {
    aborted.end();
  }
}

/**
 * The volume of a worker that another thread made, over a port that was handed to that worker
 * (`Handing`). Closing it leaves the volume open.
 */
export function connectPort(port: MessagePortLike, shared = true): Promise<RemoteVolume> {
  return greeted(portOf(port), { shared, session: newName(systemEnv) });
}

async function greeted(
  port: Port,
  { open, shared, session }: { open?: Opening; shared: boolean; session: string },
  queueDepth = PORT_REQUESTS_MAX,
): Promise<RemoteVolume> {
  const link = new PortLink(port, Math.max(1, Math.min(queueDepth, PORT_REQUESTS_MAX)));
  const hello: Head = { ...(open && { open }), session };
  const memory = shared ? sharedMemory() : null;
  const { rings } = await link.greet(hello, memory);
  const volume = new RemoteVolume(link.session, []);
  if (memory && rings === true) volume.rings = link.share(memory);
  link.onChanged = () => volume.changed();
  await volume.refresh();
  return volume;
}

/** A session's name: 128 random bits in hexadecimal. */
export function newName(env: Env): string {
  const bytes = new Uint8Array(16);
  env.random(bytes);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A promise that fails as `signal` is aborted. */
function aborting(signal: AbortSignal | undefined): { promise: Promise<never>; end(): void } {
  let abort = (): void => {};
  const promise = new Promise<never>((_, reject) => {
    abort = () => {
      try {
        endIfAborted(signal);
      } catch (error) {
        reject(error);
      }
    };
  });
  promise.catch(() => {});
  signal?.addEventListener("abort", abort, { once: true });
  return { promise, end: () => signal?.removeEventListener("abort", abort) };
}
