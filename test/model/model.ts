/**
 * What a volume must show, written to be obviously right: each view has all of its pages in a map
 * of its own. A page is never changed, only replaced, so a snapshot is a copy of the map. A page
 * that is not there is zeros.
 */
export type OriginMode = "inline" | "base" | "attached";
type Pages = Map<number, Uint8Array>;

/** What a view is marked with: text for people, and why a snapshot must stay. */
export interface Marks {
  note: string | null;
  tags: readonly string[];
  holds: readonly string[];
}

export const PAGE = 4096;
const ZEROS = new Uint8Array(PAGE);

export class Model {
  readonly views = new Map<number, Pages>();
  /** By id, in the order of their creation. */
  readonly snapshots = new Map<number, { name: string; readOnly: boolean }>();
  /** Bytes of each view. */
  readonly sizes = new Map<number, number>();
  /** Of views that were given any. */
  readonly marks = new Map<number, Marks>();
  readonly origin: number;
  readonly chunk: number;
  readonly mode: OriginMode;

  /** `image`: what the base or the attached origin holds at first. */
  constructor(
    origin: number,
    size: number,
    chunk: number,
    mode: OriginMode,
    image: Uint8Array = ZEROS,
  ) {
    this.origin = origin;
    this.sizes.set(origin, size);
    this.chunk = chunk;
    this.mode = mode;
    this.views.set(origin, new Map());
    if (mode !== "inline") this.write(origin, 0, image.subarray(0, size));
  }

  /** Bytes of the origin. */
  get size(): number {
    return this.sizeOf(this.origin);
  }

  sizeOf(id: number): number {
    return this.sizes.get(id) as number;
  }

  marksOf(id: number): Marks {
    return this.marks.get(id) ?? { note: null, tags: [], holds: [] };
  }

  pages(id: number): Pages {
    return this.views.get(id) as Pages;
  }

  read(id: number, offset: number, length: number, target = new Uint8Array(length)): Uint8Array {
    for (const { index, from, to, at } of parts(offset, length)) {
      target.set((this.pages(id).get(index) ?? ZEROS).subarray(from, to), at);
    }
    return target;
  }

  write(id: number, offset: number, source: Uint8Array): void {
    for (const { index, from, to, at } of parts(offset, source.length)) {
      const page = (this.pages(id).get(index) ?? ZEROS).slice();
      page.set(source.subarray(at, at + to - from), from);
      this.pages(id).set(index, page);
    }
  }

  writeZeroes(id: number, offset: number, length: number): void {
    const pages = this.pages(id);
    const sparse = length > pages.size * PAGE;
    const range = Array.from(sparse ? [] : parts(offset, length), ({ index }) => index);
    for (const index of sparse ? [...pages.keys()] : range.filter((one) => pages.has(one))) {
      const from = Math.max(offset, index * PAGE);
      const to = Math.min(offset + length, index * PAGE + PAGE);
      if (from < to) this.write(id, from, ZEROS.subarray(0, to - from));
    }
  }

  /** Whole chunks of the range become zeros, on views whose data is in the store. */
  trim(id: number, offset: number, length: number): void {
    const [first, end] = this.wholeChunks(id, offset, length);
    if (first < end) this.writeZeroes(id, first, end - first);
  }

  wholeChunks(id: number, offset: number, length: number): [first: number, end: number] {
    if (id === this.origin && this.mode === "attached") return [0, 0];
    const first = Math.ceil(offset / this.chunk) * this.chunk;
    return [first, Math.floor((offset + length) / this.chunk) * this.chunk];
  }

  snapshot(of: number, id: number, name: string, readOnly = false): void {
    this.views.set(id, new Map(this.pages(of)));
    this.sizes.set(id, this.sizeOf(of));
    this.snapshots.set(id, { name, readOnly });
  }

  /** View `id` becomes what `to` is; what it was is the new snapshot `kept`, or gone. */
  rollback(id: number, to: number, kept: { id: number; name: string } | null): void {
    if (kept) this.snapshot(id, kept.id, kept.name);
    this.views.set(id, new Map(this.pages(to)));
    this.sizes.set(id, this.sizeOf(to));
  }

  /** What a view loses is gone, and what it gets is zeros. */
  resize(id: number, size: number): void {
    const lost = this.sizeOf(id) - size;
    if (lost > 0) this.writeZeroes(id, size, lost);
    this.sizes.set(id, size);
  }

  delete(id: number): void {
    this.views.delete(id);
    this.sizes.delete(id);
    this.marks.delete(id);
    this.snapshots.delete(id);
  }

  rename(id: number, name: string): void {
    this.snapshots.set(id, { readOnly: false, ...this.snapshots.get(id), name });
  }
}

/** The pages of a range: bytes `from` to `to` of page `index` are those at `at` of the range. */
function* parts(offset: number, length: number) {
  for (let at = 0; at < length; ) {
    const index = Math.floor((offset + at) / PAGE);
    const from = (offset + at) % PAGE;
    const to = Math.min(PAGE, from + length - at);
    yield { index, from, to, at };
    at += to - from;
  }
}
