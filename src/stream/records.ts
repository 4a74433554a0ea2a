/**
 * Records of a stream, written and read. What is read has been checked: its crc, its place in the
 * stream, its bounds (I10).
 *
 * Memory: one record, compressed and not, of at most `DATA_MAX` bytes of data.
 */
import { MultisnapError } from "../errors.ts";
import { Checksum } from "./checksum.ts";
import { type Codec, codecOf } from "./compression.ts";
import * as l from "./layout.ts";
import type { ByteSource } from "./source.ts";

export interface StreamRecord {
  type: number;
  offset: number;
  length: number;
  payload: Uint8Array;
}

const NOTHING = new Uint8Array(0);
/** Bytes of a payload that is no data. */
const OTHER_MAX = l.SNAPSHOT_NAMES + 2 * l.NAME_MAX;

export class RecordWriter {
  readonly #sum: Checksum;
  readonly #codec: Codec;

  constructor(module: WebAssembly.Module, codec: Codec) {
    this.#sum = new Checksum(module);
    this.#codec = codec;
  }

  get compression(): number {
    return this.#codec.number;
  }

  /** A record of data, compressed where that makes it smaller. */
  async data(offset: number, bytes: Uint8Array): Promise<Uint8Array> {
    if (this.#codec.number === l.COMPRESSION_NONE) return this.#data(offset, bytes, bytes, 0);
    const less = await this.#codec.compress(bytes);
    if (less.length >= bytes.length) return this.#data(offset, bytes, bytes, 0);
    return this.#data(offset, bytes, less, l.FLAG_COMPRESSED);
  }

  #data(offset: number, raw: Uint8Array, stored: Uint8Array, flags: number): Uint8Array {
    const record = { type: l.TYPE_DATA, offset, length: raw.length, payload: stored };
    return this.record(record, flags, raw.length);
  }

  record(
    { type, offset, length, payload }: StreamRecord,
    flags = 0,
    raw = payload.length,
  ): Uint8Array {
    const bytes = new Uint8Array(l.RECORD_HEADER + padded(payload.length));
    const view = new DataView(bytes.buffer);
    view.setUint16(l.RECORD_TYPE, type, true);
    view.setUint16(l.RECORD_FLAGS, flags, true);
    view.setUint32(l.RECORD_STORED, payload.length, true);
    view.setUint32(l.RECORD_RAW, raw, true);
    setU64(view, l.RECORD_INDEX, this.#sum.records);
    setU64(view, l.RECORD_OFFSET, offset);
    setU64(view, l.RECORD_LENGTH, length);
    bytes.set(payload, l.RECORD_HEADER);
    const crc = this.#sum.crc(bytes.subarray(l.RECORD_TYPE));
    view.setUint32(l.RECORD_CRC, crc, true);
    this.#sum.add(crc, bytes.length);
    return bytes;
  }

  /** A record that says what came before it. */
  ending(type: number, offset: number): Uint8Array {
    const payload = new Uint8Array(l.SUM_LENGTH);
    const view = new DataView(payload.buffer);
    view.setUint32(l.SUM_CRC, this.#sum.sum, true);
    setU64(view, l.SUM_RECORDS, this.#sum.records);
    setU64(view, l.SUM_BYTES, this.#sum.bytes);
    return this.record({ type, offset, length: 0, payload });
  }
}

export class RecordReader {
  readonly #source: ByteSource;
  readonly #sum: Checksum;
  readonly #head = new Uint8Array(l.RECORD_HEADER);
  #stored = NOTHING;
  #raw = NOTHING;
  #codec: Codec | null = null;

  constructor(module: WebAssembly.Module, source: ByteSource) {
    this.#source = source;
    this.#sum = new Checksum(module);
  }

  /** Once the stream has said how it is compressed. */
  setCompression(number: number): void {
    this.#codec = codecOf(number);
  }

  /**
   * The next record; its payload is good until the one after. Errors: `Corrupt` (the stream ends
   * in between, or is not what was sent), `Invalid` (no stream at all).
   */
  async next(): Promise<StreamRecord> {
    await this.#fill(this.#head);
    const view = new DataView(this.#head.buffer);
    const stored = view.getUint32(l.RECORD_STORED, true);
    const isData = view.getUint16(l.RECORD_TYPE, true) === l.TYPE_DATA;
    if (stored > (isData ? l.DATA_MAX : OTHER_MAX)) throw this.#wrong("a record is too long");
    const bytes = this.#room(padded(stored));
    await this.#fill(bytes);
    const head = this.#sum.crc(this.#head.subarray(l.RECORD_TYPE));
    const crc = this.#sum.crc(bytes, head);
    if (crc !== view.getUint32(l.RECORD_CRC, true)) throw this.#wrong("a checksum is wrong");
    if (u64(view, l.RECORD_INDEX) !== this.#sum.records) throw this.#wrong("a record is missing");
    const record = await this.#parse(view, bytes.subarray(0, stored));
    this.#checkSum(record);
    this.#sum.add(crc, l.RECORD_HEADER + bytes.length);
    return record;
  }

  /** `Invalid` where something follows. */
  async end(): Promise<void> {
    const more = await this.#source.fill(this.#head.subarray(0, 1));
    if (more > 0) throw new MultisnapError("Invalid", "something follows behind the stream's end");
  }

  async #parse(view: DataView, stored: Uint8Array): Promise<StreamRecord> {
    const type = view.getUint16(l.RECORD_TYPE, true);
    const flags = view.getUint16(l.RECORD_FLAGS, true);
    const raw = view.getUint32(l.RECORD_RAW, true);
    const offset = u64(view, l.RECORD_OFFSET);
    const length = u64(view, l.RECORD_LENGTH);
    if (!Number.isSafeInteger(offset + length)) throw this.#wrong("a range has no end");
    if (type !== l.TYPE_DATA) {
      if (flags !== 0 || raw !== stored.length) throw this.#wrong("a record that is not known");
      return { type, offset, length, payload: stored };
    }
    const isGood = raw === length && raw > 0 && raw <= l.DATA_MAX;
    if (!isGood || (flags & ~l.FLAG_COMPRESSED) !== 0) throw this.#wrong("data of no length");
    if (flags === 0) {
      if (raw !== stored.length) throw this.#wrong("data of another length");
      return { type, offset, length, payload: stored };
    }
    if (this.#raw.length === 0) this.#raw = new Uint8Array(l.DATA_MAX);
    const payload = this.#raw.subarray(0, raw);
    const isExpanded = await this.#codec?.expand(stored, payload);
    if (!isExpanded) throw this.#wrong("compressed data cannot be read");
    return { type, offset, length, payload };
  }

  #checkSum({ type, payload }: StreamRecord): void {
    if (type !== l.TYPE_END && type !== l.TYPE_SNAPSHOT_END) return;
    if (payload.length !== l.SUM_LENGTH) throw this.#wrong("an end of no length");
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
    const isSame =
      view.getUint32(l.SUM_CRC, true) === this.#sum.sum &&
      u64(view, l.SUM_RECORDS) === this.#sum.records &&
      u64(view, l.SUM_BYTES) === this.#sum.bytes;
    if (!isSame) throw this.#wrong("the checksum of the whole is wrong");
  }

  #room(bytes: number): Uint8Array {
    if (this.#stored.length < bytes) {
      this.#stored = new Uint8Array(bytes <= padded(OTHER_MAX) ? padded(OTHER_MAX) : l.DATA_MAX);
    }
    return this.#stored.subarray(0, bytes);
  }

  async #fill(target: Uint8Array): Promise<void> {
    const filled = await this.#source.fill(target);
    if (filled === target.length) return;
    const at = this.#sum.bytes;
    const found = at + filled === 0 ? "it is empty" : `it ends in the record at byte ${at}`;
    throw new MultisnapError("Corrupt", `the stream is not whole: ${found}; send it again`);
  }

  #wrong(what: string): MultisnapError {
    const at = this.#sum.bytes;
    if (at === 0) {
      return new MultisnapError("Invalid", "this is no stream of snapshots: `send` makes one");
    }
    return new MultisnapError("Corrupt", `the stream is damaged at byte ${at}: ${what}`);
  }
}

function padded(bytes: number): number {
  return (bytes + 7) & ~7;
}

export function setU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 2 ** 32, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}

export function u64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}
