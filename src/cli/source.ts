/** Bytes that a command takes in: an image file, a block device, a pipe, standard input. */
import fs from "node:fs";
import { addAbortSignal, type Readable } from "node:stream";
import type { Device } from "../devices/device.ts";
import { openError } from "../devices/errno.ts";
import { fileDevice } from "../devices/file.ts";
import { breathe, interrupted } from "./interrupt.ts";

/** Bytes of a piece, the last one excepted: a multiple of every chunk size. */
export const PIECE_BYTES = 2 ** 20;

export interface Source {
  /** Bytes; `null` for a pipe. */
  readonly size: number | null;
  /** Each piece is good until the next one is asked for. */
  pieces(signal: AbortSignal): AsyncGenerator<Uint8Array>;
  close(): void;
}

/** `-` is standard input. */
export async function openSource(path: string): Promise<Source> {
  if (path === "-") return standardInput();
  const found = fs.statSync(path, { throwIfNoEntry: false });
  if (found?.isFIFO() || found?.isCharacterDevice()) {
    return streamSource(path, fs.createReadStream(path));
  }
  return deviceSource(await fileDevice(path, { readOnly: true, lock: false }));
}

export function standardInput(): Source {
  return streamSource("standard input", process.stdin);
}

function deviceSource(device: Device): Source {
  async function* pieces(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const piece = new Uint8Array(PIECE_BYTES);
    for (let offset = 0; offset < device.size(); offset += PIECE_BYTES) {
      await breathe(signal, `reading ${device.name}`);
      const length = Math.min(PIECE_BYTES, device.size() - offset);
      await device.read(piece, 0, length, offset);
      yield piece.subarray(0, length);
    }
  }
  return { size: device.size(), pieces, close: () => void device.close() };
}

/** Collects what a pipe gives in small parts. */
function streamSource(name: string, stream: Readable): Source {
  async function* pieces(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const piece = new Uint8Array(PIECE_BYTES);
    let filled = 0;
    try {
      for await (const part of addAbortSignal(signal, stream) as AsyncIterable<Uint8Array>) {
        let taken = 0;
        while (taken < part.length) {
          const bytes = Math.min(PIECE_BYTES - filled, part.length - taken);
          piece.set(part.subarray(taken, taken + bytes), filled);
          taken += bytes;
          filled += bytes;
          if (filled < PIECE_BYTES) continue;
          yield piece;
          filled = 0;
        }
      }
    } catch (cause) {
      throw signal.aborted ? interrupted(`reading ${name}`) : openError(name, "reading", cause);
    }
    if (filled > 0) yield piece.subarray(0, filled);
  }
  return { size: null, pieces, close: () => letGo(stream) };
}

/**
 * Ends reading where the other side is still there and silent. Deno's standard input keeps a read
 * under way, and with it the process, also when it is destroyed: only `pause` lets the process end.
 */
export function letGo(stream: Readable): void {
  stream.destroy();
  if (stream === process.stdin) stream.emit("pause");
}
