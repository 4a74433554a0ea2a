/** `connectVolume` under Node, Deno and Bun: a worker thread has the volume. */
import { Worker } from "node:worker_threads";
import { connectWorker, type Spawned } from "./connect/connect.ts";
import type { ConnectOptions } from "./connect/options.ts";
import { lost } from "./connect/port.ts";
import { MultisnapError } from "./errors.ts";
import type { Volume } from "./volume/types.ts";

export interface ThreadOptions extends ConnectOptions {
  /**
   * Where the worker's code is, or a worker that runs it and has been told nothing: for programs
   * whose code a bundler has moved. By default `worker.js` beside this file. An object is a
   * `Worker` of node:worker_threads (not everybody's types have that name).
   */
  worker?: URL | string | object;
}

/**
 * The volume in a worker thread, so that this one never waits for a device: the same interface as
 * `openVolume`, which runs in the worker with the same options. Devices are named and opened there:
 * `{ store: { file: "disk.msnap" } }`. Closing the volume ends the worker.
 *
 * Errors: those of `openVolume` and of the devices; `Io` (the worker ended), `Closed` (the signal).
 */
export async function connectVolume({ worker, ...options }: ThreadOptions): Promise<Volume> {
  return await connectWorker(spawn(worker ?? beside()), options);
}

/** Under the name that it has where this file is: as source, or built. */
function beside(): URL {
  const { url } = import.meta;
  return new URL(url.endsWith(".ts") ? "./worker.ts" : "./worker.js", url);
}

function spawn(from: URL | string | object): Spawned {
  const worker = from instanceof Worker ? from : made(from);
  let cause: Error | null = null;
  worker.on("error", (error) => {
    cause = error as Error;
  });
  return {
    port: {
      post: (message, transfer) => worker.postMessage(message, transfer as never[]),
      listen: (take, gone) => {
        worker.on("message", take);
        worker.on("messageerror", () => gone(lost("sent what cannot be read here")));
        worker.on("exit", () => gone(ended(cause)));
      },
      close() {},
      awake: (needed) => (needed ? worker.ref() : worker.unref()),
    },
    end: () => worker.terminate(),
  };
}

function made(from: URL | string | object): Worker {
  try {
    // What this program preloads (a loader of sources, say) is nothing to the worker.
    return new Worker(from as URL | string, { execArgv: [] });
  } catch (cause) {
    throw new MultisnapError("Unsupported", `${from}: no worker can be made of it`, { cause });
  }
}

function ended(cause: Error | null): MultisnapError {
  const why = cause ? `: ${cause.message}` : "";
  return new MultisnapError(
    "Io",
    `the worker of the volume ended${why}; what had no answer yet may have been done or not: ` +
      "connect again",
    cause ? { cause } : {},
  );
}
