/**
 * A client of the control protocol written from PROTOCOL.md, which shares nothing with src/: it can
 * send what no good client would.
 */
import { once } from "node:events";
import net from "node:net";

export const HELLO = 1;
export const WELCOME = 2;
export const REQUEST = 3;
export const CANCEL = 4;
export const PART = 5;
export const PROGRESS = 6;
export const ANSWER = 7;
export const FAILURE = 8;

const MAGIC = Buffer.from("4d534e415043544c", "hex");
const HEADER_BYTES = 24;
const NONE = Buffer.alloc(0);

export interface RawFrame {
  version: number;
  type: number;
  request: number;
  head: Record<string, unknown>;
  payload: Buffer;
}

export function bytesOf(
  version: number,
  type: number,
  request: number,
  head: Buffer | object,
  payload: Uint8Array = NONE,
): Buffer {
  const text = Buffer.isBuffer(head) ? head : Buffer.from(JSON.stringify(head));
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header, 0);
  header.writeUInt16LE(version, 8);
  header.writeUInt16LE(type, 10);
  header.writeUInt32LE(request, 12);
  header.writeUInt32LE(text.length, 16);
  header.writeUInt32LE(payload.length, 20);
  return Buffer.concat([header, text, payload]);
}

export class RawClient {
  readonly socket: net.Socket;
  readonly #parts: AsyncIterator<Buffer>;
  #bytes: Buffer = NONE;

  private constructor(socket: net.Socket) {
    this.socket = socket;
    // What it is sent after it has gone is nobody's loss.
    socket.on("error", () => {});
    this.#parts = socket[Symbol.asyncIterator]();
  }

  static async connect(path: string): Promise<RawClient> {
    const socket = net.connect({ path });
    await once(socket, "connect");
    return new RawClient(socket);
  }

  /** Connects and says hello. */
  static async greeted(path: string): Promise<RawClient> {
    const client = await RawClient.connect(path);
    client.send(bytesOf(0, HELLO, 0, { versions: [1] }));
    const welcome = await client.next();
    if (welcome?.type !== WELCOME) throw new Error(`no welcome: ${JSON.stringify(welcome)}`);
    return client;
  }

  send(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  request(request: number, head: object, payload?: Uint8Array): void {
    this.send(bytesOf(1, REQUEST, request, head, payload));
  }

  /** The next frame; null at the end of the stream. */
  async next(): Promise<RawFrame | null> {
    if (!(await this.#fill(HEADER_BYTES))) return null;
    const header = this.#bytes.subarray(0, HEADER_BYTES);
    if (!header.subarray(0, 8).equals(MAGIC)) throw new Error("the server sent a wrong magic");
    const headEnd = HEADER_BYTES + header.readUInt32LE(16);
    const end = headEnd + header.readUInt32LE(20);
    if (!(await this.#fill(end))) throw new Error("the server ended in the middle of a frame");
    const frame = {
      version: header.readUInt16LE(8),
      type: header.readUInt16LE(10),
      request: header.readUInt32LE(12),
      head: JSON.parse(this.#bytes.subarray(HEADER_BYTES, headEnd).toString()),
      payload: this.#bytes.subarray(headEnd, end),
    };
    this.#bytes = this.#bytes.subarray(end);
    return frame;
  }

  /** Reads no further than it has to: who does not call `next` takes nothing. */
  async #fill(length: number): Promise<boolean> {
    while (this.#bytes.length < length) {
      // A connection that breaks has ended.
      const step = await this.#parts.next().catch(() => null);
      if (!step || step.done) return false;
      this.#bytes = Buffer.concat([this.#bytes, step.value]);
    }
    return true;
  }

  /** Goes without a word. */
  destroy(): void {
    this.socket.destroy();
  }
}
