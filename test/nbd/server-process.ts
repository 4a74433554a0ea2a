/** A server in another process: started, asked, measured, stopped. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { fileDevice } from "../../src/devices/file.ts";
import type { LiveStatus } from "../../src/nbd/live.ts";
import { openVolume } from "../../src/volume/open/open.ts";

const here = path.dirname(fileURLToPath(import.meta.url));

export class ServerProcess {
  readonly store: string;
  /** Path of its socket. */
  readonly path: string;
  readonly #child: ChildProcess;
  #ended: string | null = null;

  private constructor(store: string, socket: string) {
    this.store = store;
    this.path = socket;
    this.#child = fork(path.join(here, "serve-alone.ts"), [store, socket], {
      execArgv: ["--import", "tsx"],
    });
    this.#child.on("exit", (code, signal) => {
      this.#ended = `the server ended with ${signal ?? code}`;
    });
  }

  /** Serves a store that is there. */
  static async start(store: string, socket: string): Promise<ServerProcess> {
    const server = new ServerProcess(store, socket);
    await server.#answer();
    return server;
  }

  mustLive(): void {
    if (this.#ended !== null) throw new Error(this.#ended);
  }

  live(): Promise<LiveStatus> {
    this.mustLive();
    const status = this.#answer() as Promise<LiveStatus>;
    this.#child.send("live");
    return status;
  }

  /** Bytes of memory that it has now, and had at most; 0 where the system does not tell. */
  memory(): { now: number; most: number } {
    const file = `/proc/${this.#child.pid}/status`;
    if (!fs.existsSync(file)) return { now: 0, most: 0 };
    const status = fs.readFileSync(file, "utf8");
    const of = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(status)?.[1]);
    return { now: of("VmRSS") * 1024, most: of("VmHWM") * 1024 };
  }

  /** Ends it as a signal would; then the store has to be clean. */
  async stop(): Promise<void> {
    this.mustLive();
    const exit = once(this.#child, "exit");
    this.#child.send("stop");
    await exit;
    if (this.#ended !== "the server ended with 0") throw new Error(String(this.#ended));
    const volume = await openVolume({ store: await fileDevice(this.store) });
    try {
      const { clean, problems } = await volume.check();
      if (!clean) throw new Error(`the store is not clean: ${JSON.stringify(problems)}`);
    } finally {
      await volume.close();
    }
  }

  /** Ends it at once, if it still lives: a test that fails leaves nothing behind. */
  kill(): void {
    this.#child.kill("SIGKILL");
    if (this.#child.connected) this.#child.disconnect();
  }

  /** What it says next; or that it has ended. */
  #answer(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const child = this.#child;
      const said = (message: unknown) => {
        child.off("exit", gone);
        resolve(message);
      };
      const gone = (code: number | null, signal: string | null) => {
        child.off("message", said);
        reject(new Error(`the server ended with ${signal ?? code}`));
      };
      child.once("message", said).once("exit", gone);
    });
  }
}
