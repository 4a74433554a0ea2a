/** A volume and its NBD server in this process, so that both sides can be looked at. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as assert from "uvu/assert";
import { type NbdServer, type NbdServerOptions, serveNbd } from "../../src/nbd/server.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import type { Volume } from "../../src/volume/types.ts";
import { medium } from "../model/media.ts";
import { Random } from "../model/prng.ts";
import { RawClient } from "./raw-client.ts";

/** Emptied when the test file ends. */
export const folder = fs.mkdtempSync(path.join(os.tmpdir(), "multisnap-nbd-"));
process.on("exit", () => fs.rmSync(folder, { recursive: true, force: true }));

let sockets = 0;
/** A path where nothing is. */
export function freshSocket(): string {
  return path.join(folder, `${sockets++}.sock`);
}

export interface Served {
  volume: Volume;
  server: NbdServer;
  /** Path of the socket. */
  path: string;
  /** Closes all clients, and ends when they are gone; what they held must be given back. */
  quiet(): Promise<void>;
  /** Closes server and volume; the store must be clean. */
  close(): Promise<void>;
}

export interface ServedOptions {
  size?: number;
  chunk?: number;
  /** The store's device answers late and in any order, from this seed. */
  lateSeed?: number;
  nbd?: NbdServerOptions;
}

const SIZE = 48 * 2 ** 20;

export async function serve(options: ServedOptions = {}): Promise<Served> {
  const { lateSeed, size = SIZE, chunk = 4096 } = options;
  const kind = lateSeed === undefined ? "memory" : "late";
  const store = await medium(kind, { random: new Random(lateSeed ?? 0) }).open();
  const volume = await openVolume({ store, create: { size, chunk } });
  const socket = freshSocket();
  const server = await serveNbd(volume, { socket, ...options.nbd });
  const quiet = async () => {
    RawClient.closeAll();
    await until(() => server.live().connections === 0, "all connections end");
    await until(() => server.live().queueDepth === 0, "all requests end");
    assert.is(server.live().bytesInFlight, 0, "no bytes in flight without clients");
  };
  const close = async () => {
    await server.close();
    await quiet();
    const { clean, problems } = await volume.check();
    assert.ok(clean, JSON.stringify(problems));
    await volume.close();
  };
  return { volume, server, path: socket, quiet, close };
}

/** Waits for something that comes soon. */
export async function until(isThere: () => boolean, what: string): Promise<void> {
  for (let waited = 0; !isThere(); waited++) {
    if (waited > 6000) throw new Error(`waited in vain: ${what}`);
    await sleep(10);
  }
}
