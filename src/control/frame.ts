/**
 * Frames as bytes and back. A reader trusts nothing (I10): lengths are checked before there is
 * memory for them, a head must be a JSON object, and a frame that is none ends the connection.
 */
import { type Head, type Message, NOTHING } from "../connect/message.ts";
import { MultisnapError } from "../errors.ts";
import {
  FRAME_BYTES,
  FRAME_HEAD,
  FRAME_MAGIC,
  FRAME_PAYLOAD,
  FRAME_REQUEST,
  FRAME_TYPE,
  FRAME_VERSION,
  HEAD_BYTES_MAX,
  MAGIC,
  PAYLOAD_BYTES_MAX,
  TYPE_FAILURE,
  TYPE_HELLO,
} from "./layout.ts";

export interface Frame extends Message {
  version: number;
  /** Of head and payload in memory. */
  bytes: number;
}

/** Header and head, which is JSON text; the payload follows them as it is. */
export function encodeFrame(
  version: number,
  type: number,
  request: number,
  head: string,
  payloadBytes: number,
): Uint8Array {
  const text = new TextEncoder().encode(head);
  if (text.length > HEAD_BYTES_MAX || payloadBytes > PAYLOAD_BYTES_MAX) {
    const found = `a head of ${text.length} bytes and a payload of ${payloadBytes}`;
    throw new MultisnapError("Invalid", `the control protocol has no room for ${found}`);
  }
  const bytes = new Uint8Array(FRAME_BYTES + text.length);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC, FRAME_MAGIC);
  view.setUint16(FRAME_VERSION, version, true);
  view.setUint16(FRAME_TYPE, type, true);
  view.setUint32(FRAME_REQUEST, request, true);
  view.setUint32(FRAME_HEAD, text.length, true);
  view.setUint32(FRAME_PAYLOAD, payloadBytes, true);
  bytes.set(text, FRAME_BYTES);
  return bytes;
}

/** Takes frames from a stream of bytes, one at a time, and reads on only when asked. */
export class FrameReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = NOTHING;
  /** Bytes of frames so far. */
  taken = 0;
  /** Whether a frame has begun and its end is not there yet. */
  inside = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /**
   * The next frame; null where the stream ends between two. `room` is asked for the bytes of head
   * and payload before there is memory for them. Errors: `Invalid` for what is no frame, `Io` where
   * the stream ends inside one.
   */
  async next(room?: (bytes: number) => Promise<void>): Promise<Frame | null> {
    const header = new Uint8Array(FRAME_BYTES);
    const found = await this.#fill(header);
    if (found === 0) return null;
    if (found < FRAME_BYTES) throw cut();
    const { headBytes, payloadBytes, ...frame } = decodeHeader(header);
    const bytes = headBytes + payloadBytes;
    await room?.(bytes);
    const body = new Uint8Array(bytes);
    if ((await this.#fill(body)) < bytes) throw cut();
    this.inside = false;
    const head = decodeHead(body.subarray(0, headBytes));
    return { ...frame, head, payload: body.subarray(headBytes), bytes };
  }

  /** Bytes that there were: fewer than asked for at the end of the stream. */
  async #fill(target: Uint8Array): Promise<number> {
    let filled = 0;
    while (filled < target.length) {
      if (this.#rest.length === 0) {
        const step = await this.#source.next();
        if (step.done) return filled;
        this.#rest = step.value;
      }
      this.inside = true;
      const part = this.#rest.subarray(0, target.length - filled);
      target.set(part, filled);
      filled += part.length;
      this.taken += part.length;
      this.#rest = this.#rest.subarray(part.length);
    }
    return filled;
  }
}

interface Header {
  version: number;
  type: number;
  request: number;
  headBytes: number;
  payloadBytes: number;
}

function decodeHeader(bytes: Uint8Array): Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, FRAME_BYTES);
  if (MAGIC.some((byte, index) => bytes[FRAME_MAGIC + index] !== byte)) {
    throw broken("it does not begin with the magic of one");
  }
  const header = {
    version: view.getUint16(FRAME_VERSION, true),
    type: view.getUint16(FRAME_TYPE, true),
    request: view.getUint32(FRAME_REQUEST, true),
    headBytes: view.getUint32(FRAME_HEAD, true),
    payloadBytes: view.getUint32(FRAME_PAYLOAD, true),
  };
  const { type, headBytes, payloadBytes } = header;
  if (type < TYPE_HELLO || type > TYPE_FAILURE) throw broken(`type ${type} is not known`);
  if (headBytes > HEAD_BYTES_MAX) throw broken(`its head has ${headBytes} bytes`);
  if (payloadBytes > PAYLOAD_BYTES_MAX) throw broken(`its payload has ${payloadBytes} bytes`);
  return header;
}

function decodeHead(bytes: Uint8Array): Head {
  let head: unknown;
  try {
    head = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw broken("its head is not JSON in UTF-8");
  }
  if (typeof head !== "object" || head === null || Array.isArray(head)) {
    throw broken("its head is not a JSON object");
  }
  return head as Head;
}

function broken(why: string): MultisnapError {
  return new MultisnapError("Invalid", `not a frame of the control protocol: ${why}`);
}

function cut(): MultisnapError {
  return new MultisnapError("Io", "the control connection ended in the middle of a frame");
}
