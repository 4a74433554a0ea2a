/** A second reader of streams, written from STREAM.md alone: it shares no code with the library. */
import zlib from "node:zlib";

export interface ReadSnapshot {
  identity: string;
  base: string | null;
  size: number;
  created: number;
  chunk: number;
  name: string;
  baseName: string;
  /** Where its records begin. */
  begin: number;
  /** null: zeros. */
  records: { offset: number; length: number; bytes: Buffer | null }[];
}

export interface ReadStream {
  compression: number;
  target: string;
  from: string | null;
  isResumed: boolean;
  snapshots: ReadSnapshot[];
}

const TABLE = Array.from({ length: 256 }, (_, i) => {
  let c = i;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
  return c >>> 0;
});

export function crc32c(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of bytes) c = TABLE[(c ^ byte) & 255]! ^ (c >>> 8);
  return ~c >>> 0;
}

const number = (bytes: Buffer, at: number) => Number(bytes.readBigUInt64LE(at));

function identity(bytes: Buffer, at: number): string | null {
  const found = bytes.subarray(at, at + 32);
  return found.every((byte) => byte === 0) ? null : found.toString("hex");
}

function demand(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`stream: ${what}`);
}

interface Raw {
  type: number;
  offset: number;
  length: number;
  payload: Buffer;
}

function* rawRecords(stream: Buffer): Generator<Raw> {
  const crcs: number[] = [];
  for (let at = 0; at < stream.length; ) {
    demand(at + 40 <= stream.length, `cut off at ${at}`);
    const stored = stream.readUInt32LE(at + 8);
    const end = at + 40 + Math.ceil(stored / 8) * 8;
    demand(end <= stream.length, `cut off in the record at ${at}`);
    const crc = stream.readUInt32LE(at);
    demand(crc32c(stream.subarray(at + 4, end)) === crc, `crc of the record at ${at}`);
    demand(number(stream, at + 16) === crcs.length, `index of the record at ${at}`);
    demand(
      stream.subarray(at + 40 + stored, end).every((byte) => byte === 0),
      `padding at ${at}`,
    );
    const type = stream.readUInt16LE(at + 4);
    const flags = stream.readUInt16LE(at + 6);
    const raw = stream.readUInt32LE(at + 12);
    let payload = stream.subarray(at + 40, at + 40 + stored);
    if (flags & 1) payload = zlib.gunzipSync(payload);
    demand(payload.length === raw, `raw length at ${at}`);
    if (type >= 5) {
      const all = Buffer.alloc(4 * crcs.length);
      for (const [i, one] of crcs.entries()) all.writeUInt32LE(one, 4 * i);
      demand(payload.readUInt32LE(0) === crc32c(all), `sum at ${at}`);
      demand(number(payload, 8) === crcs.length && number(payload, 16) === at, `counts at ${at}`);
    }
    yield { type, offset: number(stream, at + 24), length: number(stream, at + 32), payload };
    crcs.push(crc);
    at = end;
  }
}

export function readStream(bytes: Uint8Array): ReadStream {
  const records = rawRecords(Buffer.from(bytes));
  const next = (): Raw => {
    const { done, value } = records.next();
    demand(!done, "no more records");
    return value as Raw;
  };
  const { type, payload } = next();
  demand(type === 1 && payload.subarray(0, 8).toString() === "MSNPSTRM", "no STREAM");
  demand(payload.readUInt32LE(8) === 1, "version");
  const stream: ReadStream = {
    compression: payload.readUInt32LE(12),
    target: identity(payload, 16)!,
    from: identity(payload, 48),
    isResumed: payload.readUInt32LE(84) === 1,
    snapshots: [],
  };
  const count = payload.readUInt32LE(80);
  for (let i = 0; i < count; i++) stream.snapshots.push(readSnapshot(next));
  demand(next().type === 6, "no END");
  demand(records.next().done === true, "something behind the END");
  demand(stream.snapshots.at(-1)?.identity === stream.target, "another target");
  return stream;
}

function readSnapshot(next: () => Raw): ReadSnapshot {
  const { type, offset, length, payload } = next();
  demand(type === 2, "no SNAPSHOT");
  const middle = 96 + payload.readUInt16LE(88);
  const snapshot: ReadSnapshot = {
    identity: identity(payload, 0)!,
    base: payload.readUInt32LE(84) & 1 ? identity(payload, 32) : null,
    size: number(payload, 64),
    created: payload.readDoubleLE(72),
    chunk: payload.readUInt32LE(80),
    name: payload.subarray(96, middle).toString(),
    baseName: payload.subarray(middle, middle + payload.readUInt16LE(90)).toString(),
    begin: offset,
    records: [],
  };
  demand(offset + length === snapshot.size, "a snapshot of another size");
  let at = offset;
  for (;;) {
    const record = next();
    if (record.type === 5) {
      demand(record.offset === snapshot.size, "an end of another size");
      demand(snapshot.base !== null || at === snapshot.size, "bytes without a record");
      return snapshot;
    }
    demand(record.type === 3 || record.type === 4, `type ${record.type}`);
    demand(snapshot.base === null ? record.offset === at : record.offset >= at, "order");
    const bytes = record.type === 3 ? record.payload : null;
    demand(bytes === null ? record.payload.length === 0 : bytes.length === record.length, "length");
    demand(record.length > 0 && record.length <= (bytes ? 2 ** 20 : snapshot.size), "length");
    at = record.offset + record.length;
    snapshot.records.push({ offset: record.offset, length: record.length, bytes });
  }
}

/** What a stream makes of its bases, by identity. */
export function apply(stream: ReadStream, known: Map<string, Buffer>): void {
  for (const { identity, base, size, records } of stream.snapshots) {
    const bytes = Buffer.alloc(size);
    if (base !== null) {
      const under = known.get(base);
      demand(under !== undefined, "a base that is not known");
      under.copy(bytes);
    }
    for (const { offset, length, bytes: data } of records) {
      if (data) data.copy(bytes, offset);
      else bytes.fill(0, offset, offset + length);
    }
    known.set(identity, bytes);
  }
}
