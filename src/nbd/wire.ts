/**
 * A socket as the handshake sees it: so many bytes, please; and here are some. Paused in between,
 * so that nothing piles up; can turn into a TLS connection halfway.
 */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { createServer, type TlsOptions } from "node:tls";

/** The connection is over: it was closed, or it failed. */
export class Disconnected extends Error {}

export class Wire {
  socket: Socket;
  secure = false;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #over: Error | null = null;
  #wake: (() => void) | null = null;

  constructor(socket: Socket) {
    this.socket = socket;
    this.#listen();
  }

  /** The next `count` bytes. */
  async read(count: number): Promise<Buffer> {
    while (this.#bytes < count) {
      const chunk = this.socket.read() as Buffer | null;
      if (chunk) {
        this.#chunks.push(chunk);
        this.#bytes += chunk.length;
      } else {
        if (this.#over) throw this.#over;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
    const all =
      this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
    this.#chunks = [all.subarray(count)];
    this.#bytes -= count;
    return all.subarray(0, count);
  }

  /** Reads `count` bytes and forgets them. */
  async skip(count: number): Promise<void> {
    for (let left = count; left > 0; ) {
      const part = Math.min(left, 65536);
      await this.read(part);
      left -= part;
    }
  }

  /** Ends when the client has taken the bytes, or nearly. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#over) throw this.#over;
    if (this.socket.write(bytes)) return;
    while (this.socket.writableNeedDrain) {
      if (this.#over) throw this.#over;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** What follows on the wire is TLS; ends when both sides have agreed. */
  async startTls(options: TlsOptions): Promise<void> {
    if (this.#bytes > 0) throw new Disconnected("bytes came before TLS was agreed on");
    this.#silence();
    const plain = this.socket;
    this.socket = await new Promise<Socket>((resolve, reject) => {
      // A server of node:tls alone looks at the client's certificate; it need not listen.
      const server = createServer(options, resolve);
      server.once("tlsClientError", (error) => reject(new Disconnected(error.message)));
      plain.once("close", () => reject(new Disconnected("the client has gone")));
      server.emit("connection", plain);
    });
    this.#listen();
    this.secure = true;
  }

  /** Hands the socket on; answers what came and was not read. */
  release(): Buffer {
    this.#silence();
    for (let chunk = this.socket.read(); chunk; chunk = this.socket.read()) {
      this.#chunks.push(chunk as Buffer);
    }
    return Buffer.concat(this.#chunks);
  }

  /** Whoever waits is told that it is over. */
  end(reason: string): void {
    this.#stop(new Disconnected(reason));
    this.socket.destroy();
  }

  readonly #awake = (): void => {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  };
  readonly #ended = (): void => this.#stop(new Disconnected("the client has gone"));
  readonly #failed = (error: Error): void => this.#stop(new Disconnected(error.message));

  #stop(error: Error): void {
    this.#over ??= error;
    this.#awake();
  }

  #listen(): void {
    this.socket.on("readable", this.#awake).on("drain", this.#awake);
    this.socket.on("end", this.#ended).on("close", this.#ended).on("error", this.#failed);
  }

  #silence(): void {
    this.socket.off("readable", this.#awake).off("drain", this.#awake);
    this.socket.off("end", this.#ended).off("close", this.#ended).off("error", this.#failed);
  }
}
