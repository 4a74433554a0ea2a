/**
 * A program that serves a disk on a Unix socket: started, waited for, and ended with the benchmark
 * at the latest.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

const READY_MS_MAX = 30_000;
const STOPPED_MS_MAX = 60_000;
const POLL_MS = 10;
/** Of what the program printed, the end is kept for the error message. */
const PRINTED_MAX = 2000;

/** Which of the programs cannot be started here; null where all can. */
export function missingOf(...programs: string[]): string | null {
  const missing = programs.filter(
    (program) => spawnSync(program, ["--version"], { stdio: "ignore" }).error !== undefined,
  );
  return missing.length === 0 ? null : `${missing.join(" and ")} not installed here`;
}

/** The address of the export `name` of the server on `socket`. */
export function uriOf(socket: string, name = ""): string {
  return `nbd+unix:///${name}?socket=${socket}`;
}

export class ServerProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #kill: () => void;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid!;
    this.#kill = () => child.kill("SIGKILL");
    process.on("exit", this.#kill);
  }

  /** Answers when something listens on `socket`. */
  static async start(
    program: string,
    args: readonly string[],
    socket: string,
    env: Record<string, string> = {},
  ): Promise<ServerProcess> {
    rmSync(socket, { force: true });
    const child = spawn(program, args, {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, ...env },
    });
    let printed = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      printed = (printed + text).slice(-PRINTED_MAX);
    });
    await once(child, "spawn");
    const server = new ServerProcess(child);
    for (let waited = 0; !(await listens(socket)); waited += POLL_MS) {
      if (server.#ended || waited > READY_MS_MAX) {
        await server.stop();
        throw new Error(`${program} ${args.join(" ")}: does not serve: ${printed.trim()}`);
      }
      await delay(POLL_MS);
    }
    return server;
  }

  get #ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Asks it to end, and answers when it has. */
  async stop(): Promise<void> {
    if (!this.#ended) {
      const ended = once(this.#child, "exit");
      const impatience = setTimeout(this.#kill, STOPPED_MS_MAX);
      this.#child.kill("SIGTERM");
      await ended;
      clearTimeout(impatience);
    }
    process.off("exit", this.#kill);
  }
}

function listens(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket);
    probe.on("error", () => resolve(false));
    probe.on("connect", () => {
      probe.destroy();
      resolve(true);
    });
  });
}
