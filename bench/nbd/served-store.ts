/** Our own server, on a store made for the measure; changed while it runs by the other commands. */
import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { fileDevice, openVolume, type Volume } from "../../src/index.ts";
import type { Status } from "../../src/volume/types.ts";
import { writeAll } from "../io/stores.ts";
import { drawn } from "../order.ts";
import type { SharedDisk } from "../peers/disk.ts";
import { ServerProcess, uriOf } from "../peers/server-process.ts";
import type { Scratch } from "../scratch.ts";

const execute = promisify(execFile);
const PROGRAM = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../bin/multisnap.js");
const SNAPSHOT = "turn";
/** Writes of 4 KiB between the snapshots that are there from the start: no two are the same. */
const WRITES_BETWEEN = 4;
const PAGE = 4096;

export interface StoreOptions {
  size: number;
  chunk: number;
  /** Of all that are there while the load runs; the last one is made by `shareAll`. */
  snapshots: number;
}

async function addSnapshots(volume: Volume, count: number): Promise<void> {
  const pages = drawn(count * WRITES_BETWEEN, volume.origin.size / PAGE, 41);
  const data = new Uint8Array(PAGE).fill(1);
  for (let i = 0; i < count; i++) {
    await volume.snapshot(`present-${i}`);
    for (const page of pages.subarray(i * WRITES_BETWEEN, (i + 1) * WRITES_BETWEEN)) {
      volume.origin.writeSync(page * PAGE, data);
    }
  }
}

/** A store with a fully written disk, served. */
export class ServedStore implements SharedDisk {
  readonly uri: string;
  readonly #server: ServerProcess;
  readonly #store: string;
  #taken = false;

  private constructor(server: ServerProcess, store: string, socket: string) {
    this.#server = server;
    this.#store = store;
    this.uri = uriOf(socket);
  }

  static async start(
    scratch: Scratch,
    name: string,
    { size, chunk, snapshots }: StoreOptions,
  ): Promise<ServedStore> {
    const [store, socket] = [`${name}.msnap`, `${name}.sock`].map(scratch.file);
    const volume = await openVolume({ store: await fileDevice(store), create: { size, chunk } });
    await writeAll(volume);
    await addSnapshots(volume, snapshots - 1);
    // So that deleting the last one frees the same, however many there are.
    if (snapshots > 1) await writeAll(volume);
    await volume.close();
    const args = [PROGRAM, "serve", store, "--socket", socket];
    const server = await ServerProcess.start(process.execPath, args, socket);
    return new ServedStore(server, store, socket);
  }

  get pid(): number {
    return this.#server.pid;
  }

  async #run(...args: string[]): Promise<string> {
    return (await execute(process.execPath, [PROGRAM, ...args])).stdout;
  }

  snapshot(name: string): Promise<string> {
    return this.#run("snapshot", this.#store, name, "--quiet");
  }

  /** Answers when its space is free again. */
  delete(name: string): Promise<string> {
    return this.#run("delete", this.#store, name, "--wait", "--quiet");
  }

  async status(): Promise<Status> {
    return JSON.parse(await this.#run("status", this.#store, "--json")) as Status;
  }

  async shareAll(): Promise<void> {
    if (this.#taken) await this.delete(SNAPSHOT);
    await this.snapshot(SNAPSHOT);
    this.#taken = true;
  }

  async stop(): Promise<void> {
    await this.#server.stop();
    rmSync(this.#store);
  }
}
