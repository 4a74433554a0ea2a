/**
 * Reads a store that nobody has open, from what FORMAT.md says alone: no code of `src/` is used, so
 * that a mistake in one of the two shows. Simple, not fast: every live view has a map of its own
 * from chunks to places. Throws where a structure is not what FORMAT.md says.
 */

import { BLOCK, GROUP_CHUNKS, HEADER, must, StoreBlocks } from "./blocks.ts";
import { journal, type Operation } from "./journal.ts";

const ORIGIN = 1;
const HOLE = -1;

export interface ReadView {
  id: number;
  parent: number;
  isLive: boolean;
  readOnly: boolean;
  created: number;
  size: number;
  name: string;
  /** Place of each chunk that does not lie under the store; HOLE reads as zeros. */
  places: Map<number, number>;
}

export class StoreReader {
  readonly uuid: string;
  readonly chunk: number;
  /** In the order of the timeline, the origin last. */
  readonly views: ReadView[] = [];
  /** Records that were replayed. */
  records = 0;
  /** Entries and levels of the checkpoint's tree. */
  entries = 0;
  readonly height: number;
  readonly #store: StoreBlocks;
  readonly #under: Uint8Array | null;
  /** Chunks with data that an entry of the checkpoint names. */
  readonly #named = new Set<number>();

  /** `under`: the base, or the attached origin, of a store that has one. */
  constructor(store: Uint8Array, under: Uint8Array | null = null) {
    this.#store = new StoreBlocks(store);
    this.#under = under;
    this.chunk = 2 ** this.#store.field(56);
    this.height = this.#store.field(92);
    this.uuid = this.#store.uuid;
    this.#readViews();
    this.#readTree();
    this.#checkSpace();
    for (const operations of journal(this.#store)) {
      for (const operation of operations) this.#apply(operation);
      this.records++;
    }
  }

  /** The live view of that id; the origin is 1. */
  view(id: number): ReadView {
    const view = this.views.find((one) => one.id === id && one.isLive);
    if (!view) throw new Error(`there is no view ${id}`);
    return view;
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
        found.set(this.#store.slice(place * this.chunk + within, part), done);
      }
      done += part;
    }
    return found;
  }

  // ---- timeline

  #readViews(): void {
    const words = this.#store.stream("VIEW", 136);
    for (let i = 0; i < words.length; ) {
      const word = (index: number) => words[i + index] as number;
      const bytes = this.#store.bytes.getUint32(word(1) + 4, true);
      const name = new Uint8Array(bytes);
      for (let b = 0; b < bytes; b++) {
        name[b] = this.#store.bytes.getUint8(word(6 + (b >>> 3)) + (b & 7));
      }
      const flags = this.#store.bytes.getUint32(word(1), true);
      this.views.push({
        id: this.#store.bytes.getUint32(word(0), true),
        parent: this.#store.bytes.getUint32(word(0) + 4, true),
        isLive: (flags & 1) !== 0,
        readOnly: (flags & 2) !== 0,
        created: this.#store.bytes.getFloat64(word(2), true),
        size: this.#store.long(word(3)),
        name: Buffer.from(name).toString(),
        places: new Map(),
      });
      i += 6 + Math.ceil(bytes / 8);
    }
    must(this.views.at(-1)?.id === ORIGIN, "the origin is last");
    must(this.views.length === this.#store.field(180), "number of views");
  }

  // ---- tree

  #position(id: number): number {
    if (id === 0) return -1;
    const found = this.views.findIndex((view) => view.id === id);
    must(found >= 0, `view ${id} is in the timeline`);
    return found;
  }

  #readTree(): void {
    if (this.height > 0) this.#readNode(this.#store.field(112), this.height - 1);
    must(this.entries === this.#store.longField(104), "number of entries");
    must(this.#named.size === this.#store.longField(168), "chunks of data");
  }

  /** Answers the key of the node's last entry. */
  #readNode(number: number, level: number): { last: number; to: number } {
    const at = this.#store.blockAt(number);
    must(this.#store.bytes.getUint32(at + 4, true) === number, `number of block ${number}`);
    const count = this.#store.openBlock(at, level > 0 ? "INER" : "LEAF", level);
    must(count > 0 && count <= (level > 0 ? 252 : 168), `count of block ${number}`);
    let key = { last: 0, to: 0 };
    for (let i = 0; i < count; i++) {
      if (level === 0) {
        key = this.#readEntry(at + HEADER + i * 24);
        continue;
      }
      const entry = at + HEADER + i * 16;
      key = { last: this.#store.upper(entry), to: this.#store.bytes.getUint32(entry + 8, true) };
      const child = this.#readNode(this.#store.bytes.getUint32(entry + 12, true), level - 1);
      must(child.last === key.last && child.to === key.to, `key ${i} of block ${number}`);
    }
    return key;
  }

  #readEntry(at: number): { last: number; to: number } {
    this.entries++;
    const last = this.#store.upper(at);
    const count = this.#store.bytes.getUint16(at, true);
    const to = this.#store.bytes.getUint32(at + 12, true);
    const from = this.#position(this.#store.bytes.getUint32(at + 8, true)) + 1;
    const isHole = (this.#store.bytes.getUint16(at + 16, true) & 2) !== 0;
    const first = this.#store.upper(at + 16);
    for (let i = 0; i < count; i++) if (!isHole) this.#named.add(first + i);
    for (const { isLive, places } of this.views.slice(from, this.#position(to) + 1)) {
      for (let i = 0; i < count && isLive; i++) {
        const chunk = last - count + 1 + i;
        must(!places.has(chunk), `two entries cover chunk ${chunk} (I1)`);
        places.set(chunk, isHole ? HOLE : first + i);
      }
    }
    return { last, to };
  }

  // ---- space map

  /** Used are the fixed part, the slabs, and what entries name: nothing else. */
  #checkSpace(): void {
    const expected = new Set(this.#named);
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

  /** What an operation does to what views read. Slabs and reclaim do nothing to it. */
  #apply({ kind, flags, count, view, chunk, place, created, name }: Operation): void {
    must(kind >= 1 && kind <= 9, `operation ${kind}`);
    if (kind === 1 || kind === 2) {
      for (let i = 0; i < count; i++) {
        const views = kind === 1 ? [this.view(view)] : this.#without(chunk + i, (flags & 4) !== 0);
        for (const { places } of views) places.set(chunk + i, flags & 2 ? HOLE : place + i);
      }
    }
    if (kind === 3) {
      const parent = this.view(chunk);
      const { size } = parent;
      const places = new Map(parent.places);
      const made = { id: view, parent: chunk, isLive: true, readOnly: (flags & 2) !== 0, created };
      this.views.splice(this.#position(chunk), 0, { ...made, size, name, places });
    }
    if (kind === 4) this.view(view).isLive = false;
    if (kind === 5) this.view(view).name = name;
  }

  /** Live snapshots without an entry for a chunk: all, or those of the lowest gap. */
  #without(chunk: number, lowest: boolean): ReadView[] {
    const snapshots = this.views.filter((one) => one.isLive && one.id !== ORIGIN);
    const isOpen = ({ places }: ReadView) => !places.has(chunk);
    if (!lowest) return snapshots.filter(isOpen);
    const above = snapshots.slice(Math.max(0, snapshots.findIndex(isOpen)));
    const end = above.findIndex((one) => !isOpen(one));
    return end < 0 ? above : above.slice(0, end);
  }
}
