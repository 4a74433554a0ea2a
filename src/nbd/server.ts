/**
 * The NBD server: connections over a volume, on a Unix socket or on TCP. Holds no storage logic.
 *
 * A connection is a conversation (handshake), then requests (transmission). Whatever one of them
 * does costs the others nothing: limits on time, number and bytes are here and in the budget.
 */

import { createPrivateKey, X509Certificate } from "node:crypto";
import net from "node:net";
import { clearInterval, clearTimeout, setInterval, setTimeout } from "node:timers";
import { createSecureContext, type TlsOptions } from "node:tls";
import { monotonic } from "../env.ts";
import { MultisnapError } from "../errors.ts";
import { listenUnix } from "../sockets/unix.ts";
import type { Volume } from "../volume/types.ts";
import { type Common, commonOf } from "./common.ts";
import { type HandshakeOptions, shakeHands } from "./handshake.ts";
import type { LiveStatus } from "./live.ts";
import { Transmission } from "./transmission.ts";
import { Disconnected, Wire } from "./wire.ts";

/** One more takes the place of the one that has been in its handshake for longest; else it goes. */
const CONNECTIONS_MAX = 1024;
const HANDSHAKE_MS = 30_000;
/** Clients have so long to take their last replies when the server closes. */
const LEAVING_MS = 10_000;
const LOOK_AROUND_MS = 1000;

export interface NbdServerOptions {
  /** Path of a Unix socket to make, with mode 0600. */
  socket?: string;
  /** Where to listen on TCP instead. Port 0: any that is free. */
  listen?: { host: string; port: number };
  /** No export takes writes. */
  readOnly?: boolean;
  /** Clients have to speak TLS; PEM texts. With `ca`, they need a certificate that it signed. */
  tls?: { cert: string; key: string; ca?: string };
}

export interface NbdServer {
  /** What clients connect to. */
  readonly uri: string;
  live(): LiveStatus;
  /** Whether a client has the snapshot of that name open. */
  inUse(name: string): boolean;
  /** Takes no more requests, answers those that it has, and ends all connections. */
  close(): Promise<void>;
}

/**
 * Serves until `close`; the volume stays open. Errors: `Invalid` (options), `Busy` (a server lives
 * on the socket, or the port is taken), `Exists` (a file that is no socket), `Io`.
 */
export async function serveNbd(volume: Volume, options: NbdServerOptions): Promise<NbdServer> {
  if ((options.socket === undefined) === (options.listen === undefined)) {
    throw new MultisnapError("Invalid", "give a socket, or a host and port, to serve on");
  }
  const server = new Server(volume, options);
  await server.listen();
  return server;
}

/** A client, in its handshake (`wire`) or past it. */
interface Client {
  since: number;
  wire: Wire;
  transmission: Transmission | null;
  /** Id of the view that it has open; 0: none yet. */
  view: number;
}

class Server implements NbdServer {
  uri = "";
  readonly #options: NbdServerOptions;
  readonly #common: Common;
  readonly #handshake: HandshakeOptions;
  readonly #server: net.Server;
  readonly #clients = new Set<Client>();
  readonly #lookAround: NodeJS.Timeout;
  #unlisten: () => void = () => {};
  #closing: Promise<void> | null = null;

  constructor(volume: Volume, options: NbdServerOptions) {
    this.#options = options;
    this.#handshake = {
      volume,
      readOnly: options.readOnly ?? false,
      tls: options.tls ? tlsOptions(options.tls) : null,
    };
    this.#common = commonOf(volume);
    this.#server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#accept(socket),
    );
    this.#lookAround = setInterval(() => this.#endLate(), LOOK_AROUND_MS).unref();
  }

  async listen(): Promise<void> {
    const { socket, listen, tls } = this.#options;
    const scheme = tls ? "nbds" : "nbd";
    try {
      if (socket !== undefined) {
        this.#unlisten = await listenUnix(this.#server, socket);
        this.uri = `${scheme}+unix:///?socket=${escapePath(socket)}`;
      } else if (listen) {
        const port = await listenTcp(this.#server, listen);
        this.#unlisten = () => this.#server.close();
        const host = listen.host.includes(":") ? `[${listen.host}]` : listen.host;
        this.uri = `${scheme}://${host}:${port}/`;
      }
      // Running out of descriptors is no reason to end.
      this.#server.on("error", () => {});
    } catch (error) {
      clearInterval(this.#lookAround);
      throw error;
    }
  }

  live(): LiveStatus {
    return this.#common.live.status(this.uri, this.#clients.size, this.#common.budget.held);
  }

  inUse(name: string): boolean {
    const { volume } = this.#common;
    if (!volume.has(name)) return false;
    const { id } = volume.get(name);
    return [...this.#clients].some(({ view }) => view === id);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#lookAround);
    this.#unlisten();
    const late = setTimeout(() => this.#endAll("it did not leave in time"), LEAVING_MS);
    const leaving = [...this.#clients].map(({ wire, transmission }) => {
      if (transmission) return transmission.leave();
      return wire.end("the server closes");
    });
    await Promise.all(leaving);
    clearTimeout(late);
  }

  #accept(socket: net.Socket): void {
    if (this.#closing) {
      socket.destroy();
      return;
    }
    if (this.#clients.size >= CONNECTIONS_MAX && !this.#makeRoom()) {
      socket.destroy();
      return;
    }
    const client: Client = {
      since: monotonic(),
      wire: new Wire(socket),
      transmission: null,
      view: 0,
    };
    this.#clients.add(client);
    void this.#serve(client).then((failure) => {
      if (failure !== null) this.#common.live.connectionsFailed++;
      this.#clients.delete(client);
    });
  }

  /** Ends with the connection; answers what went wrong, or null. */
  async #serve(client: Client): Promise<string | null> {
    const { wire } = client;
    try {
      const session = await shakeHands(wire, this.#handshake);
      if (!session) {
        wire.socket.end();
        wire.end("the client has left");
        return null;
      }
      client.view = session.export.view.id;
      try {
        client.transmission = new Transmission(this.#common, session, wire, wire.release());
        return await client.transmission.ended;
      } finally {
        for (const hold of session.holds) hold.release();
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      wire.end(reason);
      return error instanceof Disconnected && this.#closing ? null : reason;
    }
  }

  /** Ends handshakes that take too long, and those who hold up others. */
  #endLate(): void {
    const before = monotonic() - HANDSHAKE_MS;
    for (const { since, wire, transmission } of this.#clients) {
      if (!transmission && since < before) wire.end("the handshake took too long");
    }
    this.#common.budget.endStalled();
  }

  /** False: all are past their handshake, and stay. */
  #makeRoom(): boolean {
    for (const client of this.#clients) {
      if (client.transmission) continue;
      this.#clients.delete(client);
      client.wire.end("too many connections");
      return true;
    }
    return false;
  }

  #endAll(reason: string): void {
    for (const { transmission } of this.#clients) transmission?.fail(reason);
  }
}

/** Errors: `Invalid` for what are not certificates and the key of the first. */
function tlsOptions({ cert, key, ca }: NonNullable<NbdServerOptions["tls"]>): TlsOptions {
  try {
    createSecureContext({ cert, key, ca });
    // Deno's contexts take anything.
    if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
      throw new Error("the key is not the certificate's");
    }
    // A text without certificates would be taken for an empty list of them.
    if (ca?.includes("-----BEGIN CERTIFICATE-----") === false) throw new Error("no CA there");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new MultisnapError("Invalid", `TLS: certificate, key or CA: ${why}`, { cause });
  }
  const isAsked = ca !== undefined;
  return { cert, key, ca, requestCert: isAsked, rejectUnauthorized: isAsked };
}

/** Answers the port. */
function listenTcp(
  server: net.Server,
  { host, port }: { host: string; port: number },
): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error & { code?: string }) => {
      const code = cause.code === "EADDRINUSE" ? "Busy" : "Io";
      const message = `${host}:${port}: cannot listen there: ${cause.message}`;
      reject(new MultisnapError(code, message, { cause }));
    };
    server.once("error", failed);
    server.listen({ host, port }, () => {
      server.off("error", failed);
      resolve((server.address() as net.AddressInfo).port);
    });
  });
}

/** A path inside a URI's query. */
function escapePath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}
