/**
 * The views of a store in their order, as FORMAT.md says (sections 5 and 9): read from the views
 * stream, then changed by operations of the journal.
 */
import { must, type StoreBlocks } from "./blocks.ts";

export const ORIGIN = 1;
const BITS = 64;

export interface ReadView {
  id: number;
  parent: number;
  isLive: boolean;
  /** Deleted before the reclaim walk began that is under way. */
  isMarked: boolean;
  readOnly: boolean;
  /** Of a snapshot in a bitmap store: its bit in masks. */
  bit: number | null;
  created: number;
  size: number;
  name: string;
  /** Place of each chunk that does not lie under the store; HOLE reads as zeros. */
  places: Map<number, number>;
}

/** What an operation says of a new view. */
export type NewView = Pick<ReadView, "id" | "parent" | "readOnly" | "created" | "name">;

export class Timeline {
  /** The bottom left out, the origin last. */
  readonly views: ReadView[] = [];
  readonly #store: StoreBlocks;
  #nextId: number;

  constructor(store: StoreBlocks) {
    this.#store = store;
    this.#nextId = store.field(116);
    const words = store.stream("VIEW", 136);
    for (let i = 0; i < words.length; ) i += this.#readView(words.slice(i));
    const ids = this.views.map(({ id }) => id);
    must(this.views.length === store.field(180), "number of views");
    must(ids.at(-1) === ORIGIN && this.views.at(-1)?.isLive === true, "the origin is last");
    must(new Set(ids).size === ids.length && Math.max(...ids) < this.#nextId, "ids of views");
    const bits = this.views.flatMap(({ bit }) => bit ?? []);
    must(new Set(bits).size === bits.length, "no two views have the same bit");
  }

  /** The view whose record begins with these words; answers how many of them are its own. */
  #readView(words: number[]): number {
    const { bytes } = this.#store;
    const word = (index: number) => words[index] as number;
    const length = bytes.getUint32(word(1) + 4, true);
    const name = new Uint8Array(length);
    for (let b = 0; b < length; b++) name[b] = bytes.getUint8(word(6 + (b >>> 3)) + (b & 7));
    const flags = bytes.getUint32(word(1), true);
    const id = bytes.getUint32(word(0), true);
    const isLive = (flags & 1) !== 0;
    must(isLive || length === 0, `view ${id} is deleted and has no name`);
    this.views.push({
      id,
      parent: bytes.getUint32(word(0) + 4, true),
      isLive,
      isMarked: (flags & 4) !== 0,
      readOnly: (flags & 2) !== 0,
      bit: this.#hasBits && id !== ORIGIN ? (flags >>> 8) & (BITS - 1) : null,
      created: bytes.getFloat64(word(2), true),
      size: this.#store.long(word(3)),
      name: Buffer.from(name).toString(),
      places: new Map(),
    });
    return 6 + Math.ceil(length / 8);
  }

  get #hasBits(): boolean {
    return this.#store.isBitmap;
  }

  /** Where a view stands in the order; the bottom, id 0, before all others. */
  position(id: number): number {
    if (id === 0) return -1;
    const found = this.views.findIndex((view) => view.id === id);
    must(found >= 0, `view ${id} is in the timeline`);
    return found;
  }

  live(id: number): ReadView {
    const view = this.views.find((one) => one.id === id && one.isLive);
    if (!view) throw new Error(`there is no view ${id}`);
    return view;
  }

  liveSnapshots(): ReadView[] {
    return this.views.filter(({ id, isLive }) => isLive && id !== ORIGIN);
  }

  // ---- operations

  create(made: NewView): void {
    const { size, places } = this.live(made.parent);
    must(made.id >= this.#nextId, `view ${made.id} has a new id`);
    must(!this.views.some(({ isLive, name }) => isLive && name === made.name), "a new name");
    this.#nextId = made.id + 1;
    const state = { isLive: true, isMarked: false, bit: this.#freeBit(), size };
    const view = { ...made, ...state, places: new Map(places) };
    this.views.splice(this.position(made.parent), 0, view);
  }

  /** The lowest that no view in the order has. */
  #freeBit(): number | null {
    if (!this.#hasBits) return null;
    const taken = new Set(this.views.map(({ bit }) => bit));
    for (let bit = 0; bit < BITS; bit++) if (!taken.has(bit)) return bit;
    throw new Error("not as FORMAT.md says: a bit is free for a new snapshot");
  }

  delete(id: number): void {
    Object.assign(this.live(id), { isLive: false, name: "" });
  }

  rename(id: number, name: string): void {
    this.live(id).name = name;
  }

  markDeleted(): void {
    for (const view of this.views) view.isMarked = !view.isLive;
  }

  removeMarked(): void {
    const left = this.views.filter(({ isMarked }) => !isMarked);
    this.views.splice(0, this.views.length, ...left);
  }
}
