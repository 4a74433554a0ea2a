/** An NBD client with many requests in flight; each says whether it was answered well. */
import { CMD, FLAG, request } from "../../../nbd/messages.ts";
import { RawClient } from "../../../nbd/raw-client.ts";

interface Waiting {
  /** Bytes of data that the reply brings. */
  length: number;
  answered: (data: Buffer | null) => void;
}

export class Connection {
  readonly #client: RawClient;
  readonly #waiting = new Map<bigint, Waiting>();
  #cookies = 0n;
  #over = false;

  private constructor(client: RawClient) {
    this.#client = client;
    void this.#listen();
  }

  static async open(socket: string, name: string): Promise<Connection> {
    return new Connection(await RawClient.open(socket, name));
  }

  get inFlight(): number {
    return this.#waiting.size;
  }

  /** Null: the server is gone, or has refused it. */
  read(offset: number, length: number): Promise<Buffer | null> {
    return this.#ask({ type: CMD.read, offset, length }, length);
  }

  async write(offset: number, data: Buffer, forced: boolean): Promise<boolean> {
    const flags = forced ? FLAG.fua : 0;
    const fields = { type: CMD.write, flags, offset, length: data.length };
    return (await this.#ask(fields, 0, data)) !== null;
  }

  async zero(offset: number, length: number, forced: boolean): Promise<boolean> {
    const flags = forced ? FLAG.fua : 0;
    return (await this.#ask({ type: CMD.writeZeroes, flags, offset, length }, 0)) !== null;
  }

  async flush(): Promise<boolean> {
    return (await this.#ask({ type: CMD.flush }, 0)) !== null;
  }

  close(): void {
    this.#client.close();
    this.#end();
  }

  #ask(
    fields: Parameters<typeof request>[0],
    length: number,
    payload: Uint8Array = new Uint8Array(0),
  ): Promise<Buffer | null> {
    if (this.#over) return Promise.resolve(null);
    const cookie = ++this.#cookies;
    return new Promise((answered) => {
      this.#waiting.set(cookie, { length, answered });
      this.#client.send(request({ ...fields, cookie }), payload);
    });
  }

  async #listen(): Promise<void> {
    try {
      for (;;) {
        const { error, cookie } = await this.#client.simple();
        const { length, answered } = this.#waiting.get(cookie) as Waiting;
        const data = error === 0 ? Buffer.from(await this.#client.take(length)) : null;
        this.#waiting.delete(cookie);
        answered(data);
      }
    } catch {
      this.#end();
    }
  }

  #end(): void {
    this.#over = true;
    for (const { answered } of this.#waiting.values()) answered(null);
    this.#waiting.clear();
  }
}
