/** `connectVolume` in pages and their workers: a dedicated worker has the volume. */
import { connectWorker, type Spawned } from "./connect/connect.ts";
import type { ConnectOptions } from "./connect/options.ts";
import { type MessagePortLike, portOf } from "./connect/port.ts";
import { MultisnapError } from "./errors.ts";
import type { Volume } from "./volume/types.ts";

export interface PageOptions extends ConnectOptions {
  /**
   * Where the worker's code is, or a worker that runs it and has been told nothing: for bundlers
   * that move code and do not see the worker in here. By default `browser-worker.js` beside this
   * file.
   */
  worker?: URL | string | Worker;
}

/**
 * The volume in a worker, so that the page never waits for a device, and can use one that only
 * workers have: the same interface as `openVolume`, which runs in the worker with the same options.
 * Devices are named and opened there: `{ store: { opfs: "disk" } }`. Closing the volume ends the
 * worker.
 *
 * Errors: those of `openVolume` and of the devices; `Io` (the worker's code cannot be loaded, or
 * failed), `Closed` (the signal), `Unsupported` (no workers here).
 */
export async function connectVolume({ worker, ...options }: PageOptions): Promise<Volume> {
  if (typeof Worker !== "function") {
    const where = "this platform makes no workers: use openVolume";
    throw new MultisnapError("Unsupported", `connectVolume: ${where}`);
  }
  return await connectWorker(spawned(worker), options);
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
