/** The worker of `connectVolume` in pages: what it opens comes by message. */
import type { NamedDevice, Openers } from "./connect/options.ts";
import { type MessagePortLike, portOf } from "./connect/port.ts";
import { serveWorker } from "./connect/worker.ts";
import { filledDevice, type MemoryDeviceOptions } from "./devices/memory.ts";
import { type OpfsDeviceOptions, opfsDevice } from "./devices/opfs.ts";
import { originNeighbours } from "./devices/opfs-mark.ts";

const openers: Openers = {
  memory: async ({ memory, ...options }: NamedDevice) =>
    filledDevice(memory ?? null, options as MemoryDeviceOptions),
  opfs: ({ opfs, ...options }: NamedDevice) =>
    opfsDevice(String(opfs), options as OpfsDeviceOptions),
};

const port = portOf(globalThis as unknown as MessagePortLike);
serveWorker(port, { openers, neighbours: originNeighbours() });
