/**
 * One client of the control server: hello, then requests, several at a time, answered in any order.
 *
 * What it sends can end this connection and nothing else. Its memory is bounded by the number of
 * its requests and by the budget that all clients share; one that stops in the middle of a frame,
 * or does not take its answers, is ended after a while, so that its share comes back.
 */
import type net from "node:net";
import { type Budget, type Grant, NO_GRANT } from "../connect/budget.ts";
import { failureHead, type Head, type Message, NOTHING } from "../connect/message.ts";
import type { Served } from "../connect/operations.ts";
import { Serving } from "../connect/serving.ts";
import { MultisnapError } from "../errors.ts";
import { encodeFrame, type Frame, FrameReader } from "./frame.ts";
import {
  REQUEST_NONE,
  REQUESTS_MAX,
  STALL_MS,
  STALLS_MAX,
  TYPE_CANCEL,
  TYPE_FAILURE,
  TYPE_HELLO,
  TYPE_REQUEST,
  TYPE_WELCOME,
  VERSION_NONE,
  VERSIONS,
} from "./layout.ts";

interface Received {
  frame: Frame;
  grant: Grant;
}

export class Connection {
  readonly #socket: net.Socket;
  readonly #served: Served;
  readonly #budget: Budget;
  readonly #reader: FrameReader;
  readonly #serving: Serving;
  readonly #gone = new AbortController();
  /** Why no further request is begun. */
  #closing: MultisnapError | null = null;
  #ending: Promise<void> | null = null;
  #version = VERSION_NONE;
  #waitsForRoom = false;
  /** Frames on their way, and those that went. */
  #sending = 0;
  #sent = 0;
  #seen = { hasToSend: false, hasToTake: false, taken: 0, sent: 0, stalls: 0 };

  constructor(socket: net.Socket, served: Served, budget: Budget) {
    this.#socket = socket;
    this.#served = served;
    this.#budget = budget;
    this.#reader = new FrameReader(socket);
    this.#serving = new Serving(served, budget, (message) => this.#send(message));
    socket.on("error", () => {});
    const watching = setInterval(() => this.#watch(), STALL_MS);
    socket.once("close", () => {
      clearInterval(watching);
      this.#leave(clientGone());
    });
  }

  /** A client stalls who had to move at the last look, has to now, and has not meanwhile. */
  #watch(): void {
    const last = this.#seen;
    const now = {
      hasToSend: (!this.greeted || this.#reader.inside) && !this.#waitsForRoom,
      hasToTake: this.#sending > 0,
      taken: this.#reader.taken,
      sent: this.#sent,
    };
    const silent = last.hasToSend && now.hasToSend && last.taken === now.taken;
    const deaf = last.hasToTake && now.hasToTake && last.sent === now.sent;
    // Once it may have been this process that did not look: another request kept it busy.
    const stalls = silent || deaf ? last.stalls + 1 : 0;
    if (stalls === STALLS_MAX) this.#socket.destroy();
    this.#seen = { ...now, stalls };
  }

  get greeted(): boolean {
    return this.#version !== VERSION_NONE;
  }

  /** No request is under way. */
  get idle(): boolean {
    return this.#serving.size === 0;
  }

  /** Ends when the client has gone and nothing of it is under way. `active`: a request begins. */
  async run(active: () => void): Promise<void> {
    try {
      if (await this.#greet()) await this.#listen(active);
      await this.close(clientGone());
    } catch (error) {
      await this.close(error);
    }
  }

  /** Begins no further request, ends what can be ended, answers the rest, hangs up. */
  close(why: unknown): Promise<void> {
    this.#ending ??= this.#end(why);
    return this.#ending;
  }

  async #end(why: unknown): Promise<void> {
    this.#leave(why instanceof MultisnapError ? why : clientGone());
    await this.#serving.end();
    if (this.#socket.destroyed) return;
    void this.#say(TYPE_FAILURE, failureHead(why));
    this.#socket.end(() => this.#socket.destroy());
  }

  #leave(why: MultisnapError): void {
    this.#closing ??= why;
    this.#gone.abort(why);
    this.#serving.cancelAll(why);
  }

  // ---- what comes

  /** False where the client went without a word. */
  async #greet(): Promise<boolean> {
    const received = await this.#receive();
    if (!received) return false;
    const { frame, grant } = received;
    grant.end();
    if (frame.type !== TYPE_HELLO || frame.version !== VERSION_NONE) {
      throw unexpected("a connection begins with a hello");
    }
    const theirs = Array.isArray(frame.head.versions) ? frame.head.versions : [];
    const version = VERSIONS.find((version) => theirs.includes(version));
    if (version === undefined) throw noVersion(theirs);
    const { files } = this.#served;
    await this.#say(TYPE_WELCOME, { version, files });
    this.#version = version;
    return true;
  }

  async #listen(active: () => void): Promise<void> {
    for (let next = await this.#receive(); next; next = await this.#receive()) {
      const { frame, grant } = next;
      try {
        if (this.#closing) throw this.#closing;
        this.#expect(frame);
      } catch (error) {
        grant.end();
        throw error;
      }
      if (frame.type === TYPE_CANCEL) {
        grant.end();
        this.#serving.cancel(frame.request, new MultisnapError("Closed", "taken back"));
        continue;
      }
      active();
      void this.#serving.serve(frame, grant);
      // One more than a client may have: up to that, a cancel and its going are heard.
      while (this.#serving.size > REQUESTS_MAX) await this.#serving.moved();
    }
  }

  #expect({ version, type, request }: Frame): void {
    if (version !== this.#version) {
      throw unexpected(`version ${this.#version} was agreed on, not ${version}`);
    }
    if (type === TYPE_CANCEL) return;
    if (type !== TYPE_REQUEST) throw unexpected(`a client sends no frame of type ${type}`);
    if (request === REQUEST_NONE) throw unexpected(`a request has a number from 1 on`);
    if (this.#serving.has(request)) throw unexpected(`request ${request} is under way already`);
  }

  async #receive(): Promise<Received | null> {
    let grant = NO_GRANT;
    const room = async (bytes: number) => {
      this.#waitsForRoom = true;
      grant = await this.#budget.take(bytes, this.#gone.signal);
      this.#waitsForRoom = false;
    };
    try {
      const frame = await this.#reader.next(room);
      return frame && { frame, grant };
    } catch (error) {
      grant.end();
      throw error;
    }
  }

  // ---- what goes

  /** What is about the connection. */
  #say(type: number, head: Head): Promise<void> {
    return this.#send({ type, request: REQUEST_NONE, head, payload: NOTHING });
  }

  /** Ends when the bytes are on their way, or the client has gone. */
  async #send({ type, request, head, payload }: Message): Promise<void> {
    const text = JSON.stringify(head);
    const frame = encodeFrame(this.#version, type, request, text, payload.length);
    if (this.#socket.destroyed) return;
    this.#sending++;
    return await new Promise((resolve) => {
      const gone = () => {
        this.#sending--;
        this.#sent++;
        resolve();
      };
      this.#socket.cork();
      this.#socket.write(frame, payload.length === 0 ? gone : undefined);
      if (payload.length > 0) this.#socket.write(payload, gone);
      this.#socket.uncork();
    });
  }
}

function clientGone(): MultisnapError {
  return new MultisnapError("Closed", "the client has gone");
}

function unexpected(why: string): MultisnapError {
  return new MultisnapError("Invalid", `not the control protocol: ${why}`);
}

function noVersion(theirs: unknown[]): MultisnapError {
  const asked = JSON.stringify(theirs).slice(0, 100);
  return new MultisnapError(
    "Unsupported",
    `the server speaks version ${VERSIONS.join(", ")} of the control protocol, not ${asked}`,
  );
}
