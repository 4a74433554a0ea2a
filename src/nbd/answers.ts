/**
 * Answers to requests, in the form that the client has chosen (simple or structured), and the count
 * of them. Each request that was taken up comes here once.
 */
import type { Buffer } from "node:buffer";
import { monotonic } from "../env.ts";
import type { Live } from "./live.ts";
import type { Outbox } from "./outbox.ts";
import {
  CHUNK_DONE,
  CHUNK_HEAD_BYTES,
  CHUNK_NONE,
  CHUNK_OFFSET_DATA,
  SIMPLE_REPLY_BYTES,
} from "./protocol.ts";
import { errnoOf, errorChunk, putChunkHead, putSimpleReply } from "./replies.ts";
import { kindOf, type Request } from "./request.ts";

export class Answers {
  readonly #outbox: Outbox;
  readonly #structured: boolean;
  readonly #live: Live;
  readonly #headBytes: number;

  constructor(outbox: Outbox, structured: boolean, live: Live) {
    this.#outbox = outbox;
    this.#structured = structured;
    this.#live = live;
    this.#headBytes = structured ? CHUNK_HEAD_BYTES + 8 : SIMPLE_REPLY_BYTES;
  }

  /** Room for an answer with data: where in the outbox's buffer its `length` bytes go. */
  roomForData(length: number): number {
    return this.#outbox.room(this.#headBytes + length) + this.#headBytes;
  }

  /** The data lies in the room asked for last. */
  data(request: Request): void {
    // A chunk of data has data.
    if (request.length === 0) {
      this.done(request);
      return;
    }
    const at = this.#outbox.room(0);
    const bytes = this.#putHead(this.#outbox.buffer, at, request) + request.length;
    this.#live.bytesRead += request.length;
    this.#add(request, bytes);
  }

  /** The data lies elsewhere; `taken` is called when the kernel has it. */
  dataBeside(request: Request, data: Uint8Array, taken: () => void): void {
    if (data.length === 0) {
      taken();
      this.done(request);
      return;
    }
    const at = this.#outbox.room(this.#headBytes);
    this.#outbox.add(this.#putHead(this.#outbox.buffer, at, request), 0);
    this.#live.bytesRead += request.length;
    this.count(request);
    this.#outbox.sendWith(data, request.cost, taken);
  }

  /** It is done, and that is all. */
  done(request: Request): void {
    const at = this.#outbox.room(CHUNK_HEAD_BYTES);
    const { buffer } = this.#outbox;
    const bytes = this.#structured
      ? putChunkHead(buffer, at, request, CHUNK_NONE, CHUNK_DONE, 0)
      : putSimpleReply(buffer, at, request, 0);
    this.#add(request, bytes);
  }

  /** Whole structured chunks, the last one marked so. */
  with(request: Request, chunks: Buffer): void {
    this.count(request);
    this.#outbox.sendWith(chunks, request.cost, () => {});
  }

  fail(request: Request, error: unknown): void {
    this.refuse(request, errnoOf(error), error instanceof Error ? error.message : String(error));
  }

  refuse(request: Request, errno: number, message: string): void {
    this.#live.requestsFailed++;
    if (this.#structured) {
      this.with(request, errorChunk(request, errno, message));
      return;
    }
    const at = this.#outbox.room(SIMPLE_REPLY_BYTES);
    this.#add(request, putSimpleReply(this.#outbox.buffer, at, request, errno));
  }

  /** It has ended, answered or not. */
  count(request: Request): void {
    this.#live.queueDepth--;
    this.#live.answered(kindOf(request), monotonic() - request.came);
  }

  #add(request: Request, bytes: number): void {
    this.#outbox.add(bytes, request.cost);
    this.count(request);
  }

  /** The head of an answer with data; answers its bytes. */
  #putHead(target: Buffer, at: number, request: Request): number {
    if (!this.#structured) return putSimpleReply(target, at, request, 0);
    const length = 8 + request.length;
    const put = putChunkHead(target, at, request, CHUNK_OFFSET_DATA, CHUNK_DONE, length);
    target.writeUInt32BE(Math.floor(request.offset / 2 ** 32), at + put);
    target.writeUInt32BE(request.offset % 2 ** 32, at + put + 4);
    return put + 8;
  }
}
