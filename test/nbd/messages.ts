/**
 * Messages of the NBD protocol as bytes, written from the protocol's text (the NetworkBlockDevice
 * project's doc/proto.md) and on purpose without the server's constants: a wrong one shows.
 */
export const OPT = {
  exportName: 1,
  abort: 2,
  list: 3,
  peekExports: 4,
  startTls: 5,
  info: 6,
  go: 7,
  structuredReply: 8,
  listMetaContext: 9,
  setMetaContext: 10,
  extendedHeaders: 11,
} as const;

export const REP = {
  ack: 1,
  server: 2,
  info: 3,
  metaContext: 4,
  unsupported: 0x80000001,
  policy: 0x80000002,
  invalid: 0x80000003,
  platform: 0x80000004,
  tlsRequired: 0x80000005,
  unknown: 0x80000006,
  shutdown: 0x80000007,
  blockSizeRequired: 0x80000008,
  tooBig: 0x80000009,
} as const;

export const INFO = { export: 0, name: 1, description: 2, blockSize: 3 } as const;

export const CMD = {
  read: 0,
  write: 1,
  disconnect: 2,
  flush: 3,
  trim: 4,
  cache: 5,
  writeZeroes: 6,
  blockStatus: 7,
  resize: 8,
} as const;

export const FLAG = { fua: 1, noHole: 2, df: 4, reqOne: 8, fastZero: 16, payloadLen: 32 } as const;

/** Transmission flags of an export. */
export const CAN = {
  hasFlags: 1,
  readOnly: 2,
  flush: 4,
  fua: 8,
  rotational: 16,
  trim: 32,
  writeZeroes: 64,
  df: 128,
  multiConn: 256,
  resize: 512,
  cache: 1024,
  fastZero: 2048,
} as const;

export const CHUNK = { none: 0, data: 1, hole: 2, blockStatus: 5, error: 32769 } as const;

export const ERR = {
  perm: 1,
  io: 5,
  noMemory: 12,
  invalid: 22,
  noSpace: 28,
  overflow: 75,
  notSupported: 95,
  shutdown: 108,
} as const;

export const MIB = 2 ** 20;
/** Client flags. */
export const FIXED = 1;
export const NO_ZEROES = 2;

export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function u64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** `length`: what the header says, if it is to lie. */
export function option(code: number, data: Uint8Array = Buffer.alloc(0), length = data.length) {
  return Buffer.concat([Buffer.from("IHAVEOPT"), u32(code), u32(length), data]);
}

function counted(text: string | Uint8Array): Buffer {
  const bytes = Buffer.from(text as string);
  return Buffer.concat([u32(bytes.length), bytes]);
}

/** Data of INFO and GO. */
export function infoData(name: string | Uint8Array, wanted: number[] = []): Buffer {
  return Buffer.concat([counted(name), u16(wanted.length), ...wanted.map(u16)]);
}

/** Data of LIST_META_CONTEXT and SET_META_CONTEXT. */
export function contextData(name: string, queries: string[]): Buffer {
  return Buffer.concat([counted(name), u32(queries.length), ...queries.map(counted)]);
}

export interface RequestFields {
  type: number;
  flags?: number;
  cookie?: bigint;
  offset?: number | bigint;
  length?: number;
}

export function request({ type, flags = 0, cookie = 0n, offset = 0, length = 0 }: RequestFields) {
  const bytes = Buffer.alloc(28);
  bytes.writeUInt32BE(0x25609513, 0);
  bytes.writeUInt16BE(flags, 4);
  bytes.writeUInt16BE(type, 6);
  bytes.writeBigUInt64BE(cookie, 8);
  bytes.writeBigUInt64BE(BigInt(offset), 16);
  bytes.writeUInt32BE(length, 24);
  return bytes;
}

export function writeRequest(
  offset: number | bigint,
  payload: Uint8Array,
  more: Partial<RequestFields> = {},
): Buffer {
  const fields = { type: CMD.write, offset, length: payload.length, ...more };
  return Buffer.concat([request(fields), payload]);
}

export function simpleReply(cookie: bigint, error = 0, data: Uint8Array = Buffer.alloc(0)): Buffer {
  return Buffer.concat([u32(0x67446698), u32(error), u64(cookie), data]);
}

/** `flags` 1: the last chunk of its reply. */
export function chunk(cookie: bigint, type: number, data: Uint8Array, flags = 1): Buffer {
  const head = [u32(0x668e33ef), u16(flags), u16(type), u64(cookie), u32(data.length)];
  return Buffer.concat([...head, data]);
}
