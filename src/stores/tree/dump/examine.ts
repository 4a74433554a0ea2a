/**
 * Whether lines make a dump: order, names and ids, I1, places. A dump that passes can be restored;
 * nothing of it is used before.
 *
 * Memory: the timeline, one column, a bit for each place that an entry names.
 */
import { MultisnapError } from "../../../errors.ts";
import { Bits } from "../check/bits.ts";
import { type EntryRules, type Placed, rulesOf } from "../check/rules.ts";
import type { ViewFields } from "../check/saved-views.ts";
import { FEATURE_MARKS, FEATURE_SEATS, FEATURE_WIDE } from "../layout.ts";
import { type Entry, HOLE } from "../walk.ts";
import type { End, Header, Line } from "./lines.ts";

const ORIGIN = 1;
const LIVE = 1;
/** Chunks that a view has fewer of, in a store of an origin that has, and of one that has not. */
const NARROW_END = 0xfffffff0;
const WIDE_END = 2 ** 47;
const BITS = 64;
const BLOCK = 4096;

export class Examination {
  header: Header | null = null;
  readonly views: ViewFields[] = [];
  entries = 0;
  end: End | null = null;
  /** Places that entries name, and the fixed part. */
  readonly used = new Bits();
  /** Behind the last place that an entry names. */
  top = 0;
  readonly #ids = new Set<number>();
  readonly #seats = new Set<number>();
  readonly #names = new Set<string>();
  readonly #bits = new Set<number>();
  #rules: EntryRules | null = null;
  #last: Entry | undefined;
  /** Of the column at work. */
  readonly #places = new Map<number, Entry>();

  /** Errors: `Invalid`. */
  take(line: Line, number: number): void {
    const wrong = (what: string): MultisnapError =>
      new MultisnapError("Invalid", `line ${number} of the dump: ${what}`);
    if (this.end) throw wrong("it stands behind the end");
    if ((line.kind === "header") !== (this.header === null)) {
      throw wrong("a dump begins with a header, and has one");
    }
    const found =
      line.kind === "header"
        ? this.#header(line.header)
        : line.kind === "view"
          ? this.#view(line.view)
          : line.kind === "column"
            ? this.#entries(line.entries)
            : this.#end(line.end);
    if (found !== null) throw wrong(found);
  }

  #header(header: Header): null {
    this.header = header;
    const fixed = ((2 + 2 * header.areaBlocks) * BLOCK) / header.chunk;
    for (let place = 0; place < fixed; place++) this.used.set(place);
    return null;
  }

  #view(view: ViewFields): string | null {
    const { id, seat, flags, name, parent, size } = view;
    const { kind, nextId, chunk, size: origin, incompatible } = this.header!;
    if (this.#rules) return "views stand before columns";
    if (this.#isLast) return "the origin is the last of the views";
    if (id >= nextId || this.#ids.has(id)) return `view ${id} cannot be`;
    if (seat >= nextId || this.#seats.has(seat)) return `view ${id} cannot have the seat ${seat}`;
    if (seat !== id && !this.#moves) return `view ${id} was not rolled back, and has another seat`;
    if (parent >= id) return `view ${id} is not younger than ${parent}, its parent`;
    if (size === 0) return `view ${id} has no bytes`;
    const isWide = (incompatible & FEATURE_WIDE) !== 0 || origin / chunk >= NARROW_END;
    const end = isWide ? WIDE_END : NARROW_END;
    if (view.marks.length > 0 && (incompatible & FEATURE_MARKS) === 0) {
      return `view ${id} has marks, in a store without any`;
    }
    if (Math.floor(size / chunk) >= end) return `view ${id} has ${size} bytes, too many`;
    const text = String.fromCharCode(...name);
    if (name.length > 0 && this.#names.has(text)) return "two views have one name";
    if (kind === "bitmap" && id !== ORIGIN) {
      const bit = (flags >>> 8) % BITS;
      if (this.#bits.has(bit)) return `two snapshots have the bit ${bit}`;
      this.#bits.add(bit);
    }
    if (id === ORIGIN && (flags & LIVE) === 0) return "the origin lives";
    if (id === ORIGIN && size !== origin) return `the origin has ${origin} bytes in the header`;
    this.#names.add(text);
    this.#ids.add(id);
    this.#seats.add(seat);
    this.views.push(view);
    return null;
  }

  /** Whether views of the store can have been rolled back. */
  get #moves(): boolean {
    return (this.header!.incompatible & FEATURE_SEATS) !== 0;
  }

  /** The origin has come, and nothing can have moved it. */
  get #isLast(): boolean {
    const { kind, mode } = this.header!;
    const stays = !this.#moves || kind === "bitmap" || mode === "attached";
    return stays && this.#ids.has(ORIGIN);
  }

  #entries(entries: readonly Entry[]): string | null {
    if (!this.#ids.has(ORIGIN)) return "the origin is missing before it";
    this.#rules ??= rulesOf(this.header!.kind, this.views.map(placed));
    for (const entry of entries) {
      const found = this.#entry(entry);
      if (found !== null) return `chunk ${entry.first}: ${found}`;
    }
    return null;
  }

  #entry(entry: Entry): string | null {
    const last = this.#last;
    const goesOn = last !== undefined && last.first === entry.first;
    if (last && !goesOn && entry.first < last.first + last.count) return "it overlaps, or is late";
    if (goesOn && last.count !== entry.count) return "its column is ragged";
    if (!goesOn) this.#places.clear();
    const problem = this.#rules!.problem(entry, goesOn ? last : undefined);
    if (problem) return `its entry ${problem.message}`;
    if (goesOn && this.#rank(last) >= this.#rank(entry)) return "its entries are out of order";
    this.#last = entry;
    this.entries++;
    return entry.flags & HOLE ? null : this.#place(entry);
  }

  #rank(entry: Entry): number {
    return this.#rules!.rank(this.#rules!.key(entry));
  }

  #place(entry: Entry): string | null {
    const { place, count } = entry;
    const other = this.#places.get(place);
    this.#places.set(place, entry);
    if (other) return this.#rules!.mayShare(other, entry) ? null : "two entries name one place";
    if (place + count > this.header!.top) return `place ${place + count - 1} was never in use`;
    for (let i = 0; i < count; i++) {
      if (this.used.set(place + i)) return `place ${place + i} is named already`;
    }
    this.top = Math.max(this.top, place + count);
    return null;
  }

  #end(end: End): string | null {
    if (!this.#ids.has(ORIGIN)) return "the origin is missing";
    this.end = end;
    if (end.views === this.views.length && end.entries === this.entries) return null;
    const has = `${this.views.length} views and ${this.entries} entries`;
    return `the dump has ${has}, and should have ${end.views} and ${end.entries}`;
  }
}

function placed({ id, seat, flags }: ViewFields): Placed {
  const bit = id === ORIGIN ? null : (flags >>> 8) % BITS;
  return { id, seat, isLive: (flags & LIVE) !== 0, bit };
}
