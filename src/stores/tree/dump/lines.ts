/**
 * The lines of a dump: a JSON document each, in the order header, views, columns, end (DUMP.md).
 * Reading one takes nothing on trust (I10): every field is looked at here, how lines fit together
 * in `load.ts`.
 */
import { MultisnapError } from "../../../errors.ts";
import type { OriginMode } from "../../store.ts";
import type { ViewFields } from "../check/saved-views.ts";
import { FEATURES, MODES } from "../layout.ts";
import { type Entry, HOLE, isLost, LOST_PLACE } from "../walk.ts";

export const DUMP_VERSION = 1;
/** Bytes of a line at most, its end not counted; so many entries of a column stand in one. */
export const LINE_MAX = 65_536;
export const LINE_ENTRIES = 256;

const LIVE = 1;
const READ_ONLY = 2;
const BIT_SHIFT = 8;
const SIZE_MAX = 2 ** 52;
const CHUNKS_MAX = 2 ** 47;
const ID_MAX = 2 ** 32 - 1;
const PATH_MAX = 1021;

export type DumpKind = "range" | "bitmap";

export interface Header {
  dump: number;
  uuid: string;
  kind: DumpKind;
  mode: OriginMode;
  /** Bytes. */
  chunk: number;
  size: number;
  limit: number | null;
  areaBlocks: number;
  created: number;
  originPath: string | null;
  basePath: string | null;
  nextId: number;
  /** The checkpoint that was dumped, and the next record behind it. */
  generation: number;
  sequence: number;
  /** Chunks of the store up to the highest that was ever in use. */
  top: number;
  /** Bits of features that an older program may ignore, or that one which only reads may. */
  compatible: number;
  readCompatible: number;
  /** Bits of features that an older program must refuse; left out of the line where none is. */
  incompatible: number;
  /** Bytes of the superblock that features have, in hex. */
  extra: string;
}

export interface End {
  views: number;
  entries: number;
  /** crc32c of all bytes before this line, in hex. */
  crc: string;
}

export type Line =
  | { kind: "header"; header: Header }
  | { kind: "view"; view: ViewFields }
  | { kind: "column"; entries: Entry[] }
  | { kind: "end"; end: End };

// ---- writing

export function headerLine({ incompatible, ...header }: Header): string {
  return JSON.stringify({ ...header, ...(incompatible !== 0 && { incompatible }) });
}

export function viewLine(view: ViewFields, kind: DumpKind): string {
  const { id, seat, parent, flags, created, size } = view;
  const name =
    view.name.length === 0 ? null : new TextDecoder("utf-8", { ignoreBOM: true }).decode(view.name);
  const bit = kind === "bitmap" && id !== 1 ? { bit: (flags >>> BIT_SHIFT) & 63 } : {};
  const state = { live: (flags & LIVE) !== 0, readOnly: (flags & READ_ONLY) !== 0 };
  const moved = seat === id ? {} : { seat };
  const marks = view.marks.length === 0 ? {} : { marks: new TextDecoder().decode(view.marks) };
  const own = { view: id, ...moved, parent, name, created, size, ...state, ...bit, ...marks };
  return JSON.stringify(own);
}

/** Names of the flags of an entry, by bit; the last one is the kind's. */
const FLAG_NAMES = ["shared", "hole", "filled"] as const;
const LAST_FLAG = { range: "around", bitmap: "under" } as const;

/** Some entries of one column. */
export function columnLine(entries: readonly Entry[], kind: DumpKind): string {
  const { first, count } = entries[0]!;
  const names = [...FLAG_NAMES, LAST_FLAG[kind]];
  const listed = entries.map((entry) => {
    const { after, to, place, flags } = entry;
    const views = kind === "range" ? { after, to } : { mask: hex(to) + hex(after) };
    const where = flags & HOLE ? {} : { place };
    const set = names.filter((_, bit) => flags & (1 << bit)).map((name) => [name, true]);
    return { ...views, ...where, ...Object.fromEntries(set), ...(isLost(entry) && { lost: true }) };
  });
  return JSON.stringify({ chunk: first, count, entries: listed });
}

function hex(word: number): string {
  return word.toString(16).padStart(8, "0");
}

// ---- reading

/** Errors: `Invalid`, which says what is wrong with line `number`. */
export function parseLine(text: string, number: number, kind: DumpKind): Line {
  const fields = new Fields(text, number);
  if (fields.has("dump")) return { kind: "header", header: parseHeader(fields) };
  if (fields.has("view")) return { kind: "view", view: parseView(fields, kind) };
  if (fields.has("chunk")) return { kind: "column", entries: parseColumn(fields, kind) };
  if (fields.has("end")) return { kind: "end", end: parseEnd(fields.inside("end")) };
  throw fields.wrong("what it is");
}

function parseHeader(fields: Fields): Header {
  const version = fields.whole("dump", 1, ID_MAX);
  if (version !== DUMP_VERSION) {
    const known = `this program knows version ${DUMP_VERSION}`;
    throw new MultisnapError("Unsupported", `the dump is of version ${version}: ${known}`);
  }
  const chunk = fields.whole("chunk", 4096, 2 ** 20);
  if (Math.log2(chunk) % 1 !== 0) throw fields.wrong("chunk");
  return {
    dump: version,
    uuid: fields.like("uuid", /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
    kind: fields.oneOf("kind", ["range", "bitmap"]),
    mode: fields.oneOf("mode", MODES),
    chunk,
    size: fields.whole("size", 512, SIZE_MAX),
    limit: fields.isNull("limit") ? null : fields.whole("limit", 1, Number.MAX_SAFE_INTEGER),
    areaBlocks: fields.whole("areaBlocks", 64, 2 ** 20),
    created: fields.time("created"),
    originPath: fields.path("originPath"),
    basePath: fields.path("basePath"),
    nextId: fields.whole("nextId", 2, ID_MAX),
    generation: fields.whole("generation", 1, SIZE_MAX),
    sequence: fields.whole("sequence", 1, SIZE_MAX),
    top: fields.whole("top", 1, CHUNKS_MAX),
    compatible: fields.whole("compatible", 0, ID_MAX),
    readCompatible: fields.whole("readCompatible", 0, ID_MAX),
    incompatible: parseFeatures(fields),
    extra: fields.like("extra", /^([0-9a-f]{2}){0,1836}$/),
  };
}

function parseFeatures(fields: Fields): number {
  const found = fields.has("incompatible") ? fields.whole("incompatible", 1, ID_MAX) : 0;
  if ((found & ~FEATURES) === 0) return found;
  const message = "the dump is of a store with features that this version does not know";
  throw new MultisnapError("Unsupported", message);
}

function parseView(fields: Fields, kind: DumpKind): ViewFields {
  const id = fields.whole("view", 1, ID_MAX);
  const name = fields.isNull("name") ? "" : fields.text("name");
  const bytes = new TextEncoder().encode(name);
  const live = fields.flag("live");
  const hasName = live && id !== 1;
  if (bytes.length > 255 || bytes.length > 0 !== hasName) throw fields.wrong("name");
  // What is no Unicode (half a pair) does not come back as it was.
  if (new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes) !== name)
    throw fields.wrong("name");
  const bit = kind === "bitmap" && id !== 1 ? fields.whole("bit", 0, 63) : 0;
  const flags = (live ? LIVE : 0) | (fields.flag("readOnly") ? READ_ONLY : 0) | (bit << BIT_SHIFT);
  const parent = fields.whole("parent", 0, ID_MAX);
  const seat = fields.has("seat") ? fields.whole("seat", 1, ID_MAX) : id;
  const created = fields.time("created");
  const size = fields.whole("size", 0, SIZE_MAX);
  const marks = new TextEncoder().encode(fields.has("marks") ? fields.text("marks") : "");
  if (marks.length > 500 || (marks.length > 0 && !live)) throw fields.wrong("marks");
  return { id, seat, parent, flags, name: bytes, created, size, marks };
}

function parseColumn(fields: Fields, kind: DumpKind): Entry[] {
  const first = fields.whole("chunk", 0, CHUNKS_MAX);
  const count = fields.whole("count", 1, 65_535);
  return fields.list("entries", LINE_ENTRIES).map((entry) => {
    const flags = parseFlags(entry, kind);
    const lost = entry.flag("lost");
    if (lost && (flags & HOLE) === 0) throw entry.wrong("lost");
    const hole = lost ? LOST_PLACE : 0;
    const place = flags & HOLE ? hole : entry.whole("place", 1, CHUNKS_MAX);
    if (kind === "range") {
      const after = entry.whole("after", 0, ID_MAX);
      return { first, count, after, to: entry.whole("to", 1, ID_MAX), place, flags };
    }
    const mask = entry.like("mask", /^[0-9a-f]{16}$/);
    const [to, after] = [mask.slice(0, 8), mask.slice(8)].map((half) => Number.parseInt(half, 16));
    return { first, count, after: after!, to: to!, place, flags };
  });
}

function parseFlags(entry: Fields, kind: DumpKind): number {
  let flags = 0;
  for (const [bit, name] of [...FLAG_NAMES, LAST_FLAG[kind]].entries()) {
    if (entry.flag(name)) flags |= 1 << bit;
  }
  return flags;
}

function parseEnd(fields: Fields): End {
  return {
    views: fields.whole("views", 1, SIZE_MAX),
    entries: fields.whole("entries", 0, SIZE_MAX),
    crc: fields.like("crc", /^[0-9a-f]{8}$/),
  };
}

/** The fields of one JSON object, none of them believed. */
class Fields {
  readonly #fields: Map<string, unknown>;
  readonly #line: number;

  constructor(json: unknown, line: number) {
    this.#line = line;
    let value = json;
    try {
      if (typeof json === "string") value = JSON.parse(json);
    } catch {
      throw this.wrong("JSON");
    }
    if (typeof value !== "object" || value === null) throw this.wrong("JSON");
    this.#fields = new Map(Object.entries(value));
  }

  wrong(what: string): MultisnapError {
    return new MultisnapError("Invalid", `line ${this.#line} of the dump: its ${what} is wrong`);
  }

  has(name: string): boolean {
    return this.#fields.has(name);
  }
  isNull(name: string): boolean {
    return this.#fields.get(name) === null;
  }

  inside(name: string): Fields {
    return new Fields(this.#fields.get(name), this.#line);
  }

  list(name: string, most: number): Fields[] {
    const value = this.#fields.get(name);
    if (!Array.isArray(value) || value.length === 0 || value.length > most) throw this.wrong(name);
    return value.map((one) => new Fields(one, this.#line));
  }

  whole(name: string, least: number, most: number): number {
    const value = this.#fields.get(name);
    if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) {
      return value;
    }
    throw this.wrong(name);
  }

  /** Milliseconds since 1970. */
  time(name: string): number {
    const value = this.#fields.get(name);
    if (typeof value === "number" && Math.abs(value) <= 8.64e15) return value;
    throw this.wrong(name);
  }

  /** False where it is not there. */
  flag(name: string): boolean {
    const value = this.#fields.get(name) ?? false;
    if (typeof value === "boolean") return value;
    throw this.wrong(name);
  }

  text(name: string): string {
    const value = this.#fields.get(name);
    if (typeof value === "string") return value;
    throw this.wrong(name);
  }

  like(name: string, pattern: RegExp): string {
    const value = this.text(name);
    if (pattern.test(value)) return value;
    throw this.wrong(name);
  }

  oneOf<T extends string>(name: string, known: readonly T[]): T {
    const found = known.find((one) => one === this.#fields.get(name));
    if (found === undefined) throw this.wrong(name);
    return found;
  }

  path(name: string): string | null {
    if (this.isNull(name)) return null;
    const value = this.text(name);
    const bytes = new TextEncoder().encode(value).length;
    if (bytes > 0 && bytes <= PATH_MAX) return value;
    throw this.wrong(name);
  }
}
