/**
 * Commands other than read and write. They may take long (a trim of 4 GiB), so they go piece by
 * piece and let others in between; each ends when it is done.
 */
import { MultisnapError } from "../errors.ts";
import { turn } from "../task.ts";
import type { Volume } from "../volume/types.ts";
import type { Export } from "./exports.ts";
import {
  CMD_CACHE,
  CMD_FAST_ZERO,
  CMD_FUA,
  CMD_NO_HOLE,
  CMD_TRIM,
  CMD_WRITE_ZEROES,
} from "./protocol.ts";
import type { Request } from "./request.ts";

/** Bytes of a piece that writes or reads data. */
const DATA_PIECE_BYTES = 2 ** 20;
/** Bytes of a piece that changes metadata only. */
const MAP_PIECE_BYTES = 64 * 2 ** 20;
const ZEROS = new Uint8Array(DATA_PIECE_BYTES);
/** Where all read what nobody looks at. */
const NOWHERE = new Uint8Array(DATA_PIECE_BYTES);

/** Flushes of all connections that come in one turn are one flush of the volume. */
export class Flushes {
  readonly #volume: Volume;
  #next: Promise<void> | null = null;

  constructor(volume: Volume) {
    this.#volume = volume;
  }

  /** Ends when everything that was answered before this call is durable. */
  join(): Promise<void> {
    this.#next ??= turn().then(() => {
      this.#next = null;
      return this.#volume.flush();
    });
    return this.#next;
  }
}

export interface CommandContext {
  volume: Volume;
  chosen: Export;
  flushes: Flushes;
  /** The connection has ended: there is no use in going on. */
  isOver: () => boolean;
}

/** TRIM, WRITE_ZEROES, CACHE and FLUSH, which have no data in their replies. */
export async function runCommand(context: CommandContext, request: Request): Promise<void> {
  const { view } = context.chosen;
  // Also where there is nothing to do: a view that was deleted does not even have a name.
  void view.name;
  if (request.type === CMD_TRIM) await trim(context, request);
  else if (request.type === CMD_WRITE_ZEROES) await writeZeroes(context, request);
  else if (request.type === CMD_CACHE) return cache(context, request);
  else return context.flushes.join();
  if ((request.flags & CMD_FUA) !== 0) await context.flushes.join();
}

function trim(context: CommandContext, request: Request): Promise<void> {
  return inPieces(context, request, MAP_PIECE_BYTES, (offset, length) =>
    context.chosen.view.trim(offset, length),
  );
}

function writeZeroes(context: CommandContext, request: Request): Promise<void> {
  const { view } = context.chosen;
  const isSlow = mustWrite(context, request);
  if ((request.flags & CMD_FAST_ZERO) !== 0 && isSlow) {
    throw new MultisnapError("Unsupported", "zeros here are no faster than a write");
  }
  if ((request.flags & CMD_NO_HOLE) !== 0) {
    return inPieces(context, request, DATA_PIECE_BYTES, (offset, length) =>
      view.write(offset, ZEROS.subarray(0, length)),
    );
  }
  return inPieces(context, request, isSlow ? DATA_PIECE_BYTES : MAP_PIECE_BYTES, (offset, length) =>
    view.writeZeroes(offset, length),
  );
}

/** Whether zeros have to be written: no whole chunk can become a hole. */
function mustWrite({ volume, chosen }: CommandContext, request: Request): boolean {
  if ((request.flags & CMD_NO_HOLE) !== 0) return true;
  if (chosen.isPlain) return true;
  const first = Math.ceil(request.offset / volume.chunk);
  return Math.floor((request.offset + request.length) / volume.chunk) <= first;
}

/** Reads, so that the system's cache has it. */
function cache(context: CommandContext, request: Request): Promise<void> {
  return inPieces(context, request, DATA_PIECE_BYTES, (offset, length) =>
    context.chosen.view.read(offset, NOWHERE.subarray(0, length)),
  );
}

/** Pieces end at multiples of `pieceBytes`, so that no chunk is cut that need not be. */
async function inPieces(
  { isOver }: CommandContext,
  { offset, length }: Request,
  pieceBytes: number,
  work: (offset: number, length: number) => Promise<void>,
): Promise<void> {
  const end = offset + length;
  for (let at = offset; at < end && !isOver(); ) {
    const next = Math.min(end, at - (at % pieceBytes) + pieceBytes);
    await work(at, next - at);
    at = next;
    if (at < end) await turn();
  }
}
