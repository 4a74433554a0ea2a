/**
 * Records of a stream, written and read. What is read has been checked: its crc, its place in the
 * stream, its bounds (I10).
 *
 * Memory: one part, or record, compressed and not, of at most `DATA_MAX` bytes of data.
 */
import type { Later } from "../devices/device.ts";
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
/** Bytes of a part, unless a record is longer: short records go together. */
const PART_BYTES = 2 ** 18;
/** Bytes of a payload that is no data. */
const OTHER_MAX = l.SNAPSHOT_NAMES + 2 * l.NAME_MAX;
/** Bytes of a record that is no data. */
const SHORT_MAX = l.RECORD_HEADER + padded(OTHER_MAX);

/** Puts records one behind the other into parts, each of them the caller's once it is full. */
export class RecordWriter {
  readonly #sum: Checksum;
  readonly #codec: Codec;
  /** At work; `#used` bytes of it are records. */
  #part = NOTHING;
  #view = new DataView(NOTHING.buffer);
  #used = 0;
  readonly #full: Uint8Array[] = [];

  constructor(module: WebAssembly.Module, codec: Codec) {
    this.#sum = new Checksum(module);
    this.#codec = codec;
  }

  get compression(): number {
    return this.#codec.number;
  }

  /** The next part that is full, if there is one. */
  take(): Uint8Array | undefined {
    return this.#full.shift();
  }

  /** No record follows: what there is is a part. */
  end(): void {
    if (this.#used > 0) this.#full.push(this.#part.subarray(0, this.#used));
    this.#part = NOTHING;
    this.#used = 0;
  }

  /**
   * Where `data` finds a payload without a copy. Good until the next record of data; so many others
   * may come `before` it.
   */
  room(bytes: number, before: number): Uint8Array {
    const begin = (before + 1) * l.RECORD_HEADER;
    this.#reserve(begin + padded(bytes));
    const at = this.#used + begin;
    return this.#part.subarray(at, at + bytes);
  }

  /** A record of data, compressed where that makes it smaller. */
  data(offset: number, bytes: Uint8Array): Later {
    if (this.#codec.number !== l.COMPRESSION_NONE) return this.#compressed(offset, bytes);
    this.record({ type: l.TYPE_DATA, offset, length: bytes.length, payload: bytes });
    return undefined;
  }

  async #compressed(offset: number, bytes: Uint8Array): Promise<void> {
    const { length } = bytes;
    const less = await this.#codec.compress(bytes);
    const [payload, flags] = less.length < length ? [less, l.FLAG_COMPRESSED] : [bytes, 0];
    this.record({ type: l.TYPE_DATA, offset, length, payload }, flags, length);
  }

  record({ type, offset, length, payload }: StreamRecord, flags = 0, raw = payload.length): void {
    const bytes = l.RECORD_HEADER + padded(payload.length);
    this.#reserve(bytes);
    const part = this.#part;
    const view = this.#view;
    const at = this.#used;
    const begin = at + l.RECORD_HEADER;
    const isThere = payload.buffer === part.buffer && payload.byteOffset === begin;
    if (!isThere) part.set(payload, begin);
    part.fill(0, begin + payload.length, at + bytes);
    view.setUint16(at + l.RECORD_TYPE, type, true);
    view.setUint16(at + l.RECORD_FLAGS, flags, true);
    view.setUint32(at + l.RECORD_STORED, payload.length, true);
    view.setUint32(at + l.RECORD_RAW, raw, true);
    setU64(view, at + l.RECORD_INDEX, this.#sum.records);
    setU64(view, at + l.RECORD_OFFSET, offset);
    setU64(view, at + l.RECORD_LENGTH, length);
    const crc = this.#sum.crc(part.subarray(at + l.RECORD_TYPE, at + bytes));
    view.setUint32(at + l.RECORD_CRC, crc, true);
    this.#sum.add(crc, bytes);
    this.#used += bytes;
  }

  /** A record that says what came before it. */
  ending(type: number, offset: number): void {
    const payload = new Uint8Array(l.SUM_LENGTH);
    const view = new DataView(payload.buffer);
    view.setUint32(l.SUM_CRC, this.#sum.sum, true);
    setU64(view, l.SUM_RECORDS, this.#sum.records);
    setU64(view, l.SUM_BYTES, this.#sum.bytes);
    this.record({ type, offset, length: 0, payload });
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes <= this.#part.length) return;
    this.end();
    this.#part = new Uint8Array(Math.max(PART_BYTES, bytes));
    this.#view = new DataView(this.#part.buffer);
  }
}

/** A record that has been found good, and its crc. */
interface Checked {
  record: StreamRecord;
  crc: number;
  isCompressed: boolean;
}

export class RecordReader {
  readonly #source: ByteSource;
  readonly #sum: Checksum;
  /** A record that comes in several parts. */
  #gathered = new Uint8Array(SHORT_MAX);
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
    const here = this.now();
    if (here) return here;
    const bytes = await this.#gather();
    const { record, crc, isCompressed } = this.#check(bytes);
    if (isCompressed) record.payload = await this.#expanded(record);
    this.#sum.add(crc, bytes.length);
    return record;
  }

  /** The same without a promise; null where more must come, or be expanded, before. */
  now(): StreamRecord | null {
    const head = this.#source.peek(l.RECORD_HEADER);
    if (!head) return null;
    const bytes = this.#source.peek(this.#lengthOf(head));
    if (bytes?.[l.RECORD_FLAGS] !== 0) return null;
    const { record, crc } = this.#check(bytes);
    this.#source.skip(bytes.length);
    this.#sum.add(crc, bytes.length);
    return record;
  }

  /** `Invalid` where something follows. */
  async end(): Promise<void> {
    const more = await this.#source.fill(this.#gathered.subarray(0, 1));
    if (more > 0) throw new MultisnapError("Invalid", "something follows behind the stream's end");
  }

  /** Of a record with that head. */
  #lengthOf(head: Uint8Array): number {
    const view = viewOf(head);
    const stored = view.getUint32(l.RECORD_STORED, true);
    const isData = view.getUint16(l.RECORD_TYPE, true) === l.TYPE_DATA;
    if (stored > (isData ? l.DATA_MAX : OTHER_MAX)) throw this.#wrong("a record is too long");
    return l.RECORD_HEADER + padded(stored);
  }

  async #gather(): Promise<Uint8Array> {
    const head = this.#gathered.subarray(0, l.RECORD_HEADER);
    await this.#fill(head, 0);
    const length = this.#lengthOf(head);
    if (this.#gathered.length < length) {
      this.#gathered = new Uint8Array(l.RECORD_HEADER + l.DATA_MAX);
      this.#gathered.set(head);
    }
    await this.#fill(this.#gathered.subarray(l.RECORD_HEADER, length), l.RECORD_HEADER);
    return this.#gathered.subarray(0, length);
  }

  #check(bytes: Uint8Array): Checked {
    const view = viewOf(bytes);
    const crc = this.#sum.crc(bytes.subarray(l.RECORD_TYPE));
    if (crc !== view.getUint32(l.RECORD_CRC, true)) throw this.#wrong("a checksum is wrong");
    if (u64(view, l.RECORD_INDEX) !== this.#sum.records) throw this.#wrong("a record is missing");
    const stored = view.getUint32(l.RECORD_STORED, true);
    const payload = bytes.subarray(l.RECORD_HEADER, l.RECORD_HEADER + stored);
    const record = {
      type: view.getUint16(l.RECORD_TYPE, true),
      offset: u64(view, l.RECORD_OFFSET),
      length: u64(view, l.RECORD_LENGTH),
      payload,
    };
    const flags = view.getUint16(l.RECORD_FLAGS, true);
    this.#checkLengths(record, flags, view.getUint32(l.RECORD_RAW, true));
    this.#checkSum(record);
    return { record, crc, isCompressed: flags !== 0 };
  }

  #checkLengths({ type, offset, length, payload }: StreamRecord, flags: number, raw: number): void {
    if (!Number.isSafeInteger(offset + length)) throw this.#wrong("a range has no end");
    if (type !== l.TYPE_DATA) {
      if (flags === 0 && raw === payload.length) return;
      throw this.#wrong("a record that is not known");
    }
    const isGood = raw === length && raw > 0 && raw <= l.DATA_MAX;
    if (!isGood || (flags & ~l.FLAG_COMPRESSED) !== 0) throw this.#wrong("data of no length");
    if (flags === 0 && raw !== payload.length) throw this.#wrong("data of another length");
  }

  async #expanded({ payload, length }: StreamRecord): Promise<Uint8Array> {
    if (this.#raw.length === 0) this.#raw = new Uint8Array(l.DATA_MAX);
    const raw = this.#raw.subarray(0, length);
    if (await this.#codec?.expand(payload, raw)) return raw;
    throw this.#wrong("compressed data cannot be read");
  }

  #checkSum({ type, payload }: StreamRecord): void {
    if (type !== l.TYPE_END && type !== l.TYPE_SNAPSHOT_END) return;
    if (payload.length !== l.SUM_LENGTH) throw this.#wrong("an end of no length");
    const view = viewOf(payload);
    const isSame =
      view.getUint32(l.SUM_CRC, true) === this.#sum.sum &&
      u64(view, l.SUM_RECORDS) === this.#sum.records &&
      u64(view, l.SUM_BYTES) === this.#sum.bytes;
    if (!isSame) throw this.#wrong("the checksum of the whole is wrong");
  }

  /** `before`: bytes of the record that are there. */
  async #fill(target: Uint8Array, before: number): Promise<void> {
    const filled = await this.#source.fill(target);
    if (filled === target.length) return;
    const at = this.#sum.bytes;
    const isEmpty = at + before + filled === 0;
    const found = isEmpty ? "it is empty" : `it ends in the record at byte ${at}`;
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

function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}

export function setU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 2 ** 32, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}

export function u64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}
