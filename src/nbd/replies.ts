/**
 * Replies as bytes. Heads are written into a buffer that the caller has, so nothing is allocated.
 */
import { Buffer } from "node:buffer";
import { MultisnapError } from "../errors.ts";
import type { State } from "./contexts.ts";
import {
  CHUNK_BLOCK_STATUS,
  CHUNK_DONE,
  CHUNK_ERROR,
  CHUNK_HEAD_BYTES,
  EINVAL,
  EIO,
  ENOSPC,
  ENOTSUP,
  EPERM,
  ESHUTDOWN,
  SIMPLE_REPLY_BYTES,
  SIMPLE_REPLY_MAGIC,
  STRUCTURED_REPLY_MAGIC,
} from "./protocol.ts";
import type { Request } from "./request.ts";

const MESSAGE_BYTES_MAX = 1024;

export function putSimpleReply(
  target: Buffer,
  at: number,
  request: Request,
  error: number,
): number {
  target.writeUInt32BE(SIMPLE_REPLY_MAGIC, at);
  target.writeUInt32BE(error, at + 4);
  target.writeUInt32BE(request.cookieHigh, at + 8);
  target.writeUInt32BE(request.cookieLow, at + 12);
  return SIMPLE_REPLY_BYTES;
}

/** The head of a chunk of `length` bytes that come behind it. */
export function putChunkHead(
  target: Buffer,
  at: number,
  request: Request,
  type: number,
  flags: number,
  length: number,
): number {
  target.writeUInt32BE(STRUCTURED_REPLY_MAGIC, at);
  target.writeUInt16BE(flags, at + 4);
  target.writeUInt16BE(type, at + 6);
  target.writeUInt32BE(request.cookieHigh, at + 8);
  target.writeUInt32BE(request.cookieLow, at + 12);
  target.writeUInt32BE(length, at + 16);
  return CHUNK_HEAD_BYTES;
}

/** An error, with a sentence for whoever reads logs. */
export function errorChunk(request: Request, error: number, message: string): Buffer {
  const text = Buffer.from(message).subarray(0, MESSAGE_BYTES_MAX);
  const chunk = Buffer.alloc(CHUNK_HEAD_BYTES + 6 + text.length);
  const at = putChunkHead(chunk, 0, request, CHUNK_ERROR, CHUNK_DONE, 6 + text.length);
  chunk.writeUInt32BE(error, at);
  chunk.writeUInt16BE(text.length, at + 4);
  chunk.set(text, at + 6);
  return chunk;
}

/** The states of one context. */
export function statusChunk(
  request: Request,
  context: number,
  states: State[],
  isLast: boolean,
): Buffer {
  const length = 4 + 8 * states.length;
  const chunk = Buffer.alloc(CHUNK_HEAD_BYTES + length);
  const flags = isLast ? CHUNK_DONE : 0;
  let at = putChunkHead(chunk, 0, request, CHUNK_BLOCK_STATUS, flags, length);
  chunk.writeUInt32BE(context, at);
  at += 4;
  for (const state of states) {
    chunk.writeUInt32BE(state.length, at);
    chunk.writeUInt32BE(state.flags, at + 4);
    at += 8;
  }
  return chunk;
}

/**
 * The protocol's number for an error. A deleted snapshot is an export that was shut down. A volume
 * that has failed is a broken disk, and not one that was offered for reading only: clients act upon
 * the difference (a file system stops, instead of asking why it may not write).
 */
export function errnoOf(error: unknown): number {
  if (!(error instanceof MultisnapError)) return EIO;
  switch (error.code) {
    case "Invalid":
      return EINVAL;
    case "NoSpace":
      return ENOSPC;
    case "ReadOnly":
      return error.cause === undefined ? EPERM : EIO;
    case "NotFound":
    case "Closed":
      return ESHUTDOWN;
    case "Unsupported":
      return ENOTSUP;
    default:
      return EIO;
  }
}
