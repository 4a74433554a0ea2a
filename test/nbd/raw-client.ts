/** A client that sends any bytes and looks at what comes back, byte by byte. */
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import * as assert from "uvu/assert";
import {
  contextData,
  FIXED,
  infoData,
  NO_ZEROES,
  OPT,
  option,
  REP,
  type RequestFields,
  request,
  u32,
} from "./messages.ts";

/** Against hangs: whatever is waited for comes within this. */
const HANG_MS = 60_000;

export interface OptionReply {
  option: number;
  type: number;
  data: Buffer;
}
export interface Chunk {
  flags: number;
  type: number;
  cookie: bigint;
  data: Buffer;
}

export class RawClient {
  static readonly #all = new Set<RawClient>();
  readonly socket: net.Socket;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #over = false;
  #wake: () => void = () => {};

  private constructor(socket: net.Socket) {
    this.socket = socket;
    RawClient.#all.add(this);
    socket.on("data", (bytes) => {
      this.#chunks.push(bytes);
      this.#bytes += bytes.length;
      this.#wake();
    });
    const over = () => {
      this.#over = true;
      this.#wake();
    };
    socket.on("end", over).on("close", over).on("error", over);
  }

  static async connect(path: string): Promise<RawClient> {
    for (;;) {
      const client = await RawClient.#dial(path);
      if (client) return client;
      await sleep(5);
    }
  }

  /** Null: too many are at the door. */
  static #dial(path: string): Promise<RawClient | null> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ path, allowHalfOpen: true });
      const failed = (error: NodeJS.ErrnoException) => {
        if (error.code === "EAGAIN") resolve(null);
        else reject(error);
      };
      socket.once("error", failed);
      socket.once("connect", () => {
        socket.off("error", failed);
        resolve(new RawClient(socket));
      });
    });
  }

  /** Connected, and past the greeting. */
  static async greet(path: string, flags = FIXED | NO_ZEROES): Promise<RawClient> {
    const client = await RawClient.connect(path);
    await client.take(18);
    client.send(u32(flags));
    return client;
  }

  /** Connected, and in the transmission phase. */
  static async open(
    path: string,
    name = "",
    { structured = false, contexts = [] as string[] } = {},
  ): Promise<RawClient> {
    const client = await RawClient.greet(path);
    if (structured) await client.ask(OPT.structuredReply);
    if (contexts.length > 0) {
      const selected = await client.askAll(OPT.setMetaContext, contextData(name, contexts));
      assert.is(selected.length, contexts.length + 1, "every context is there");
    }
    const replies = await client.askAll(OPT.go, infoData(name));
    assert.is(replies.at(-1)?.type, REP.ack, `GO ${name}`);
    return client;
  }

  send(...parts: Uint8Array[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  /** The next `count` bytes. */
  async take(count: number): Promise<Buffer> {
    while (this.#bytes < count) {
      if (this.#over) throw new Error(`ended ${count - this.#bytes} bytes before ${count} came`);
      await this.#more(`${count} bytes`);
    }
    const all =
      this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
    this.#chunks = [all.subarray(count)];
    this.#bytes -= count;
    return all.subarray(0, count);
  }

  /** The server has ended the connection: what came before that and was not taken. */
  async rest(): Promise<Buffer> {
    while (!this.#over) await this.#more("the end");
    return this.take(this.#bytes);
  }

  /** The server has ended the connection and has said nothing more. */
  async ended(why = "the server ends the connection"): Promise<void> {
    assert.equal([...(await this.rest())], [], why);
    this.close();
  }

  /** The next bytes are exactly these. */
  async expect(bytes: Uint8Array, what: string): Promise<void> {
    const came = await this.take(bytes.length);
    assert.is(came.toString("hex"), Buffer.from(bytes).toString("hex"), what);
  }

  close(): void {
    RawClient.#all.delete(this);
    this.socket.destroy();
  }

  /** Closes what a test that failed has left open. */
  static closeAll(): void {
    for (const client of RawClient.#all) client.close();
  }

  // ---- handshake

  async optionReply(): Promise<OptionReply> {
    const head = await this.take(20);
    assert.is(head.readBigUInt64BE(), 0x3e889045565a9n, "magic of an option's reply");
    const data = await this.take(head.readUInt32BE(16));
    return { option: head.readUInt32BE(8), type: head.readUInt32BE(12), data };
  }

  /** All replies to an option: up to the acknowledgement, or one error. */
  async askAll(code: number, data: Uint8Array = Buffer.alloc(0)): Promise<OptionReply[]> {
    this.send(option(code, data));
    const replies: OptionReply[] = [];
    for (;;) {
      const reply = await this.optionReply();
      assert.is(reply.option, code, "the reply names its option");
      replies.push(reply);
      if (reply.type === REP.ack || reply.type > 2 ** 31) return replies;
    }
  }

  /** The type of an option's only reply. */
  async ask(code: number, data?: Uint8Array): Promise<number> {
    const replies = await this.askAll(code, data);
    assert.is(replies.length, 1, `one reply to option ${code}`);
    return replies[0]?.type as number;
  }

  // ---- transmission

  async simple(): Promise<{ error: number; cookie: bigint }> {
    const head = await this.take(16);
    assert.is(head.readUInt32BE(), 0x67446698, "magic of a simple reply");
    return { error: head.readUInt32BE(4), cookie: head.readBigUInt64BE(8) };
  }

  async chunk(): Promise<Chunk> {
    const head = await this.take(20);
    assert.is(head.readUInt32BE(), 0x668e33ef, "magic of a chunk");
    const data = await this.take(head.readUInt32BE(16));
    const [flags, type] = [head.readUInt16BE(4), head.readUInt16BE(6)];
    return { flags, type, cookie: head.readBigUInt64BE(8), data };
  }

  /** Sends a request; the error number of its simple reply. */
  async errorOf(fields: RequestFields, payload: Uint8Array = Buffer.alloc(0)): Promise<number> {
    this.send(request(fields), payload);
    const { error, cookie } = await this.simple();
    assert.is(cookie, fields.cookie ?? 0n, "the reply has its request's cookie");
    return error;
  }

  #more(what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${what} did not come`)), HANG_MS);
      this.#wake = () => {
        clearTimeout(late);
        this.#wake = () => {};
        resolve();
      };
    });
  }
}
