/**
 * A client's side of a control connection: requests by number, a bounded number at a time, and what
 * comes back for each.
 */
import type net from "node:net";
import { type ErrorCode, MultisnapError } from "../errors.ts";
import { Signal } from "../task.ts";
import { encodeFrame, type Frame, FrameReader, type Head } from "./frame.ts";
import {
  REQUEST_NONE,
  REQUESTS_MAX,
  TYPE_ANSWER,
  TYPE_CANCEL,
  TYPE_FAILURE,
  TYPE_HELLO,
  TYPE_PART,
  TYPE_PROGRESS,
  TYPE_REQUEST,
  TYPE_WELCOME,
  VERSION_NONE,
  VERSIONS,
} from "./layout.ts";

export interface Ask {
  payload?: Uint8Array;
  signal?: AbortSignal;
  progress?: (done: number, total: number) => void;
  /** Takes the rows of a long answer, part by part. */
  rows?: (rows: unknown[]) => void;
}

export interface Answer {
  head: Head;
  payload: Uint8Array;
}

interface Pending {
  ask: Ask;
  resolve: (answer: Answer) => void;
  reject: (error: unknown) => void;
}

export class Session {
  readonly #socket: net.Socket;
  readonly #reader: FrameReader;
  readonly #pending = new Map<number, Pending>();
  readonly #ended = new Signal();
  #version = VERSION_NONE;
  #next = REQUEST_NONE + 1;
  /** Why there is no connection any more. */
  #failure: MultisnapError | null = null;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    this.#reader = new FrameReader(socket);
    socket.on("error", () => {});
  }

  /**
   * Says hello; answers the head of the welcome. Errors: `Unsupported` (no version in common),
   * `Closed` and `Io` (the server is going).
   */
  async greet(): Promise<Head> {
    this.#send(TYPE_HELLO, REQUEST_NONE, { versions: VERSIONS });
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

  /** Answers what the server answers. Errors: those of the volume; `Io`, `Closed`. */
  async request(op: string, head: Head = {}, ask: Ask = {}): Promise<Answer> {
    while (this.#pending.size >= REQUESTS_MAX) await this.#ended.wait();
    ask.signal?.throwIfAborted();
    if (this.#failure) throw this.#failure;
    const request = this.#next;
    this.#next = request === 0xffffffff ? REQUEST_NONE + 1 : request + 1;
    const cancel = () => this.#send(TYPE_CANCEL, request, {});
    ask.signal?.addEventListener("abort", cancel);
    try {
      return await new Promise<Answer>((resolve, reject) => {
        this.#pending.set(request, { ask, resolve, reject });
        this.#send(TYPE_REQUEST, request, { op, ...head }, ask.payload);
      });
    } catch (error) {
      // It was asked for: what the server calls it does not matter.
      ask.signal?.throwIfAborted();
      throw error;
    } finally {
      ask.signal?.removeEventListener("abort", cancel);
      this.#pending.delete(request);
      this.#ended.wake();
    }
  }

  /** Ends the connection; what is under way fails. */
  close(): Promise<void> {
    this.#fail(new MultisnapError("Closed", "the volume has been closed"));
    return new Promise((resolve) => {
      if (this.#socket.closed) return resolve();
      this.#socket.once("close", () => resolve());
      this.#socket.end(() => this.#socket.destroy());
    });
  }

  async #listen(): Promise<void> {
    try {
      for (let frame = await this.#reader.next(); frame; frame = await this.#reader.next()) {
        this.#take(frame);
      }
      this.#fail(lost());
    } catch (error) {
      this.#fail(error instanceof MultisnapError ? error : lost());
    }
    this.#socket.destroy();
  }

  #take({ type, request, head, payload }: Frame): void {
    if (type === TYPE_FAILURE && request === REQUEST_NONE) throw failureOf(head);
    const pending = this.#pending.get(request);
    if (!pending) return;
    try {
      if (type === TYPE_ANSWER) pending.resolve({ head, payload });
      else if (type === TYPE_FAILURE) pending.reject(failureOf(head));
      else if (type === TYPE_PART && Array.isArray(head.rows)) pending.ask.rows?.(head.rows);
      else if (type === TYPE_PROGRESS) {
        pending.ask.progress?.(Number(head.done), Number(head.total));
      }
    } catch (error) {
      // Of the caller's own function: his request fails, not the connection.
      pending.reject(error);
    }
  }

  #fail(error: MultisnapError): void {
    this.#failure ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#failure);
  }

  #send(type: number, request: number, head: Head, payload?: Uint8Array): void {
    const bytes = payload?.length ?? 0;
    const frame = encodeFrame(this.#version, type, request, JSON.stringify(head), bytes);
    this.#socket.cork();
    this.#socket.write(frame);
    if (payload && bytes > 0) this.#socket.write(payload);
    this.#socket.uncork();
  }
}

const CODES: ReadonlySet<unknown> = new Set<ErrorCode>([
  "Invalid",
  "NotFound",
  "Exists",
  "Busy",
  "NoSpace",
  "ReadOnly",
  "Corrupt",
  "Io",
  "Closed",
  "Unsupported",
  "Internal",
]);

/** The error that the server met, as if it had been met here. */
function failureOf({ code, message, retryable }: Head): MultisnapError {
  const known = CODES.has(code) ? (code as ErrorCode) : "Internal";
  return new MultisnapError(known, String(message), { retryable: retryable === true });
}

function lost(): MultisnapError {
  return new MultisnapError(
    "Io",
    "the process that serves the store went away before it answered; what was asked for may have " +
      "been done or not",
  );
}
