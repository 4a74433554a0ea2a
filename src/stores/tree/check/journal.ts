/**
 * The records that follow on a checkpoint, past the engine's replay: with a flipped bit put right,
 * found in another place, or in the area of a later checkpoint whose superblock is lost. A last
 * record that a power cut tore is no damage; one that records lie behind is.
 *
 * Memory: one record, and some bytes for each that is found out of reach.
 */
import { type Task, turn } from "../../../task.ts";
import { AHEAD_MAX } from "../layout.ts";
import { countBits } from "./bits.ts";
import { BLOCK, type Blocks, putU32, READ_BLOCKS, type Seal, u32At, u64At } from "./blocks.ts";
import type { Findings } from "./findings.ts";
import { FLIPPED } from "./meta.ts";
import { eachOperation } from "./operations.ts";
import type { SuperImage } from "./supers.ts";

const RECORD_HEADER = 64;
const RECORD_MAX = READ_BLOCKS * BLOCK;
const LENGTH = 8;
/** Records that are kept in mind of those that no chain leads to. */
const STRAYS_MAX = 65536;
const TURN_READS = 16;

/** A record that can be replayed. */
export interface JournalRecord {
  /** Header and operations. */
  bytes: Uint8Array;
  sequence: number;
  /** 0 or 1, and the block in it where the record belongs. */
  area: number;
  block: number;
}

/** What must stand in a record's header. */
interface Expected {
  sequence: number;
  chain: number;
}

interface Stray {
  sequence: number;
  chain: number;
  /** Device block. */
  at: number;
}

export interface JournalEnd {
  accepted: number;
  /** Sequence that the next record would have. */
  sequence: number;
  /** Records that are there and cannot be replayed, because one before them is lost. */
  strays: readonly { sequence: number; at: number }[];
  /** Device block where the lost one should be. */
  at: number;
}

export class JournalReader {
  readonly #blocks: Blocks;
  readonly #image: SuperImage;
  readonly #findings: Findings;
  readonly #magic: number;
  readonly #at: { magic: number; chain: number; sequence: number; store: number };
  readonly #uuid: [number, number];
  #strays: Stray[] | null = null;

  constructor(blocks: Blocks, image: SuperImage, findings: Findings) {
    this.#blocks = blocks;
    this.#image = image;
    this.#findings = findings;
    this.#magic = blocks.constant("RECORD_NUMBER");
    this.#at = {
      magic: blocks.constant("RECORD_MAGIC"),
      chain: blocks.constant("RECORD_CHAIN"),
      sequence: blocks.constant("RECORD_SEQUENCE"),
      store: blocks.constant("RECORD_STORE"),
    };
    const uuid = blocks.constant("SUPER_UUID");
    this.#uuid = [u32At(image.bytes, uuid), u32At(image.bytes, uuid + 4)];
  }

  /** `isNewest`: no superblock of a later checkpoint is there. */
  *run(isNewest: boolean, visit: (record: JournalRecord) => Task<void> | void): Task<JournalEnd> {
    const own = this.#image.u32("SUPER_AREA");
    let accepted = 0;
    let sequence = this.#image.u64("SUPER_SEQUENCE");
    let at = 0;
    for (const area of [own, own ^ 1]) {
      let chain = 0;
      let head = 0;
      for (;;) {
        const record = yield* this.#next(area, head, { sequence, chain });
        if (record === null) break;
        if (area !== own && head === 0 && isNewest) {
          const what = `record ${sequence} follows on a checkpoint whose superblock is lost`;
          this.#findings.problem("superblock", what);
        }
        const later = visit(record);
        if (later) yield* later;
        accepted++;
        chain = u32At(record.bytes, 0);
        head += Math.ceil(record.bytes.length / BLOCK);
        sequence++;
      }
      if (area === own) at = this.#start(area) + head;
    }
    const strays = (yield* this.#search(sequence)).filter((one) => one.sequence >= sequence);
    if (strays.length > 0) this.#reportStrays(sequence, strays);
    return { accepted, sequence, strays, at };
  }

  #reportStrays(sequence: number, strays: readonly Stray[]): void {
    const last = strays[strays.length - 1]!.sequence;
    this.#findings.problem(
      "journal",
      `record ${sequence} is damaged or missing, and records up to ${last} lie behind it: what ` +
        "they changed is lost",
    );
  }

  #start(area: number): number {
    return 2 + area * this.#image.areaBlocks;
  }

  /** The record of a chain at block `head` of an area; null: none. */
  *#next(area: number, head: number, expected: Expected): Task<JournalRecord | null> {
    if (head >= this.#image.areaBlocks) return null;
    const at = this.#start(area) + head;
    const { sequence } = expected;
    const here = yield* this.#read(at, area, expected);
    if (here !== null) return { bytes: here, sequence, area, block: head };
    // Of another area nothing is expected: what is there is mostly old.
    if (area !== this.#image.u32("SUPER_AREA")) return null;
    const strays = yield* this.#search(sequence);
    const stray = strays.find(
      (one) => one.sequence === sequence && one.chain === expected.chain && one.at !== at,
    );
    if (!stray || stray.at >= this.#start(area) + this.#image.areaBlocks) return null;
    if (stray.at < this.#start(area)) return null;
    const found = yield* this.#read(stray.at, area, expected);
    if (found === null) return null;
    const where = `byte ${stray.at * BLOCK}, not at byte ${at * BLOCK}`;
    this.#findings.problem("journal", `record ${sequence} is found at ${where}`);
    return { bytes: found, sequence, area, block: head };
  }

  /** The record at a device block, where it is the expected one. */
  *#read(at: number, area: number, expected: Expected): Task<Uint8Array | null> {
    const left = this.#start(area) + this.#image.areaBlocks - at;
    const first = yield* this.#blocks.read(at, 1);
    const wrong = this.#wrongBits(first, expected);
    if (wrong > 1) return null;
    const length = u32At(first, LENGTH);
    const isLength = length > RECORD_HEADER && length <= RECORD_MAX && length <= left * BLOCK;
    const count = isLength ? Math.ceil(length / BLOCK) : Math.min(READ_BLOCKS, left);
    if (wrong === 0 && isLength) {
      const bytes = count === 1 ? first : yield* this.#blocks.read(at, count);
      const seal = this.#blocks.mend(bytes, 0, length);
      const record = bytes.subarray(0, length);
      if (seal === "sound" || (seal === "flipped" && isRecord(record))) {
        return this.#accept(record, seal, expected);
      }
    }
    const all = yield* this.#blocks.read(at, Math.min(READ_BLOCKS, left));
    return wrong === 0 ? this.#mendLength(all, expected) : this.#mendHead(all, length, expected);
  }

  #accept(bytes: Uint8Array, seal: Seal, { sequence }: Expected): Uint8Array {
    if (seal === "flipped") {
      this.#findings.problem("journal", `record ${sequence}: ${FLIPPED}`);
    }
    return bytes;
  }

  /** Bits of the header's fixed fields that are not as they must be. */
  #wrongBits(bytes: Uint8Array, { sequence, chain }: Expected): number {
    const { magic, chain: link, sequence: number, store } = this.#at;
    return (
      countBits(u32At(bytes, magic) ^ this.#magic) +
      countBits(u32At(bytes, link) ^ chain) +
      countBits(u32At(bytes, number) ^ (sequence % 2 ** 32)) +
      countBits(u32At(bytes, number + 4) ^ Math.floor(sequence / 2 ** 32)) +
      countBits(u32At(bytes, store) ^ this.#uuid[0]) +
      countBits(u32At(bytes, store + 4) ^ this.#uuid[1])
    );
  }

  /** The record is whole but for one bit of its length; else it is torn. */
  #mendLength(bytes: Uint8Array, expected: Expected): Uint8Array | null {
    const length = u32At(bytes, LENGTH);
    for (let bit = 0; bit < 32; bit++) {
      const other = (length ^ (1 << bit)) >>> 0;
      if (other <= RECORD_HEADER || other > bytes.length) continue;
      const tried = bytes.slice(0, other);
      putU32(tried, LENGTH, other);
      if (this.#blocks.isWhole(tried)) return this.#accept(tried, "flipped", expected);
    }
    const what = "is torn: a power cut came before it was durable";
    this.#findings.note(`journal: the last record, ${expected.sequence}, ${what}`);
    return null;
  }

  /** The same, but for one bit of the fields whose value is known. */
  #mendHead(bytes: Uint8Array, length: number, expected: Expected): Uint8Array | null {
    if (length <= RECORD_HEADER || length > bytes.length) return null;
    const { magic, chain, sequence, store } = this.#at;
    const tried = bytes.slice(0, length);
    putU32(tried, magic, this.#magic);
    putU32(tried, chain, expected.chain);
    putU32(tried, sequence, expected.sequence % 2 ** 32);
    putU32(tried, sequence + 4, Math.floor(expected.sequence / 2 ** 32));
    putU32(tried, store, this.#uuid[0]);
    putU32(tried, store + 4, this.#uuid[1]);
    return this.#blocks.isWhole(tried) ? this.#accept(tried, "flipped", expected) : null;
  }

  /** Whole records of both areas from a sequence on, in its order. */
  *#search(sequence: number): Task<Stray[]> {
    if (this.#strays) return this.#strays;
    const strays: Stray[] = [];
    const end = Math.min(this.#start(2), this.#blocks.size);
    let reads = 0;
    for (let at = 2; at < end; at += READ_BLOCKS) {
      if (++reads % TURN_READS === 0) {
        this.#findings.step();
        yield turn();
      }
      const count = Math.min(READ_BLOCKS, end - at);
      const bytes = yield* this.#blocks.look(at, count);
      for (let i = 0; i < count; i++) {
        const stray = this.#strayOf(bytes.subarray(i * BLOCK, (i + 1) * BLOCK), at + i, sequence);
        if (!stray || strays.length >= STRAYS_MAX) continue;
        const record = yield* this.#blocks.read(at + i, READ_BLOCKS);
        if (this.#blocks.isWhole(record.subarray(0, u32At(record, LENGTH)))) strays.push(stray);
      }
    }
    this.#strays = strays.sort((a, b) => a.sequence - b.sequence);
    return this.#strays;
  }

  #strayOf(bytes: Uint8Array, at: number, from: number): Stray | null {
    const length = u32At(bytes, LENGTH);
    const sequence = u64At(bytes, this.#at.sequence);
    const isRecord =
      u32At(bytes, this.#at.magic) === this.#magic &&
      u32At(bytes, this.#at.store) === this.#uuid[0] &&
      u32At(bytes, this.#at.store + 4) === this.#uuid[1] &&
      length > RECORD_HEADER &&
      length <= RECORD_MAX;
    if (!isRecord || sequence < from || sequence > from + AHEAD_MAX) return null;
    return { sequence, chain: u32At(bytes, this.#at.chain), at };
  }
}

/** A torn record can look like one with a flipped bit; its operations then hardly look like any. */
function isRecord(record: Uint8Array): boolean {
  return eachOperation(record, () => {});
}
