/** Options of the handshake as bytes: what they ask, and what is answered. */
import { Buffer } from "node:buffer";
import type { Export } from "./exports.ts";
import { exportFlags } from "./exports.ts";
import {
  INFO_BLOCK_SIZE,
  INFO_DESCRIPTION,
  INFO_EXPORT,
  INFO_NAME,
  NAME_BYTES_MAX,
  OPTION_REPLY_MAGIC,
  PAYLOAD_BYTES_MAX,
} from "./protocol.ts";

/** Requests may have any length and place. */
const BLOCK_BYTES_MIN = 1;

export interface InfoRequest {
  name: string;
  /** INFO_... that the client wants. */
  wanted: number[];
}

export interface ContextQuery {
  /** Of the export. */
  name: string;
  queries: string[];
}

/** magic 8, option 4, type 4, length 4, data. */
export function optionReply(option: number, type: number, data: Uint8Array): Buffer {
  const reply = Buffer.alloc(20 + data.length);
  reply.writeUInt32BE(OPTION_REPLY_MAGIC[0], 0);
  reply.writeUInt32BE(OPTION_REPLY_MAGIC[1], 4);
  reply.writeUInt32BE(option, 8);
  reply.writeUInt32BE(type, 12);
  reply.writeUInt32BE(data.length, 16);
  reply.set(data, 20);
  return reply;
}

/** type 2, size 8, flags 2. */
export function exportInfo(size: number, flags: number): Buffer {
  const info = Buffer.alloc(12);
  info.writeUInt16BE(INFO_EXPORT, 0);
  info.writeBigUInt64BE(BigInt(size), 2);
  info.writeUInt16BE(flags, 10);
  return info;
}

/** Data of the NBD_REP_INFO replies to a request. */
export function informations(
  chosen: Export,
  { wanted }: InfoRequest,
  chunk: number,
  structured: boolean,
): Buffer[] {
  const infos = [exportInfo(chosen.view.size, exportFlags(chosen, structured))];
  if (wanted.includes(INFO_NAME)) infos.push(textInfo(INFO_NAME, chosen.name));
  if (wanted.includes(INFO_DESCRIPTION)) {
    infos.push(textInfo(INFO_DESCRIPTION, chosen.description));
  }
  const sizes = Buffer.alloc(14);
  sizes.writeUInt16BE(INFO_BLOCK_SIZE, 0);
  sizes.writeUInt32BE(BLOCK_BYTES_MIN, 2);
  sizes.writeUInt32BE(chunk, 6);
  sizes.writeUInt32BE(PAYLOAD_BYTES_MAX, 10);
  infos.push(sizes);
  return infos;
}

function textInfo(type: number, text: string): Buffer {
  return Buffer.concat([Buffer.from([type >> 8, type & 255]), Buffer.from(text)]);
}

/** Name length 4, name, count 2, INFO_... 2 each. Null where it is anything else. */
export function parseInfoRequest(data: Buffer): InfoRequest | null {
  const name = prefixedText(data, 0);
  if (!name || data.length < name.end + 2) return null;
  const count = data.readUInt16BE(name.end);
  if (data.length !== name.end + 2 + 2 * count) return null;
  const wanted = Array.from({ length: count }, (_, i) => data.readUInt16BE(name.end + 2 + 2 * i));
  return { name: name.text, wanted };
}

/** Name length 4, name, count 4, then length 4 and text of each query. */
export function parseContextQuery(data: Buffer): ContextQuery | null {
  const name = prefixedText(data, 0);
  if (!name || data.length < name.end + 4) return null;
  const count = data.readUInt32BE(name.end);
  const queries: string[] = [];
  let at = name.end + 4;
  while (queries.length < count) {
    const query = prefixedText(data, at);
    if (!query) return null;
    queries.push(query.text);
    at = query.end;
  }
  return at === data.length ? { name: name.text, queries } : null;
}

function prefixedText(data: Buffer, at: number): { text: string; end: number } | null {
  if (data.length < at + 4) return null;
  const end = at + 4 + data.readUInt32BE(at);
  if (end > data.length || end - at - 4 > NAME_BYTES_MAX) return null;
  return { text: data.toString("utf8", at + 4, end), end };
}
