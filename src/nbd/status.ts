/** Block status: what the selected contexts say of a range, as the chunks of one answer. */
import { Buffer } from "node:buffer";
import type { Volume } from "../volume/types.ts";
import { statesOf } from "./contexts.ts";
import type { Session } from "./handshake.ts";
import { CMD_REQ_ONE } from "./protocol.ts";
import { statusChunk } from "./replies.ts";
import type { Request } from "./request.ts";

/** A chunk for each context, in the order of their selection. */
export async function statusChunks(
  volume: Volume,
  { contexts, export: chosen }: Session,
  request: Request,
): Promise<Buffer> {
  const onlyOne = (request.flags & CMD_REQ_ONE) !== 0;
  const chunks: Buffer[] = [];
  for (const context of contexts) {
    const states = await statesOf(volume, chosen, context, request, onlyOne);
    const isLast = chunks.length + 1 === contexts.length;
    chunks.push(statusChunk(request, context.id, states, isLast));
  }
  return Buffer.concat(chunks);
}
