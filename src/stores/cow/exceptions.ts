/**
 * The exceptions of one snapshot in memory: old chunk -> place, in the order of their commit. All
 * of them, as in the kernel: 8 bytes each, 4 more where chunk numbers have more than 32 bits, and a
 * hash of 5.3 to 10.7 bytes each: 13 to 19 bytes (the kernel: 32). Their number is bounded by the
 * chunks of the store.
 *
 * Invariants: no old chunk is there twice (I1); the hash is at most three quarters full.
 */

/** Exceptions of a page. Pages are never copied, so that a table grows evenly. */
const PAGE = 65536;
const SLOTS_MIN = 1024;
/** Groups of chunks that are known to have exceptions or none: bits, 1 MiB of them at most. */
const GROUPS_MAX = 2 ** 23;
const GROUP_SHIFT_MIN = 10;
/** The hash of more would not fit into one array. */
export const EXCEPTIONS_MAX = 2 ** 29;

interface Page {
  old: Uint32Array;
  place: Uint32Array;
  /** Upper 16 bits of both numbers; made when the first of them is not 0. */
  upper: Uint32Array | null;
}

export class Exceptions {
  #length = 0;
  readonly #pages: Page[] = [];
  /** Number of an exception plus 1; 0 is an empty slot. Linear probing. */
  #slots = new Uint32Array(SLOTS_MIN);
  #shift = 32 - Math.log2(SLOTS_MIN);
  readonly #groups: Uint8Array;
  readonly #groupSize: number;

  /** `chunks`: those of the origin. */
  constructor(chunks: number) {
    const shift = Math.max(GROUP_SHIFT_MIN, Math.ceil(Math.log2(chunks / GROUPS_MAX)));
    this.#groupSize = 2 ** shift;
    this.#groups = new Uint8Array(Math.ceil(chunks / this.#groupSize / 8));
  }

  get length(): number {
    return this.#length;
  }

  /** Bytes of memory. */
  get memoryBytes(): number {
    const pages = this.#pages.reduce((sum, { upper }) => sum + PAGE * (upper ? 12 : 8), 0);
    return pages + this.#slots.byteLength + this.#groups.byteLength;
  }

  old(index: number): number {
    const page = this.#pages[Math.floor(index / PAGE)]!;
    const at = index % PAGE;
    return page.old[at]! + (page.upper ? page.upper[at]! % 65536 : 0) * 2 ** 32;
  }

  place(index: number): number {
    const page = this.#pages[Math.floor(index / PAGE)]!;
    const at = index % PAGE;
    return page.place[at]! + (page.upper ? page.upper[at]! >>> 16 : 0) * 2 ** 32;
  }

  /** Number of the exception of a chunk, or -1. */
  find(old: number): number {
    const slot = this.#slotOf(old);
    return this.#slots[slot]! - 1;
  }

  /** The first chunk from `chunk` on that may have an exception; `end` where there is none. */
  skip(chunk: number, end: number): number {
    while (chunk < end) {
      const group = Math.floor(chunk / this.#groupSize);
      if ((this.#groups[Math.floor(group / 8)]! >>> (group % 8)) & 1) return chunk;
      chunk = (group + 1) * this.#groupSize;
    }
    return end;
  }

  /** Enters a chunk that has no exception yet. */
  add(old: number, place: number): void {
    if (this.#length >= this.#slots.length * 0.75) this.#grow();
    const index = this.#length++;
    if (index % PAGE === 0) this.#pages[index / PAGE] ??= newPage();
    this.#set(index, old, place);
    this.#slots[this.#slotOf(old)] = index + 1;
    const group = Math.floor(old / this.#groupSize);
    this.#groups[Math.floor(group / 8)]! |= 1 << (group % 8);
  }

  /** Takes the last ones out, so that `length` are left. */
  truncate(length: number): void {
    while (this.#length > length) {
      this.#empty(this.#slotOf(this.old(this.#length - 1)));
      this.#length--;
    }
    this.#pages.length = Math.ceil(length / PAGE);
  }

  /** Puts the exceptions from number `from` on into the order of their places. */
  sort(from: number): void {
    let isSorted = true;
    for (let i = from + 1; i < this.#length && isSorted; i++) {
      isSorted = this.place(i - 1) < this.place(i);
    }
    if (isSorted) return;
    const tail: { old: number; place: number; slot: number }[] = [];
    for (let i = from; i < this.#length; i++) {
      const old = this.old(i);
      tail.push({ old, place: this.place(i), slot: this.#slotOf(old) });
    }
    tail.sort((a, b) => a.place - b.place);
    for (const [i, { old, place, slot }] of tail.entries()) {
      this.#set(from + i, old, place);
      this.#slots[slot] = from + i + 1;
    }
  }

  #set(index: number, old: number, place: number): void {
    const page = this.#pages[Math.floor(index / PAGE)]!;
    const at = index % PAGE;
    page.old[at] = old % 2 ** 32;
    page.place[at] = place % 2 ** 32;
    const upper = Math.floor(old / 2 ** 32) + Math.floor(place / 2 ** 32) * 65536;
    if (upper > 0) page.upper ??= new Uint32Array(PAGE);
    if (page.upper) page.upper[at] = upper;
  }

  /** The slot with the exception of a chunk, or the empty one where it would be entered. */
  #slotOf(old: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = this.#home(old); ; slot = (slot + 1) & mask) {
      const found = this.#slots[slot]!;
      if (found === 0 || this.old(found - 1) === old) return slot;
    }
  }

  #home(old: number): number {
    const mixed = (old % 2 ** 32) ^ Math.imul(Math.floor(old / 2 ** 32), 0x85ebca6b);
    return Math.imul(mixed, 0x9e3779b1) >>> this.#shift;
  }

  /** Empties a slot; those behind it that were pushed past it move up. */
  #empty(slot: number): void {
    const mask = this.#slots.length - 1;
    for (let next = (slot + 1) & mask; this.#slots[next] !== 0; next = (next + 1) & mask) {
      const home = this.#home(this.old(this.#slots[next]! - 1));
      if (((next - home) & mask) < ((next - slot) & mask)) continue;
      this.#slots[slot] = this.#slots[next]!;
      slot = next;
    }
    this.#slots[slot] = 0;
  }

  #grow(): void {
    this.#rehash(this.#slots.length * 2);
  }

  #rehash(slots: number): void {
    this.#slots = new Uint32Array(slots);
    this.#shift = 32 - Math.log2(slots);
    for (let i = 0; i < this.#length; i++) this.#slots[this.#slotOf(this.old(i))] = i + 1;
  }
}

function newPage(): Page {
  return { old: new Uint32Array(PAGE), place: new Uint32Array(PAGE), upper: null };
}
