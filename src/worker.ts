/** The worker of `connectVolume` under Node, Deno and Bun: what it opens comes by message. */
import "./volume/preloaded.ts";
import { parentPort } from "node:worker_threads";
import type { NamedDevice, Openers } from "./connect/options.ts";
import type { Port } from "./connect/port.ts";
import { serveWorker } from "./connect/worker.ts";
import { type FileDeviceOptions, fileDevice } from "./devices/file.ts";
import { type HttpDeviceOptions, httpDevice } from "./devices/http.ts";
import { filledDevice, type MemoryDeviceOptions } from "./devices/memory.ts";
import { MultisnapError } from "./errors.ts";

export const openers: Openers = {
  file: ({ file, ...options }: NamedDevice) =>
    fileDevice(String(file), options as FileDeviceOptions),
  http: ({ http, ...options }: NamedDevice) =>
    httpDevice(String(http), options as HttpDeviceOptions),
  memory: async ({ memory, ...options }: NamedDevice) =>
    filledDevice(memory ?? null, options as MemoryDeviceOptions),
};

const thread = parentPort;
if (thread === null) {
  throw new MultisnapError("Invalid", "this file is for a worker: connectVolume makes it");
}
const port: Port = {
  post: (message, transfer) => thread.postMessage(message, transfer as never[]),
  listen: (take) => thread.on("message", take),
  close: () => thread.close(),
};
serveWorker(port, { openers });
