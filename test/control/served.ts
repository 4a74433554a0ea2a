/** Volumes that are served, for tests: in this process, so that both sides can be looked at. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { RemoteVolume } from "../../src/connect/remote-volume.ts";
import { connectControl } from "../../src/control/client.ts";
import { type ControlOptions, type ControlServer, serveControl } from "../../src/control/server.ts";
import { fileDevice } from "../../src/devices/file.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import type { CreateOptions, Volume } from "../../src/volume/types.ts";
import { subjects } from "../model/openers.ts";
import type { Subject } from "../model/subjects.ts";

/** Emptied when the test file ends. */
export const folder = fs.mkdtempSync(path.join(os.tmpdir(), "multisnap-control-"));
process.on("exit", () => fs.rmSync(folder, { recursive: true, force: true }));

let files = 0;
/** A path where nothing is. */
export function fresh(name = "disk.msnap"): string {
  return path.join(folder, `${files++}-${name}`);
}

export interface Served {
  store: string;
  volume: Volume;
  server: ControlServer;
  close(): Promise<void>;
}

/** A new store in a file, opened and served. */
export async function serveFile(
  create: CreateOptions = { size: 8 * 2 ** 20 },
  options: ControlOptions = {},
  store = fresh(),
): Promise<Served> {
  const volume = await openVolume({ store: await fileDevice(store), create });
  return served(volume, store, options);
}

const open = new Set<() => Promise<void>>();

export async function served(
  volume: Volume,
  store: string,
  options: ControlOptions = {},
): Promise<Served> {
  const server = await serveControl(volume, store, options);
  const close = async () => {
    if (!open.delete(close)) return;
    await server.close();
    await volume.close();
  };
  open.add(close);
  return { store, volume, server, close };
}

/** After all tests of a file: what a test that failed left open would keep the process alive. */
export async function closeAll(): Promise<void> {
  for (const close of [...open]) await close();
}

/** Connects to a store that is served for certain. */
export async function connect(store: string): Promise<RemoteVolume> {
  const remote = await connectControl(store);
  if (remote === null) throw new Error(`nobody serves ${store}`);
  return remote;
}

/** The other subjects behind a socket: closing the volume closes what is behind it, too. */
export const servedSubjects: readonly Subject[] = subjects.map((subject) => ({
  ...subject,
  name: `${subject.name}, served`,
  remote: { synchronous: false },
  open: async (devices, options) => {
    const store = fresh();
    fs.writeFileSync(store, "");
    const { close } = await served(await subject.open(devices, options), store);
    const remote = await connect(store);
    const leave = remote.close.bind(remote);
    remote.close = async () => {
      await leave();
      await close();
    };
    return remote;
  },
}));
