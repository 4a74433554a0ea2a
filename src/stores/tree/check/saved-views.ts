/**
 * The views stream: every view in the order of the timeline. The origin is the last, unless it was
 * rolled back.
 *
 * Memory: the timeline.
 */
import type { Task } from "../../../task.ts";
import { FEATURE_MARKS, FEATURE_SEATS } from "../layout.ts";
import type { MetaBlocks } from "./meta.ts";
import { readStream, type TakeWord } from "./stream.ts";
import type { SuperImage } from "./supers.ts";

const ORIGIN = 1;
const LIVE = 1;
const FLAGS = 7;
const RECORD_WORDS = 6;
const NAME_MAX = 255;
const MARKS_MAX = 500;

/** A view as the stream has it. */
export interface ViewFields {
  id: number;
  /** What entries of a range store name it by; its id, unless it was rolled back. */
  seat: number;
  parent: number;
  /** 1 live, 2 read-only, 4 marked by reclaim; bits 8 to 13 a snapshot's bit in a bitmap store. */
  flags: number;
  /** UTF-8; empty for the origin and deleted views. */
  name: Uint8Array;
  /** Milliseconds since 1970. */
  created: number;
  /** Bytes. */
  size: number;
  /** UTF-8; mostly empty. */
  marks: Uint8Array;
}

export interface SavedView extends ViewFields {
  /** A snapshot's in the masks of a bitmap store; else null. */
  bit: number | null;
  isLive: boolean;
}

/** Where the marks stand in a record. */
function marksAt(nameBytes: number): number {
  return 8 * (RECORD_WORDS + Math.ceil(nameBytes / 8));
}

/** Null where they cannot be read. */
export function* readViews(meta: MetaBlocks): Task<SavedView[] | null> {
  const { image, blocks, findings } = meta;
  const stream = {
    where: "views" as const,
    type: blocks.constant("TYPE_VIEWS"),
    first: image.u64("SUPER_VIEWS"),
    words: image.u64("SUPER_VIEWS_WORDS"),
  };
  const reader = new ViewsReader(image);
  const isRead = yield* readStream(meta, stream, reader.take);
  const why = isRead ? reader.endProblem() : null;
  if (why !== null) findings.problem("views", why);
  return isRead && why === null ? reader.views : null;
}

class ViewsReader {
  readonly views: SavedView[] = [];
  readonly #ids = new Set<number>();
  readonly #seats = new Set<number>();
  readonly #names = new Set<string>();
  readonly #bits = new Set<number>();
  readonly #image: SuperImage;
  readonly #isBitmap: boolean;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  /** The record at work. */
  #record: number[] = [];

  constructor(image: SuperImage) {
    this.#image = image;
    this.#isBitmap = image.kind === "bitmap";
  }

  take: TakeWord = (low, high) => {
    const record = this.#record;
    record.push(low, high);
    if (record.length < 4) return null;
    const name = record[3]!;
    if (name > NAME_MAX) return `a name of ${name} bytes`;
    const marks = record.length < 12 ? 0 : record[10]!;
    if (marks > MARKS_MAX) return `marks of ${marks} bytes`;
    const words = RECORD_WORDS + Math.ceil(name / 8) + Math.ceil(marks / 8);
    if (record.length < 2 * words) return null;
    this.#record = [];
    return this.#takeView(Uint32Array.from(record), name, marks);
  };

  #takeView(record: Uint32Array, nameBytes: number, markBytes: number): string | null {
    const view = new DataView(record.buffer);
    const id = view.getUint32(0, true);
    const flags = view.getUint32(8, true);
    const bit = this.#isBitmap && id !== ORIGIN ? (flags >>> 8) & 63 : null;
    const isLive = (flags & LIVE) !== 0;
    const name = new Uint8Array(record.buffer, 8 * RECORD_WORDS, nameBytes);
    const marks = new Uint8Array(record.buffer, marksAt(nameBytes), markBytes);
    const created = view.getFloat64(16, true);
    const size = view.getUint32(24, true) + view.getUint32(28, true) * 2 ** 32;
    const parent = view.getUint32(4, true);
    const seat = view.getUint32(32, true) || id;
    const why =
      this.#problem(id, flags, bit, isLive, name) ??
      this.#seatProblem(id, seat) ??
      this.#marksProblem(isLive, marks);
    if (why !== null) return `view ${id} ${why}`;
    this.views.push({ id, seat, parent, flags, name, created, size, marks, bit, isLive });
    return null;
  }

  #problem(
    id: number,
    flags: number,
    bit: number | null,
    isLive: boolean,
    name: Uint8Array,
  ): string | null {
    if (id === 0 || id >= this.#image.u32("SUPER_NEXT_ID"))
      return "has an id that was never given out";
    if (this.#ids.has(id)) return "is there twice";
    this.#ids.add(id);
    const known = bit === null ? FLAGS : FLAGS | (63 << 8);
    if ((flags & ~known) !== 0) return `has flags ${flags}`;
    if (bit !== null && this.#bits.has(bit)) return `has bit ${bit}, as another view has`;
    if (bit !== null) this.#bits.add(bit);
    if (id === ORIGIN || !isLive) return name.length === 0 ? null : "has a name";
    return this.#nameProblem(name);
  }

  #seatProblem(id: number, seat: number): string | null {
    if (seat >= this.#image.u32("SUPER_NEXT_ID")) return "has a seat that was never given out";
    if (this.#seats.has(seat)) return `has the seat ${seat}, as another view has`;
    this.#seats.add(seat);
    const moves = (this.#image.u32("SUPER_INCOMPATIBLE") & FEATURE_SEATS) !== 0;
    return seat === id || moves ? null : "has another seat, in a store where none was rolled back";
  }

  #marksProblem(isLive: boolean, marks: Uint8Array): string | null {
    if (marks.length === 0) return null;
    const can = (this.#image.u32("SUPER_INCOMPATIBLE") & FEATURE_MARKS) !== 0;
    if (!isLive || !can) return "has marks";
    try {
      this.#decoder.decode(marks);
      return null;
    } catch {
      return "has marks that are not UTF-8";
    }
  }

  #nameProblem(bytes: Uint8Array): string | null {
    let name: string;
    try {
      name = this.#decoder.decode(bytes);
    } catch {
      return "has a name that is not UTF-8";
    }
    if (name === "") return "has no name";
    if (this.#names.has(name)) return `is called ${JSON.stringify(name)}, as another is`;
    this.#names.add(name);
    return null;
  }

  /** What is wrong with the timeline as a whole. */
  endProblem(): string | null {
    const count = this.#image.u32("SUPER_VIEW_COUNT");
    const origin = this.views.find(({ id }) => id === ORIGIN);
    if (this.#record.length > 0) return "the last view is cut off";
    if (!origin?.isLive) return "the origin is missing";
    const stays = this.#isBitmap || this.#image.mode === "attached";
    if (stays && origin !== this.views.at(-1)) return "the origin is not the last";
    if (origin.seat !== (this.#image.u32("SUPER_ORIGIN_SEAT") || ORIGIN)) {
      return "the origin has another seat than the superblock says";
    }
    if (this.views.length !== count) return `${count} views are counted, ${this.views.length} read`;
    return null;
  }
}
