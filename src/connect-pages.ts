/** `connectVolume` in pages and their workers: a dedicated worker has the volume. */
import { connectWorker, newName, type Spawned } from "./connect/connect.ts";
import type { ConnectOptions, TabsOptions } from "./connect/options.ts";
import { lost, type MessagePortLike, portOf } from "./connect/port.ts";
import {
  isStanding,
  type Standing,
  sessionName,
  storeName,
  turnLock,
} from "./connect/tabs/notes.ts";
import { Place } from "./connect/tabs/place.ts";
import { webLocks } from "./devices/neighbours.ts";
import { systemEnv } from "./env.ts";
import { MultisnapError } from "./errors.ts";
import type { Volume } from "./volume/types.ts";

export interface PageOptions extends Omit<ConnectOptions, "tabs"> {
  /**
   * Where the worker's code is, or a worker that runs it and has been told nothing: for bundlers
   * that move code and do not see the worker in here. By default `browser-worker.js` beside this
   * file.
   */
  worker?: URL | string | Worker;
  /**
   * True, or options: all tabs of this origin that say so have the volume together; see
   * `connectVolume`. The default is false: a second tab gets `Busy`.
   */
  tabs?: boolean | TabsOptions;
}

/**
 * The volume in a worker, so that the page never waits for a device, and can use one that only
 * workers have: the same interface as `openVolume`, which runs in the worker with the same options.
 * Devices are named and opened there: `{ store: { opfs: "disk" } }`. Closing the volume ends the
 * worker.
 *
 * With `tabs` any number of tabs (and workers of theirs) connect to the same store at once. The
 * worker of one has the files; when it goes, however that comes, another takes over, and what was
 * asked meanwhile is answered by that. Then:
 * - What was flushed is there, and so is a snapshot, a deletion or a new name that was answered.
 * - A write that was answered and not flushed is there as long as its own tab lives: the tab keeps
 *   a copy until it is durable and has it done again, in the order of all tabs' writes. Where that
 *   cannot be (the tab did not answer within 2 s of the take-over, or there is no room now), every
 *   request of the tab fails with `Io` from then on, and the volume is to be connected again.
 * - A request without an answer is finished by the new owner, and done once as far as any answer
 *   tells; a merge, a clone, a message that had begun fails with `Io`: it may have been done.
 * - `create` counts where the store is empty, so all tabs can give it. Names of snapshots that
 *   other tabs made are known after `refresh`.
 * - Beside the store lies a file `NAME.tabs`: remove it together with the store.
 * - Requests go as messages (`shared` has no effect).
 *
 * Errors: those of `openVolume` and of the devices; `Io` (the worker's code cannot be loaded, or
 * failed), `Closed` (the signal), `Unsupported` (no workers here), `Busy` (the tab that has the
 * files says nothing: it may be frozen; what was asked may have been done or not).
 */
export async function connectVolume(options: PageOptions): Promise<ConnectedVolume> {
  const { worker, tabs, ...rest } = options;
  if (typeof Worker !== "function") {
    const where = "this platform makes no workers: use openVolume";
    throw new MultisnapError("Unsupported", `connectVolume: ${where}`);
  }
  if (!tabs) return await connectWorker(spawned(worker), rest);
  return await connectTabs(worker, { ...rest, tabs: tabs === true ? {} : tabs, shared: false });
}

export interface ConnectedVolume extends Volume {
  /** Asks for everything that answers at once: names, sizes, status. */
  refresh(): Promise<void>;
}

async function connectTabs(
  worker: PageOptions["worker"],
  options: ConnectOptions,
): Promise<ConnectedVolume> {
  const store = storeName(options.store);
  const session = newName(systemEnv);
  const made = spawned(worker);
  const ended = new AbortController();
  let gone = (_: MultisnapError): void => {};
  const { port } = made;
  const locks = webLocks(navigator.locks);
  const tell = (stands: boolean) => port.post({ stands } satisfies Standing, []);
  const place = new Place(locks, turnLock(store), tell);
  const listen: typeof port.listen = (take, lose) => {
    gone = (why) => {
      place.close();
      lose(why);
    };
    port.listen((data) => (isStanding(data) ? place.over() : take(data)), gone);
    tell(false);
  };
  const end = () => {
    ended.abort();
    place.close();
    return made.end();
  };
  followPage(place, ended.signal);
  const volume = await connectWorker({ port: { ...port, listen }, end }, options, session);
  // The worker holds it as long as it lives; nothing else tells that it has ended.
  locks.take(sessionName(store, session), { signal: ended.signal, shared: true }).then(
    (release) => {
      release();
      gone(lost("ended"));
    },
    () => {},
  );
  return volume;
}

/** A page that is frozen, or kept for the way back, must not have the files. */
function followPage(place: Place, signal: AbortSignal): void {
  const [enter, leave] = [() => place.enter(), () => place.leave()];
  enter();
  const { document } = globalThis as { document?: EventTarget };
  if (!document) return;
  document.addEventListener("freeze", leave, { signal });
  document.addEventListener("resume", enter, { signal });
  globalThis.addEventListener("pagehide", leave, { signal });
  globalThis.addEventListener("pageshow", enter, { signal });
}

function spawned(given: URL | string | Worker | undefined): Spawned {
  const worker = given instanceof Worker ? given : made(given);
  const port = portOf(worker as MessagePortLike & Worker);
  return {
    port: {
      post: port.post,
      listen: (take, gone) => {
        port.listen(take, gone);
        worker.addEventListener("error", (event) => gone(failed(event)));
      },
      close() {},
    },
    end: () => worker.terminate(),
  };
}

function made(from: URL | string | undefined): Worker {
  if (from) return new Worker(from, { type: "module" });
  // As it stands here, bundlers see it and bring the worker's code along.
  return new Worker(new URL("./browser-worker.js", import.meta.url), { type: "module" });
}

/** An error event has a message where the worker's code failed, and none where it did not load. */
function failed({ message, error }: ErrorEvent): MultisnapError {
  const why = message || "its code could not be loaded: give connectVolume its URL as `worker`";
  return new MultisnapError(
    "Io",
    `the worker of the volume failed: ${why}; what had no answer yet may have been done or not`,
    { cause: error },
  );
}
