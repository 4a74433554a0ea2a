/** QEMU's control protocol, as little of it as is needed: one command at a time, its answer. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";

interface Message {
  return?: unknown;
  error?: { desc: string };
}

export class Qmp {
  readonly #socket: Socket;
  readonly #lines: AsyncIterator<string>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  }

  static async connect(path: string): Promise<Qmp> {
    const socket = connect(path);
    await once(socket, "connect");
    const qmp = new Qmp(socket);
    await qmp.run("qmp_capabilities", {});
    return qmp;
  }

  async run(command: string, given: Record<string, unknown>): Promise<unknown> {
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: given })}\n`);
    // The greeting and events come between, and answer nothing.
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error(`QEMU ended before it answered ${command}`);
      const message = JSON.parse(value) as Message;
      if (message.error !== undefined) throw new Error(`${command}: ${message.error.desc}`);
      if (message.return !== undefined) return message.return;
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}
