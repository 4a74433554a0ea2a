/**
 * The views of a store in their order, as FORMAT.md says (sections 5 and 9): read from the views
 * stream, then changed by operations of the journal.
 */
import { must, type StoreBlocks } from "./blocks.ts";

export const ORIGIN = 1;
const BITS = 64;

export interface ReadView {
  id: number;
  /** What entries name it by. */
  seat: number;
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
  marks: string;
  /** Place of each chunk that does not lie under the store; HOLE reads as zeros. */
  places: Map<number, number>;
}

/** What an operation says of a new view. */
export type NewView = Pick<ReadView, "id" | "parent" | "readOnly" | "created" | "name">;

export class Timeline {
  /** The bottom left out. */
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
    const origin = this.views.find(({ id }) => id === ORIGIN);
    must(origin?.isLive === true, "the origin lives");
    must(origin?.seat === (store.field(216) || ORIGIN), "the origin's seat");
    const moves = (store.field(24) & 1) !== 0;
    const stays = !moves || this.#hasBits || store.mode === 2;
    must(!stays || origin === this.views.at(-1), "the origin is last");
    const seats = this.views.map(({ seat }) => seat);
    must(new Set(seats).size === seats.length && Math.max(...seats) < this.#nextId, "seats");
    must(moves || this.views.every(({ id, seat }) => id === seat), "seats are ids");
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
    const marksAt = 6 + Math.ceil(length / 8);
    const marks = new Uint8Array(bytes.getUint32(word(5), true));
    for (let b = 0; b < marks.length; b++) {
      marks[b] = bytes.getUint8(word(marksAt + (b >>> 3)) + (b & 7));
    }
    const flags = bytes.getUint32(word(1), true);
    const id = bytes.getUint32(word(0), true);
    const isLive = (flags & 1) !== 0;
    must(isLive || length === 0, `view ${id} is deleted and has no name`);
    this.views.push({
      id,
      seat: bytes.getUint32(word(4), true) || id,
      parent: bytes.getUint32(word(0) + 4, true),
      isLive,
      isMarked: (flags & 4) !== 0,
      readOnly: (flags & 2) !== 0,
      bit: this.#hasBits && id !== ORIGIN ? (flags >>> 8) & (BITS - 1) : null,
      created: bytes.getFloat64(word(2), true),
      size: this.#store.long(word(3)),
      name: Buffer.from(name).toString(),
      marks: Buffer.from(marks).toString(),
      places: new Map(),
    });
    return marksAt + Math.ceil(marks.length / 8);
  }

  get #hasBits(): boolean {
    return this.#store.isBitmap;
  }

  /** Where a seat stands in the order; the bottom, 0, before all others. */
  position(seat: number): number {
    if (seat === 0) return -1;
    const found = this.views.findIndex((view) => view.seat === seat);
    must(found >= 0, `seat ${seat} is in the timeline`);
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
    const { size, places, seat } = this.live(made.parent);
    must(made.id >= this.#nextId, `view ${made.id} has a new id`);
    must(!this.views.some(({ isLive, name }) => isLive && name === made.name), "a new name");
    this.#nextId = made.id + 1;
    const bit = this.#freeBit();
    const state = { seat: made.id, isLive: true, isMarked: false, bit, size };
    const view = { ...made, ...state, marks: "", places: new Map(places) };
    this.views.splice(this.position(seat), 0, view);
  }

  /** The lowest that no view in the order has. */
  #freeBit(): number | null {
    if (!this.#hasBits) return null;
    const taken = new Set(this.views.map(({ bit }) => bit));
    for (let bit = 0; bit < BITS; bit++) if (!taken.has(bit)) return bit;
    throw new Error("not as FORMAT.md says: a bit is free for a new snapshot");
  }

  /** `made`: what the view was, as a snapshot of it; without a name it is deleted. */
  rollback(id: number, to: number, made: NewView): void {
    const view = this.live(id);
    this.create({ ...made, parent: to, name: "(for now)" });
    const target = this.live(made.id);
    const { parent, readOnly, created, name, marks } = view;
    Object.assign(target, { id, parent, readOnly, created, name, marks });
    Object.assign(view, made, { marks: "" });
    if (made.name === "") this.delete(made.id);
  }

  delete(id: number): void {
    Object.assign(this.live(id), { isLive: false, name: "", marks: "" });
  }

  rename(id: number, name: string): void {
    this.live(id).name = name;
  }

  set(id: number, fields: Partial<Pick<ReadView, "size" | "readOnly" | "marks">>): void {
    Object.assign(this.live(id), fields);
  }

  markDeleted(): void {
    for (const view of this.views) view.isMarked = !view.isLive;
  }

  removeMarked(): void {
    const left = this.views.filter(({ isMarked }) => !isMarked);
    this.views.splice(0, this.views.length, ...left);
  }
}
