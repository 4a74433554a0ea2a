/**
 * Reads a store that nobody has open, from what FORMAT.md says alone: no code of `src/` is used, so
 * that a mistake in one of the two shows. Simple, not fast: every live view has a map of its own
 * from chunks to places. Throws where a structure is not what FORMAT.md says.
 */

import { BLOCK, GROUP_CHUNKS, HEADER, must, StoreBlocks } from "./blocks.ts";
import { type Entry, FLAG_HOLE, FLAG_UNDER, LOST_PLACE, rulesOf } from "./entries.ts";
import { journal, type Operation } from "./journal.ts";
import { Sums } from "./sums.ts";
import { ORIGIN, type ReadView, Timeline } from "./timeline.ts";
import { columns } from "./tree.ts";

const HOLE = -1;
/** Damage took the chunk. */
const LOST = -2;
const OP_MAP = 1;
const OP_COPY_OUT = 2;
const OP_PART = 4;
const OP_AGAIN = 8;

export class StoreReader {
  readonly uuid: string;
  readonly kind: "range" | "bitmap";
  readonly chunk: number;
  /** Records that were replayed. */
  records = 0;
  /** Kinds of the operations in them, with their flags where they have some: "2", "2/8". */
  readonly operations = new Set<string>();
  /** Entries and levels of the checkpoint's tree, and the flags that its entries have. */
  entries = 0;
  readonly height: number;
  flags = 0;
  readonly #store: StoreBlocks;
  readonly #timeline: Timeline;
  /** Checksums of what views have left to snapshots. */
  readonly sums: Sums;
  readonly #under: Uint8Array | null;
  /** Chunks with data that an entry of the checkpoint names, and a last entry that does. */
  readonly #named = new Map<number, Entry>();

  /** `under`: the base, or the attached origin, of a store that has one. */
  constructor(store: Uint8Array, under: Uint8Array | null = null) {
    this.#store = new StoreBlocks(store);
    this.#under = under;
    this.kind = this.#store.isBitmap ? "bitmap" : "range";
    this.chunk = 2 ** this.#store.field(56);
    this.height = this.#store.field(92);
    this.uuid = this.#store.uuid;
    this.#timeline = new Timeline(this.#store);
    this.sums = new Sums(this.#store);
    this.#readTree();
    this.#checkSpace();
    for (const operations of journal(this.#store)) {
      for (const operation of operations) this.#apply(operation);
      this.records++;
    }
    this.#checkPlaces();
  }

  /** In the order of the timeline. */
  get views(): readonly ReadView[] {
    return this.#timeline.views;
  }

  /** The live view of that id; the origin is 1. */
  view(id: number): ReadView {
    return this.#timeline.live(id);
  }

  /** Whether damage took a chunk of a view. */
  isLost(id: number, chunk: number): boolean {
    return this.view(id).places.get(chunk) === LOST;
  }

  /** Bytes of a view. */
  read(id: number, offset: number, length: number): Uint8Array {
    const { places } = this.view(id);
    const found = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const chunk = Math.floor((offset + done) / this.chunk);
      const within = (offset + done) % this.chunk;
      const part = Math.min(this.chunk - within, length - done);
      const place = places.get(chunk);
      if (place === undefined) {
        found.set(this.#under?.subarray(offset + done, offset + done + part) ?? [], done);
      } else if (place !== HOLE) {
        must(place !== LOST, `chunk ${chunk} of view ${id} is not lost`);
        found.set(this.#store.slice(place * this.chunk + within, part), done);
      }
      done += part;
    }
    return found;
  }

  // ---- tree

  #readTree(): void {
    const rules = rulesOf(this.#store, this.#timeline);
    for (const column of columns(this.#store, rules)) {
      rules.check(column);
      for (const entry of column) {
        this.entries++;
        this.flags |= entry.flags & 15;
        this.#name(entry, (other) => column.includes(other) && rules.mayShare(entry, other));
      }
      for (const [view, entry] of rules.seen(column)) this.#see(view, entry);
    }
    must(this.entries === this.#store.longField(104), "number of entries");
    must(this.#named.size === this.#store.longField(168), "chunks of data");
  }

  #name(entry: Entry, mayShare: (other: Entry) => boolean): void {
    if (entry.flags & FLAG_HOLE) return;
    for (let i = 0; i <= entry.last - entry.first; i++) {
      const other = this.#named.get(entry.place + i);
      const isAlone = other === undefined || (mayShare(other) && other.place === entry.place);
      must(isAlone, `place ${entry.place + i} is named twice`);
      this.#named.set(entry.place + i, entry);
    }
  }

  #see(view: ReadView, { first, last, place, flags }: Entry): void {
    const isAttached = this.#store.mode === 2;
    must(view.id !== ORIGIN || !isAttached, "an attached origin has no entries");
    if (this.kind === "bitmap" && flags & FLAG_UNDER) return;
    for (let chunk = first; chunk <= last; chunk++) {
      must(!view.places.has(chunk), `two entries cover chunk ${chunk} (I1)`);
      const hole = place === LOST_PLACE ? LOST : HOLE;
      view.places.set(chunk, flags & FLAG_HOLE ? hole : place + chunk - first);
    }
  }

  // ---- space map

  /** Used are the fixed part, the slabs, and what entries name: nothing else. */
  #checkSpace(): void {
    const expected = new Set(this.#named.keys());
    const perChunk = this.chunk / BLOCK;
    const fixed = Math.ceil((2 + 2 * this.#store.field(84)) / perChunk);
    for (let place = 0; place < fixed; place++) expected.add(place);
    for (const { base, blocks } of this.#store.slabs) {
      for (let i = 0; i < blocks / perChunk; i++) expected.add(base / perChunk + i);
    }
    let used = 0;
    for (const [index, { block, free }] of this.#store.groups.entries()) {
      const at = block === 0 ? 0 : this.#store.blockAt(block);
      if (at > 0) this.#store.openBlock(at, "SPAC", 0);
      let left = GROUP_CHUNKS;
      for (let bit = 0; bit < GROUP_CHUNKS; bit++) {
        const set =
          at > 0 ? (this.#store.bytes.getUint8(at + HEADER + (bit >>> 3)) >>> (bit & 7)) & 1 : 0;
        const isUsed = at > 0 ? set === 1 : free === 0;
        const place = index * GROUP_CHUNKS + bit;
        must(isUsed === expected.has(place), `bit of place ${place}`);
        if (isUsed) left--;
      }
      must(left === free, `free chunks of group ${index}`);
      used += GROUP_CHUNKS - left;
    }
    must(used === expected.size && used === this.#store.longField(160), "chunks in use");
    const blocks = [...this.#store.inUse].filter((number) => !this.#store.met.has(number));
    must(
      blocks.length === 0 && this.#store.met.size === this.#store.inUse.size,
      `blocks ${blocks} are used`,
    );
  }

  // ---- journal

  /** What an operation does to what views read. Slabs and steps of reclaim do nothing to it. */
  #apply(operation: Operation): void {
    const { kind, flags, view, chunk, created, name } = operation;
    const timeline = this.#timeline;
    must(kind >= 1 && kind <= 12, `operation ${kind}`);
    this.sums.apply(operation);
    this.operations.add(flags === 0 ? `${kind}` : `${kind}/${flags}`);
    if (kind === OP_MAP || kind === OP_COPY_OUT) this.#map(operation);
    if (kind === 3) {
      timeline.create({ id: view, parent: chunk, readOnly: (flags & 2) !== 0, created, name });
    }
    if (kind === 4) timeline.delete(view);
    if (kind === 5) timeline.rename(view, name);
    if (kind === 7) timeline.markDeleted();
    if (kind === 9) timeline.removeMarked();
    if (kind === 12 && flags === 1) timeline.set(view, { size: chunk });
    if (kind === 12 && flags === 2) timeline.set(view, { readOnly: chunk === 1 });
    if (kind === 12 && flags === 4) timeline.set(view, { marks: name });
    if (kind === 11) {
      const { other } = operation;
      timeline.rollback(view, chunk, { id: other, parent: view, readOnly: false, created, name });
    }
  }

  #map({ kind, flags, count, view, chunk, place }: Operation): void {
    const isHole = (flags & FLAG_HOLE) !== 0;
    for (let i = 0; i < count; i++) {
      const at = chunk + i;
      if (kind === OP_MAP && flags & OP_AGAIN) {
        const isNamed = this.views.some(({ places }) => places.get(at) === place + i);
        must(isNamed, `place ${place + i} is chunk ${at}'s already`);
      }
      const views = kind === OP_MAP ? [this.view(view)] : this.#without(at, (flags & OP_PART) > 0);
      for (const { places } of views) places.set(at, isHole ? HOLE : place + i);
    }
  }

  /** Live snapshots without an entry for a chunk: all, or those of the lowest gap. */
  #without(chunk: number, lowest: boolean): ReadView[] {
    const snapshots = this.#timeline.liveSnapshots();
    const isOpen = ({ places }: ReadView) => !places.has(chunk);
    if (!lowest) return snapshots.filter(isOpen);
    must(this.kind === "range", "no column of a bitmap store is wide");
    const above = snapshots.slice(Math.max(0, snapshots.findIndex(isOpen)));
    const end = above.findIndex((one) => !isOpen(one));
    return end < 0 ? above : above.slice(0, end);
  }

  /** After all operations no place is two chunks'. */
  #checkPlaces(): void {
    const chunks = new Map<number, number>();
    for (const { isLive, places } of this.views) {
      for (const [chunk, place] of isLive ? places : []) {
        const other = place < 0 ? chunk : (chunks.get(place) ?? chunk);
        must(other === chunk, `place ${place} is of chunks ${other} and ${chunk}`);
        const isRight = place === HOLE || this.sums.isRight(place, this.chunk);
        must(isRight, `chunk ${chunk} at place ${place} does not have its sum`);
        chunks.set(place, chunk);
      }
    }
  }
}
