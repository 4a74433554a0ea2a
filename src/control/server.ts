/**
 * Serves a volume to other processes over a socket beside its store, so that a command on a store
 * that is open works through the process that has it open.
 *
 * Bounded: `CONNECTIONS_MAX` clients; the longest silent one goes for a new one. `BUDGET_BYTES` for
 * what all of them have under way.
 */
import net from "node:net";
import path from "node:path";
import { Budget } from "../connect/budget.ts";
import type { Served } from "../connect/operations.ts";
import { isHttpUrl } from "../devices/http.ts";
import { MultisnapError } from "../errors.ts";
import { listenUnix } from "../sockets/unix.ts";
import type { Volume } from "../volume/types.ts";
import { Connection } from "./connection.ts";
import { BUDGET_BYTES, CONNECTIONS_MAX } from "./layout.ts";
import { controlPlace } from "./place.ts";

export interface ControlOptions {
  /** Counters that `status` shows. */
  live?: () => object;
  /** Paths of everything that the volume stands on; by default what the store remembers. */
  files?: string[];
}

export interface ControlServer {
  /** Of the socket. */
  readonly path: string;
  /** Takes the socket away, answers what is under way, ends all connections. */
  close(): Promise<void>;
}

/**
 * Errors: `Busy` (the store is served already), `Exists` (something else is where the socket has to
 * be), `Unsupported` (its path is too long for this platform), `Io`.
 */
export async function serveControl(
  volume: Volume,
  store: string,
  options: ControlOptions = {},
): Promise<ControlServer> {
  const { originPath, basePath } = volume.status();
  const remembered = [store, originPath, basePath].filter((path) => path !== null);
  const files = options.files ?? remembered;
  const served: Served = {
    volume,
    files: files.map((file) => (isHttpUrl(file) ? file : path.resolve(file))),
    live: () => options.live?.() ?? {},
  };
  const place = controlPlace(store);
  const clients = new Clients(served);
  const server = net.createServer((socket) => clients.welcome(socket));
  const stop = await listenUnix(server, place.path);
  // Of a connection that could not be taken, for want of descriptors: the next one may be.
  server.on("error", () => {});
  return {
    path: place.path,
    close: async () => {
      stop();
      await clients.close();
    },
  };
}

class Clients {
  readonly #served: Served;
  readonly #budget = new Budget(BUDGET_BYTES);
  /** In the order of their last requests. */
  readonly #connections = new Map<Connection, Promise<void>>();

  constructor(served: Served) {
    this.#served = served;
  }

  welcome(socket: net.Socket): void {
    if (this.#connections.size >= CONNECTIONS_MAX && !this.#makeRoom()) {
      socket.on("error", () => {});
      socket.destroy();
      return;
    }
    const connection = new Connection(socket, this.#served, this.#budget);
    const running = connection.run(() => this.#touch(connection));
    this.#connections.set(connection, running);
    void running.then(() => this.#connections.delete(connection));
  }

  #touch(connection: Connection): void {
    const running = this.#connections.get(connection);
    if (!running) return;
    this.#connections.delete(connection);
    this.#connections.set(connection, running);
  }

  /** Of those that have nothing under way, one that has not said hello, or the longest silent. */
  #makeRoom(): boolean {
    const idle = [...this.#connections.keys()].filter((connection) => connection.idle);
    const victim = idle.find((connection) => !connection.greeted) ?? idle[0];
    if (!victim) return false;
    this.#connections.delete(victim);
    void victim.close(new MultisnapError("Busy", "too many connections: a silent one was ended"));
    return true;
  }

  async close(): Promise<void> {
    const why = new MultisnapError("Closed", "the server has stopped");
    const running = [...this.#connections];
    await Promise.all(running.flatMap(([connection, end]) => [connection.close(why), end]));
  }
}
