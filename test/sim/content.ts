/**
 * What one view may hold, sector by sector: what is settled, and changes since then that may or
 * must be there, in any order that agrees with who was answered before whom was asked.
 */

import { SECTOR } from "../crash/tear.ts";
import { same } from "../model/explain.ts";

/** A change of a view, from when it was asked for to its answer, by the machine's clock. */
export interface Patch {
  offset: number;
  bytes: Uint8Array;
  start: number;
  /** Infinity until it answers. */
  end: number;
  /** It was refused, or nobody knows: any part of it may be there, for ever. */
  isVague: boolean;
}

/** A patch as a view has it. */
interface Entry {
  patch: Patch;
  /** Promised to be durable. */
  must: boolean;
  /** A snapshot has of its source's patches nothing after it was made. */
  cap: number;
  /** It was in flight when the snapshot was made: that has it, or has not, for ever. */
  isOptional: boolean;
}

type Rule = (entry: Entry) => boolean;

/** Orders of so many unaligned writes to one sector are tried; above that any will do. */
const TRIES_MAX = 5000;

const byPromise: Rule = ({ must }) => must;

export class Content {
  readonly #settled: Uint8Array;
  #entries: Entry[];
  #sectors: Map<number, Entry[]> | null = null;
  /** Reads in flight: they may have what was there when they began. */
  #reads = 0;

  constructor(settled: Uint8Array, entries: Entry[] = []) {
    this.#settled = settled;
    this.#entries = entries;
  }

  /** Bytes. */
  get size(): number {
    return this.#settled.length;
  }

  /** What a snapshot taken from now on may hold. */
  fork(): Content {
    return new Content(
      this.#settled.slice(),
      this.#entries.map((entry) => ({ ...entry })),
    );
  }

  /** The same in a view of another size: what it gets is zeros. */
  resized(size: number): Content {
    const settled = new Uint8Array(size);
    settled.set(this.#settled.subarray(0, size));
    const entries = this.#entries.flatMap((entry) => {
      const bytes = entry.patch.bytes.subarray(0, Math.max(0, size - entry.patch.offset));
      return bytes.length === 0 ? [] : [{ ...entry, patch: { ...entry.patch, bytes } }];
    });
    return new Content(settled, entries);
  }

  add(patch: Patch): void {
    this.#entries.push({ patch, must: false, cap: Number.POSITIVE_INFINITY, isOptional: false });
    this.#sectors = null;
  }

  /** What was answered before `before` is durable from now on. */
  promise(before: number): void {
    for (const entry of this.#entries) {
      if (isCertain(entry) && endOf(entry) <= before) entry.must = true;
    }
    this.#settle();
  }

  /** A snapshot that was asked for at `start` has been made: nothing more gets in. */
  close(start: number, end: number): void {
    for (const entry of this.#entries) {
      if (endOf(entry) > start) entry.isOptional = true;
      entry.cap = Math.min(entry.cap, end);
    }
    this.#sectors = null;
  }

  beginRead(): void {
    this.#reads++;
  }

  endRead(): void {
    this.#reads--;
    this.#settle();
  }

  /** Takes what can be told for certain out of the list. */
  #settle(): void {
    if (this.#reads > 0) return;
    const left: Entry[] = [];
    for (const [i, entry] of this.#entries.entries()) {
      if (!entry.must) {
        left.push(entry);
        continue;
      }
      const others = this.#entries.slice(i + 1).filter((other) => overlap(other, entry));
      if (others.some((other) => other.must && isBefore(entry, other) && covers(other, entry))) {
        continue;
      }
      const isClear = others.every((other) => isBefore(entry, other));
      if (isClear && !left.some((other) => overlap(other, entry))) {
        this.#settled.set(entry.patch.bytes, entry.patch.offset);
      } else left.push(entry);
    }
    this.#entries = left;
    this.#sectors = null;
  }

  /**
   * Whether a write that was refused has touched the range: what it left can be read, and need not
   * be there after a power cut, whatever was flushed.
   */
  isVague(offset: number, length: number): boolean {
    const isHit = touches(offset, offset + length);
    return this.#entries.some((entry) => entry.patch.isVague && isHit(entry));
  }

  /** Ranges that two patches in flight together leave open. */
  open(): { offset: number; length: number }[] {
    return this.#entries
      .filter((entry, i) => {
        const isOpen = (other: Entry, k: number) =>
          k !== i && overlap(entry, other) && !isBefore(entry, other) && !isBefore(other, entry);
        const later = this.#entries.slice(i + 1);
        if (later.some((other) => isBefore(entry, other) && covers(other, entry))) return false;
        if (entry.patch.isVague) return false;
        return entry.isOptional || this.#entries.some(isOpen);
      })
      .map(({ patch }) => ({ offset: patch.offset, length: patch.bytes.length }));
  }

  /**
   * Whether a snapshot, all of which was found, has a part of a write that was in flight when it
   * was made: it is a point between two writes.
   */
  hasPart(found: Uint8Array): boolean {
    return this.#entries.some((entry) => {
      const { patch, isOptional } = entry;
      const isClear = this.#entries.every((other) => other === entry || !overlap(other, entry));
      if (!isOptional || patch.isVague || !isClear) return false;
      const [from, to] = [patch.offset, patch.offset + patch.bytes.length];
      const now = found.subarray(from, to);
      return !same(now, patch.bytes) && !same(now, this.#settled.subarray(from, to));
    });
  }

  /** Offset of the first sector of all of a view that a power cut does not explain, or -1. */
  unexplained(found: Uint8Array): number {
    const size = this.#settled.length;
    if (found.length !== size) return Math.min(found.length, size);
    return this.#first(found, 0, byPromise);
  }

  /** The same of a range that was read from `since` on, without a power cut. */
  unexplainedRead(found: Uint8Array, offset: number, since: number): number {
    return this.#first(found, offset, (entry) => isCertain(entry) && endOf(entry) <= since);
  }

  #first(found: Uint8Array, offset: number, must: Rule): number {
    const settled = this.#settled.subarray(offset, offset + found.length);
    if (settled.length < found.length) return offset + settled.length;
    if (this.#entries.length === 0 && same(settled, found)) return -1;
    const sectors = (this.#sectors ??= bySector(this.#entries));
    const stop = offset + found.length;
    for (let at = offset; at < stop; ) {
      const end = Math.min(stop, at - (at % SECTOR) + SECTOR);
      const now = found.subarray(at - offset, end - offset);
      const old = this.#settled.subarray(at, end);
      const entries = (sectors.get(Math.floor(at / SECTOR)) ?? []).filter(touches(at, end));
      if (!explains(old, entries, now, at, must)) return at;
      at = end;
    }
    return -1;
  }
}

function isCertain({ patch, isOptional }: Entry): boolean {
  return !isOptional && !patch.isVague;
}

function endOf({ patch, cap }: Entry): number {
  return Math.min(patch.end, cap);
}

/** Whoever asked for `b` had the answer to `a`. */
function isBefore(a: Entry, b: Entry): boolean {
  return endOf(a) <= b.patch.start;
}

function overlap({ patch: a }: Entry, { patch: b }: Entry): boolean {
  return a.offset < b.offset + b.bytes.length && b.offset < a.offset + a.bytes.length;
}

function touches(from: number, to: number): Rule {
  return ({ patch }) => patch.offset < to && from < patch.offset + patch.bytes.length;
}

function covers({ patch: a }: Entry, { patch: b }: Entry): boolean {
  return a.offset <= b.offset && b.offset + b.bytes.length <= a.offset + a.bytes.length;
}

function bySector(entries: Entry[]): Map<number, Entry[]> {
  const sectors = new Map<number, Entry[]>();
  for (const entry of entries) {
    const { offset, bytes } = entry.patch;
    const last = Math.ceil((offset + bytes.length) / SECTOR);
    for (let sector = Math.floor(offset / SECTOR); sector < last; sector++) {
      const list = sectors.get(sector);
      if (list === undefined) sectors.set(sector, [entry]);
      else list.push(entry);
    }
  }
  return sectors;
}

/** Whether `found`, which lies at `at` and within a sector, can come of `old` and the entries. */
function explains(
  old: Uint8Array,
  entries: Entry[],
  found: Uint8Array,
  at: number,
  must: Rule,
): boolean {
  if (entries.length === 0) return same(old, found);
  const end = at + found.length;
  const isWhole = ({ patch }: Entry) =>
    patch.offset <= at && patch.offset + patch.bytes.length >= end;
  const whole = entries.filter(isWhole);
  const parts = entries.filter((entry) => !isWhole(entry));
  // The last that covers all of it; what came before that no longer matters.
  for (const last of [null, ...whole]) {
    const isOver = (other: Entry) => must(other) && (last === null || isBefore(last, other));
    if (whole.some(isOver)) continue;
    const base = last === null ? old : bytesOf(last, at, end);
    if (parts.length === 0) {
      if (same(base, found)) return true;
      continue;
    }
    const rest = parts.filter((part) => last === null || !isBefore(part, last));
    const needed = (part: Entry) => must(part) && (last === null || isBefore(last, part));
    if (explainsParts(base, rest, needed, found, at)) return true;
  }
  return false;
}

function bytesOf({ patch }: Entry, at: number, end: number): Uint8Array {
  return patch.bytes.subarray(at - patch.offset, end - patch.offset);
}

function explainsParts(
  base: Uint8Array,
  parts: Entry[],
  needed: Rule,
  found: Uint8Array,
  at: number,
): boolean {
  const wanted = parts.filter(needed);
  const seen = new Set<string>();
  const visit = (done: ReadonlySet<Entry>, content: Uint8Array): boolean => {
    if (same(content, found) && wanted.every((part) => done.has(part))) return true;
    const ids = parts.map((part) => (done.has(part) ? 1 : 0)).join("");
    const key = ids + Buffer.from(content).toString("latin1");
    if (seen.has(key)) return false;
    seen.add(key);
    if (seen.size > TRIES_MAX) return true;
    return parts.some((part) => {
      if (done.has(part) || [...done].some((other) => isBefore(part, other))) return false;
      return visit(new Set(done).add(part), patched(content, part, at));
    });
  };
  return visit(new Set(), base);
}

function patched(content: Uint8Array, { patch }: Entry, at: number): Uint8Array {
  const from = Math.max(at, patch.offset);
  const to = Math.min(at + content.length, patch.offset + patch.bytes.length);
  const after = content.slice();
  after.set(patch.bytes.subarray(from - patch.offset, to - patch.offset), from - at);
  return after;
}
