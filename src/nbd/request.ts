/** One request of the transmission phase, and whether it is one that may be made. */
import type { Export } from "./exports.ts";
import type { Kind } from "./live.ts";
import {
  CMD_BLOCK_STATUS,
  CMD_CACHE,
  CMD_DF,
  CMD_FAST_ZERO,
  CMD_FLUSH,
  CMD_FUA,
  CMD_NO_HOLE,
  CMD_READ,
  CMD_REQ_ONE,
  CMD_TRIM,
  CMD_WRITE,
  CMD_WRITE_ZEROES,
  EINVAL,
  ENOSPC,
  EPERM,
  PAYLOAD_BYTES_MAX,
  REQUEST_MAGIC,
} from "./protocol.ts";

export interface Request {
  flags: number;
  type: number;
  /** The client's name for it, in two halves. */
  cookieHigh: number;
  cookieLow: number;
  offset: number;
  length: number;
  /** Milliseconds of `monotonic`. */
  came: number;
  /** Bytes that it holds of the budget. */
  cost: number;
}

/** What a request holds beside its data. */
const REQUEST_COST = 1024;
/** Of a request that goes piece by piece, beside that. */
const PIECE_COST_MAX = 2 ** 20;

const WRITING = 1;
const RANGED = 2;
const PAYLOAD = 4;

interface Command {
  kind: Kind;
  is: number;
  /** That it may have. FUA is harmless everywhere. */
  flags: number;
}

const COMMANDS: Partial<Record<number, Command>> = {
  [CMD_READ]: { kind: "read", is: RANGED | PAYLOAD, flags: CMD_DF },
  [CMD_WRITE]: { kind: "write", is: WRITING | RANGED | PAYLOAD, flags: 0 },
  [CMD_FLUSH]: { kind: "flush", is: 0, flags: 0 },
  [CMD_TRIM]: { kind: "trim", is: WRITING | RANGED, flags: 0 },
  [CMD_CACHE]: { kind: "cache", is: RANGED, flags: 0 },
  [CMD_WRITE_ZEROES]: { kind: "zero", is: WRITING | RANGED, flags: CMD_NO_HOLE | CMD_FAST_ZERO },
  [CMD_BLOCK_STATUS]: { kind: "status", is: RANGED, flags: CMD_REQ_ONE },
};

/**
 * Null where the bytes at `at` are not a request: whoever sends such is not understood any more.
 */
export function parseRequest(view: DataView, at: number, came: number): Request | null {
  if (view.getUint32(at) !== REQUEST_MAGIC) return null;
  const type = view.getUint16(at + 6);
  const length = view.getUint32(at + 24);
  return {
    flags: view.getUint16(at + 4),
    type,
    cookieHigh: view.getUint32(at + 8),
    cookieLow: view.getUint32(at + 12),
    // Past 2^53 it is not exact, and past the end of every disk.
    offset: view.getUint32(at + 16) * 2 ** 32 + view.getUint32(at + 20),
    length,
    came,
    cost: REQUEST_COST + costOf(type, length),
  };
}

/**
 * Reads and writes hold their data. What goes piece by piece holds a piece: so few go on at a time
 * that others get their turns. What is refused holds nothing.
 */
function costOf(type: number, length: number): number {
  if (type === CMD_READ || type === CMD_WRITE) return length <= PAYLOAD_BYTES_MAX ? length : 0;
  return type in COMMANDS ? Math.min(length, PIECE_COST_MAX) : 0;
}

export function kindOf({ type }: Request): Kind {
  return COMMANDS[type]?.kind ?? "status";
}

/** An error number, and why. */
export type Refusal = [errno: number, why: string];

/** Null: it may be made. */
export function refusal(request: Request, chosen: Export): Refusal | null {
  const { type, flags, offset, length } = request;
  const command = COMMANDS[type];
  if (!command) return [EINVAL, `command ${type} is not known`];
  if ((flags & ~(command.flags | CMD_FUA)) !== 0) return [EINVAL, `flags ${flags} are not known`];
  if ((command.is & WRITING) !== 0 && chosen.readOnly) return [EPERM, "the export is read-only"];
  if ((command.is & PAYLOAD) !== 0 && length > PAYLOAD_BYTES_MAX) {
    return [EINVAL, `${length} bytes are more than ${PAYLOAD_BYTES_MAX}`];
  }
  if ((command.is & RANGED) === 0) {
    return offset === 0 && length === 0 ? null : [EINVAL, "it takes no offset and no length"];
  }
  if (offset + length > chosen.view.size) {
    const errno = type === CMD_WRITE || type === CMD_WRITE_ZEROES ? ENOSPC : EINVAL;
    return [errno, `${length} bytes at ${offset} reach past the end at ${chosen.view.size}`];
  }
  return length === 0 && type === CMD_BLOCK_STATUS
    ? [EINVAL, "of no bytes there is no status"]
    : null;
}
