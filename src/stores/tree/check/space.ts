/**
 * The space map as it is on the device, and whether it has exactly the places that something names.
 *
 * Memory: two bits a place.
 */
import type { Task } from "../../../task.ts";
import { type Entry, HOLE } from "../walk.ts";
import { Bits, countBits } from "./bits.ts";
import { BLOCK, u32At } from "./blocks.ts";
import { HEADER, type MetaBlocks } from "./meta.ts";
import type { Groups } from "./tables.ts";

/** Words of 32 places; or what all of its places are. */
type Group = Uint32Array | "used" | "free" | "lost";

export class SpaceMap {
  /** Places that something names. */
  readonly #named: Bits;
  readonly #meta: MetaBlocks;
  readonly #groupChunks: number;
  /** Null: none of them is known. */
  readonly #groups: Group[] | null;

  constructor(meta: MetaBlocks, groups: Group[] | null) {
    this.#meta = meta;
    this.#groupChunks = meta.blocks.constant("GROUP_CHUNKS");
    this.#named = new Bits(this.#groupChunks);
    this.#groups = groups;
    this.#nameOwn();
  }

  /** Superblocks, journal areas and slabs. */
  #nameOwn(): void {
    const { image, slabs, findings } = this.#meta;
    this.#named.setRun(0, image.fixedChunks);
    for (const [index, { base, blocks }] of slabs.all) {
      const taken = this.name(base / image.blocksPerChunk, blocks / image.blocksPerChunk);
      if (taken >= 0) findings.problem("tables", `slab ${index} lies where another one does`);
    }
  }

  /**
   * Something names places, as far as the device has them; answers the first that something has
   * named before, or -1.
   */
  name(place: number, count: number): number {
    const within = Math.min(count, this.#meta.end - place);
    return within > 0 ? this.#named.setRun(place, within) : -1;
  }

  /** What speaks against a leaf being the one of this checkpoint: it names places that are free. */
  suspect(entries: readonly Entry[]): string | null {
    for (const { place, count, flags } of entries) {
      if (flags & HOLE) continue;
      for (let at = place; at < place + count; at++) {
        if (!this.#mayBeUsed(at))
          return `it names place ${at}, which is free: it is an old version`;
      }
    }
    return null;
  }

  #mayBeUsed(place: number): boolean {
    if (this.#groups === null) return true;
    const group = this.#groups[Math.floor(place / this.#groupChunks)] ?? "free";
    if (typeof group === "string") return group !== "free";
    const bit = place % this.#groupChunks;
    return ((group[bit >>> 5]! >>> (bit & 31)) & 1) !== 0;
  }

  /** Compares what is marked with what is named, once all is. */
  compare(): void {
    const { findings, image } = this.#meta;
    if (this.#groups === null || this.#groups.includes("lost")) return;
    let used = 0;
    let extra = 0;
    this.#groups.forEach((group, index) => {
      const found = this.#compareGroup(group, index);
      used += found.used;
      extra += found.extra;
    });
    if (extra > 0) {
      findings.problem("space", `${extra} places are marked in use by nobody`);
    }
    const counted = image.u64("SUPER_USED");
    if (used !== counted) {
      findings.problem("space", `${counted} chunks are counted as in use, ${used} are marked`);
    }
  }

  #compareGroup(group: Group, index: number): { used: number; extra: number } {
    const { findings, image } = this.#meta;
    const named = this.#named.words(index);
    const all = group === "used" ? 0xffffffff : 0;
    let used = 0;
    let extra = 0;
    for (let word = 0; word < this.#groupChunks / 32; word++) {
      const marked = typeof group === "string" ? all : group[word]!;
      const wanted = named?.[word] ?? 0;
      if (marked === 0 && wanted === 0) continue;
      used += countBits(marked);
      const place = index * this.#groupChunks + 32 * word;
      const end = place + 32 - Math.clz32(marked);
      if (marked && end > image.top) findings.problem("space", `place ${end - 1} is past the end`);
      if (marked === wanted) continue;
      if (place + 32 <= this.#meta.end) extra += countBits(marked & ~wanted);
      const free = wanted & ~marked;
      if (free === 0) continue;
      const first = place + 31 - Math.clz32(free & -free);
      findings.problem("space", `place ${first} is in use and marked free`);
    }
    return { used, extra };
  }
}

/** The groups of the space map, as far as they can be read. */
export function* readSpace(meta: MetaBlocks, groups: Groups | null): Task<SpaceMap> {
  if (groups === null) return new SpaceMap(meta, null);
  const found: Group[] = [];
  for (let index = 0; index < groups.blocks.length; index++) {
    meta.findings.step();
    const block = groups.blocks[index]!;
    const free = groups.free[index]!;
    if (block === 0) found.push(free === 0 ? "used" : "free");
    else found.push(yield* readGroup(meta, block, free));
  }
  return new SpaceMap(meta, found);
}

function* readGroup(meta: MetaBlocks, block: number, free: number): Task<Group> {
  const type = meta.blocks.constant("TYPE_SPACE");
  const bytes = yield* meta.fetch(block, "space", (bytes) => {
    if (u32At(bytes, 12) !== type) return "it is of another type";
    if (u32At(bytes, 8) !== 0) return "it has a level or a count";
    let left = meta.blocks.constant("GROUP_CHUNKS");
    for (const word of wordsOf(bytes)) left -= countBits(word);
    return left === free ? null : `it has ${left} free places, the tables say ${free}`;
  });
  return bytes ? wordsOf(bytes) : "lost";
}

function wordsOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset + HEADER, (BLOCK - HEADER) / 4);
}
