/** Volumes behind a port, for the suites that run over every subject. */
import { connectPort } from "../../src/connect/connect.ts";
import { Host } from "../../src/connect/host.ts";
import { portOf } from "../../src/connect/port.ts";
import { connectVolume } from "../../src/index.ts";
import type { Volume } from "../../src/volume/types.ts";
import { subjects } from "../model/openers.ts";
import type { Devices, Subject, VolumeOptions } from "../model/subjects.ts";

/** The host of a volume in this thread, so that both sides can be looked at. */
export function hostOf(volume: Volume, parked = 0): Host {
  return new Host({ volume, files: [], live: () => ({}) }, { parked });
}

export async function clientOf(host: Host): Promise<Volume> {
  const { port1, port2 } = new MessageChannel();
  host.accept(portOf(port1));
  return await connectPort(port2);
}

/** In the same thread: every medium, and what is in flight can be held back. */
export const portSubjects: readonly Subject[] = subjects.map((subject) => ({
  ...subject,
  name: `${subject.name}, behind a port`,
  remote: { synchronous: false },
  open: async (devices, options) => {
    const volume = await subject.open(devices, options);
    const host = hostOf(volume);
    const remote = await clientOf(host);
    const leave = remote.close.bind(remote);
    remote.close = async () => {
      await leave();
      await host.close();
      await volume.close();
    };
    return remote;
  },
}));

/**
 * The worker's built code: Node makes no worker of a source. The others do, and take the source.
 */
export const worker = "Deno" in globalThis || "Bun" in globalThis ? undefined : builtWorker();

function builtWorker(): URL {
  return new URL("../../dist/worker.js", import.meta.url);
}

/** In a worker, on files. */
export function workerSubjects(shared: boolean): readonly Subject[] {
  const way = shared ? "rings" : "messages";
  return subjects.map((subject) => ({
    ...subject,
    name: `${subject.name}, in a worker (${way})`,
    remote: { synchronous: shared },
    open: (devices, options) => openInWorker(subject, devices, options, shared),
  }));
}

/** The files of `devices`, which are closed here and opened there. */
async function openInWorker(
  subject: Subject,
  { store, origin, base, others = [] }: Devices,
  { create, env: _, ...options }: VolumeOptions,
  shared: boolean,
): Promise<Volume> {
  const all = [store, origin, base, ...others].filter((device) => device !== undefined);
  for (const device of all) await device.close();
  return await connectVolume({
    ...options,
    ...(create && { create: { kind: subject.kind, ...create } }),
    store: { file: store.name },
    ...(origin && { origin: { file: origin.name } }),
    ...(base && { base: { file: base.name } }),
    ...(others.length > 0 && { others: others.map(({ name }) => ({ file: name })) }),
    shared,
    ...(worker && { worker }),
  });
}
