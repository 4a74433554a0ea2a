/** A client's side of a control connection: frames on a socket below a session. */
import type net from "node:net";
import { TYPE_FAILURE, TYPE_HELLO, TYPE_WELCOME } from "../connect/limits.ts";
import { failureOf, type Head, type Message, NOTHING } from "../connect/message.ts";
import { type Link, Session } from "../connect/session.ts";
import { MultisnapError } from "../errors.ts";
import { encodeFrame, FrameReader } from "./frame.ts";
import { REQUEST_MAX, REQUEST_NONE, REQUESTS_MAX, VERSION_NONE, VERSIONS } from "./layout.ts";

export class SocketLink implements Link {
  readonly session: Session;
  readonly #socket: net.Socket;
  readonly #reader: FrameReader;
  #version = VERSION_NONE;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    this.#reader = new FrameReader(socket);
    this.session = new Session(this, { requestsMax: REQUESTS_MAX, numberMax: REQUEST_MAX });
    socket.on("error", () => {});
  }

  /**
   * Says hello; answers the head of the welcome. Errors: `Unsupported` (no version in common),
   * `Closed` and `Io` (the server is going).
   */
  async greet(): Promise<Head> {
    const head = { versions: VERSIONS };
    this.send({ type: TYPE_HELLO, request: REQUEST_NONE, head, payload: NOTHING });
    const frame = await this.#reader.next();
    if (!frame) throw lost();
    if (frame.type === TYPE_FAILURE) throw failureOf(frame.head);
    const { version } = frame.head;
    if (frame.type !== TYPE_WELCOME || !VERSIONS.includes(version as number)) {
      throw new MultisnapError(
        "Invalid",
        "what answers on the control socket is no server of ours",
      );
    }
    this.#version = version as number;
    void this.#listen();
    return frame.head;
  }

  send({ type, request, head, payload }: Message): void {
    const frame = encodeFrame(this.#version, type, request, JSON.stringify(head), payload.length);
    this.#socket.cork();
    this.#socket.write(frame);
    if (payload.length > 0) this.#socket.write(payload);
    this.#socket.uncork();
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.closed) return resolve();
      this.#socket.once("close", () => resolve());
      this.#socket.end(() => this.#socket.destroy());
    });
  }

  async #listen(): Promise<void> {
    try {
      for (let frame = await this.#reader.next(); frame; frame = await this.#reader.next()) {
        this.session.take(frame);
      }
      this.session.fail(lost());
    } catch (error) {
      this.session.fail(error instanceof MultisnapError ? error : lost());
    }
    this.#socket.destroy();
  }
}

function lost(): MultisnapError {
  return new MultisnapError(
    "Io",
    "the process that serves the store went away before it answered; what was asked for may have " +
      "been done or not",
  );
}
