/** The far end of a host's port, for messages that no good client sends. */
import type { Host } from "../../src/connect/host.ts";
import { portOf } from "../../src/connect/port.ts";
import { HELLO, WELCOME } from "../control/raw.ts";

export const RING = 10;

export interface RawMessage {
  type: number;
  request: number;
  head: Record<string, unknown>;
  payload?: Uint8Array;
}

export class RawPort {
  readonly #port: MessagePort;
  readonly #come: RawMessage[] = [];
  #wake = (): void => {};
  closed = false;

  constructor(host: Host) {
    const { port1, port2 } = new MessageChannel();
    host.accept(portOf(port1));
    this.#port = port2;
    port2.addEventListener("message", ({ data }) => {
      this.#come.push(data);
      this.#wake();
    });
    port2.addEventListener("close", () => {
      this.closed = true;
      this.#wake();
    });
    port2.start();
  }

  static async greeted(host: Host, session = "raw", more: object = {}): Promise<RawPort> {
    const port = new RawPort(host);
    port.send(HELLO, 0, { versions: [1], session, ...more });
    const welcome = await port.next();
    if (welcome?.type !== WELCOME) throw new Error(`no welcome: ${JSON.stringify(welcome)}`);
    return port;
  }

  post(message: unknown): void {
    this.#port.postMessage(message);
  }

  send(type: number, request: number, head: object, more: object = {}): void {
    this.post({ type, request, head, ...more });
  }

  /** The next message; null where the port has been closed. */
  async next(): Promise<RawMessage | null> {
    while (this.#come.length === 0 && !this.closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#come.shift() ?? null;
  }

  /** Goes without a word. */
  close(): void {
    this.#port.close();
  }
}
